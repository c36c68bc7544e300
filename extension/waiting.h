/*
 * waiting.h
 *		What the functions that wait for tasks share.
 */
#ifndef ERRAND_WAITING_H
#define ERRAND_WAITING_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "wait_look.h"

/* A bigint[] argument; NULL is an empty one, an id that is NULL raises 22004. */
extern int64 *errand_wait_ids(FunctionCallInfo fcinfo, int arg, int *n);

/* Drops what comes a second time, and keeps the order; returns how many remain. */
extern int errand_wait_distinct(int64 *ids, int n);

/* When to give up, from an interval argument; 0: never. */
extern TimestampTz errand_wait_until(FunctionCallInfo fcinfo, int arg);

/* Raises 55000 if the open transaction itself submitted one of the tasks. */
extern void errand_wait_check(const int64 *ids, int n);

/* Sleeps until the latch is set, most_ms at most; false when until has come. */
extern bool errand_wait_sleep(TimestampTz until, long most_ms);

/*
 * Sleeps until another look is worth it; false when until has come.  Call it
 * while registered, and after errand_look().
 */
extern bool errand_wait_more(TimestampTz until, const ErrandLook *look);

/* The result of a task that is final; raises its error if it did not succeed. */
extern Datum errand_wait_result(int64 id, bool *isnull);

/*
 * What result and error of a row say about one task of a look: the result if
 * it succeeded, else why not.
 */
extern void errand_wait_row(const ErrandLook *look, int i, int64 id, Datum *values, bool *nulls);

/* Waits for one task; on timeout asks it to stop and raises 57014. */
extern void errand_wait_one(int64 id, TimestampTz until, const char *remedy);

#endif
