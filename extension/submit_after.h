/*
 * submit_after.h
 *		What a new task has to do with others.
 */
#ifndef ERRAND_SUBMIT_AFTER_H
#define ERRAND_SUBMIT_AFTER_H

#include "postgres.h"

#include "call.h"
#include "contract.h"
#include "options.h"

/*
 * Looks at the parents and the group: raises 42704 if one is not there, 55000
 * if the group takes no more, and fills in what the policy knows then.
 */
extern void errand_after_check(ErrandPolicy *p);

/* The arguments after, after_done, unmet, spoilt and task_group of _submit. */
extern void errand_after_args(ErrandArgs *a, const ErrandPolicy *p);

/* The state that a new task begins with. */
extern ErrandState errand_after_state(const ErrandPolicy *p, TimestampTz now);

/* Returning sets of ids: into a tuplestore, since all are known at once. */
extern void errand_return_ids(FunctionCallInfo fcinfo, const int64 *ids, int n);
extern void errand_check_set_allowed(FunctionCallInfo fcinfo);

#endif
