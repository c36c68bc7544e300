/*
 * spec.h
 *		Specs: tasks that are checked and resolved now, and submitted later from
 *		inside the engine (schedules, follow-ups).
 */
#ifndef ERRAND_SPEC_H
#define ERRAND_SPEC_H

#include "postgres.h"

#include "options.h"
#include "utils/jsonb.h"

/*
 * The spec of a task, as _submit_spec() inserts it: what errand.submit() would
 * check is checked, every default filled in, the owner is the role in force.
 * Raises what errand.submit() raises.  fill names what is put into the payload
 * when it is submitted, or is NULL; without follow_ups the task type's own
 * on_success and on_failure do not count, and others are refused.
 */
extern Jsonb *errand_spec_make(const char *task, ErrandOptions *o, TimestampTz now,
							   const char *fill, bool follow_ups);

/*
 * The spec of on_success or on_failure in one of its four forms, or NULL if it
 * is not given; raises 22023 with a hint.
 */
extern Jsonb *errand_follow_up_prepare(const ErrandOptions *o, ErrandOption which, TimestampTz now);

#endif
