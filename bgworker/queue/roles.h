/*
 * roles.h
 *		SQL tasks: which roles have some, and the executors that run them.
 */
#ifndef ERRAND_ROLES_H
#define ERRAND_ROLES_H

#include "postgres.h"

#include "events.h"

/* A task changed: counts the ready ones by role. */
extern void errand_roles_heard(const ErrandEvent *e);

/* A look into the index begins; a role has ready tasks there. */
extern void errand_roles_look_begins(void);
extern void errand_roles_seen(Oid role);

/* The role needs an executor, though nothing of it is ready. */
extern void errand_roles_want(Oid role);

/* Somebody asked to cancel the task: the executor that has it in hand is interrupted. */
extern void errand_roles_cancel(int64 id);

/* The leader: starts executors, asks others to make room, reminds the late. */
extern void errand_roles_tend(void);

/* When it wants to be called again, in microseconds from now. */
extern int64 errand_roles_wait_us(void);

#endif
