/*
 * submit_row.h
 *		The short way of a new task into its tables.
 */
#ifndef ERRAND_SUBMIT_ROW_H
#define ERRAND_SUBMIT_ROW_H

#include "postgres.h"

#include "call.h"
#include "options.h"

/*
 * Does what _submit() does with these arguments, for a task that is ready at
 * once and has no key, parents, group or deadline: inserts its rows into task
 * and ready, as the extension's owner.  Returns its id; 0 if nothing was done,
 * since the task is another or somebody has put a trigger, a rule, a policy or
 * a column on one of the tables: then _submit() is to be called.
 */
extern int64 errand_submit_row(const ErrandArgs *a, const ErrandPolicy *p, TimestampTz now);

#endif
