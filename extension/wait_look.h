/*
 * wait_look.h
 *		What the waiting functions find when they look at their tasks.
 */
#ifndef ERRAND_WAIT_LOOK_H
#define ERRAND_WAIT_LOOK_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"

typedef enum ErrandLookState
{
	ERRAND_LOOK_RUNNING = 0, /* not final */
	ERRAND_LOOK_SUCCEEDED,
	ERRAND_LOOK_FAILED, /* failed, unknown */
	ERRAND_LOOK_CANCELLED,
	ERRAND_LOOK_NONE /* no such task, or not the caller's */
} ErrandLookState;

/* Arrays of n, in the order of the ids; palloc'd at the first look. */
typedef struct ErrandLook
{
	ErrandLookState *state;
	char **name; /* of the state */
	char **error;
	TimestampTz *finished;
	int running;
	int failed; /* and cancelled, and none */
	int n_fresh;
	int *fresh;	   /* what the last look found final, in order of time */
	int64 took_us; /* the last look */
} ErrandLook;

/* Whether a task is over without a result. */
static inline bool
errand_look_failed(ErrandLookState s)
{
	return s == ERRAND_LOOK_FAILED || s == ERRAND_LOOK_CANCELLED || s == ERRAND_LOOK_NONE;
}

/* Looks with the latest snapshot at those of the ids that were not final before. */
extern void errand_look(const int64 *ids, int n, ErrandLook *look);

/* Prepares fcinfo to return a materialised set of the declared row type. */
extern void errand_init_materialized(FunctionCallInfo fcinfo);

/* The pid of the database's leader, 0 if there is none. */
extern int errand_leader_pid(Oid database);

/* In a handler: raises 55000 if a task may wait for this one's executor to be free. */
extern void errand_wait_refuse_pool(const int64 *ids, int n);

#endif
