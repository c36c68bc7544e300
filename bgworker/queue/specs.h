/*
 * specs.h
 *		Tasks that the engine submits itself: follow-ups, schedules, the outbox.
 */
#ifndef ERRAND_SPECS_H
#define ERRAND_SPECS_H

#include "postgres.h"

#include "queue/run.h"

/*
 * Submits what follows tasks that were recorded as final in this transaction;
 * ids of tasks without follow-ups do no harm.  Never fails for a follow-up's sake.
 */
extern void errand_follow_ups(const Datum *ids, int n);

/* The same for the runs of a settle: all but the stale, for those that have follow-ups. */
extern void errand_follow_ups_of(ErrandRun **runs, int n);

/* Events of what the last call submitted, a row each, for publication at commit. */
extern void errand_specs_announce(int rows);

#endif
