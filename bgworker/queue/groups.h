/*
 * groups.h
 *		Counts of task groups.
 */
#ifndef ERRAND_GROUPS_H
#define ERRAND_GROUPS_H

#include "postgres.h"

#include "queue/run.h"

/* In the settle's transaction: counts the runs of groups that are final now. */
extern void errand_groups_settled(ErrandRun **runs, int n);

/* Counts changed, or may have. */
extern void errand_groups_look(void);

/* Whether the leader should look; doing it, in a transaction of its own. */
extern bool errand_groups_wanted(void);
extern void errand_groups_work(void);

/* Microseconds until it should. */
extern int64 errand_groups_wait_us(void);

#endif
