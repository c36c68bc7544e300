/*
 * wait_look.h
 *		What the waiting functions find when they look at their tasks.
 */
#ifndef ERRAND_WAIT_LOOK_H
#define ERRAND_WAIT_LOOK_H

#include "postgres.h"

#include "fmgr.h"

typedef enum ErrandLookState
{
	ERRAND_LOOK_RUNNING = 0, /* not final */
	ERRAND_LOOK_SUCCEEDED,
	ERRAND_LOOK_FAILED, /* failed, cancelled, unknown */
	ERRAND_LOOK_NONE	/* no such task, or not the caller's */
} ErrandLookState;

/* Arrays of n, in the order of the ids; palloc'd at the first look. */
typedef struct ErrandLook
{
	ErrandLookState *state;
	char **name; /* of the state */
	char **error;
	int running;
	int failed; /* and none */
} ErrandLook;

/* Looks with the latest snapshot at those of the ids that were not final before. */
extern void errand_look(const int64 *ids, int n, ErrandLook *look);

/* Prepares fcinfo to return a materialised set of the declared row type. */
extern void errand_init_materialized(FunctionCallInfo fcinfo);

/* The pid of the database's leader, 0 if there is none. */
extern int errand_leader_pid(Oid database);

#endif
