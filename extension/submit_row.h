/*
 * submit_row.h
 *		The short way of a new task into its tables.
 */
#ifndef ERRAND_SUBMIT_ROW_H
#define ERRAND_SUBMIT_ROW_H

#include "postgres.h"

#include "call.h"
#include "options.h"

/* What tasks that are alike in all else differ by. */
typedef struct ErrandPayloads
{
	Datum *items; /* jsonb */
	int n;
} ErrandPayloads;

/*
 * Does what _submit() does with these arguments, once for each of the payloads
 * (the argument is ignored), for tasks that are ready at once and have no key,
 * parents, group or deadline: inserts their rows into task and ready, as the
 * extension's owner, and fills ids, one a payload.  Returns false if nothing
 * was done, since the tasks are others or somebody has put a trigger, a rule,
 * a policy or a column on one of the tables: then _submit() is to be called.
 */
extern bool errand_submit_rows(const ErrandArgs *a, const ErrandPolicy *p, TimestampTz now,
							   const ErrandPayloads *payloads, int64 *ids);

#endif
