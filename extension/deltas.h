/*
 * deltas.h
 *		What the counters have counted since a rollup last took it.
 */
#ifndef ERRAND_DELTAS_H
#define ERRAND_DELTAS_H

#include "shared.h"

/* Of one counter.  The numbers and buckets are differences; depth is as it stands. */
typedef struct ErrandDelta
{
	char kind; /* ErrandCounterKind: q, t or a */
	char name[ERRAND_NAME_BYTES];
	ErrandCounted n; /* at: when it was taken before; 0: never */
	int64 depth;	 /* ready, scheduled and waiting */
	TimestampTz oldest_at;
} ErrandDelta;

/*
 * Of each queue, each type and all of this database that has counted anything,
 * or holds tasks; an array from palloc.  kind: of these only, 0 of all.
 */
extern ErrandDelta *errand_deltas(char kind, int *n);

/* They are written down: the next differences begin here. */
extern void errand_deltas_taken(const ErrandDelta *d, int n, TimestampTz at);

/* A counter is about to be zeroed: what was not taken of it stays so.  Under event_lock. */
extern void errand_counted_keep(ErrandCounter *c);

/* Whether that of all has its base, since this shared memory was made. */
extern bool errand_counters_based(void);

/* Adds to the counter of all what was counted before the server started, once; at: now. */
extern void errand_counters_base(const ErrandCounted *sums);

/* Which queues are paused, for who looks. */
extern void errand_paused_set(char *const *queues, int n);

/* Since when each queue's oldest ready task waits; queues that are not named have none. */
extern void errand_oldest_set(char *const *queues, const TimestampTz *at, int n);

#endif
