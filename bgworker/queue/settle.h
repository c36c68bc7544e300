/*
 * settle.h
 *		Recording what became of runs.
 */
#ifndef ERRAND_SETTLE_H
#define ERRAND_SETTLE_H

#include "postgres.h"

/* Whether a settle is due: at once when idle, every few milliseconds under load. */
extern bool errand_settle_due(int64 now_us);

/* When the next settle is due, in microseconds from now; -1 if nothing waits. */
extern int64 errand_settle_wait_us(int64 now_us);

/* Writes the runs that are DONE, within the open transaction; at most most. */
extern void errand_settle(int most);

/* Whether what a run of the batch did is in this transaction, though its lease was taken away. */
extern bool errand_settle_must_undo(void);

/* The transaction committed, or failed. */
extern int errand_settle_committed(int64 now_us);
extern void errand_settle_aborted(const char *why, int sqlerrcode);

/* Counts a run that is settled, or whose result was dropped (stale). */
struct ErrandRun;
extern void errand_settle_count(const struct ErrandRun *r);

/* How many to settle in the next transaction: one by one after a failure. */
extern int errand_settle_batch(void);

#endif
