/*
 * free.h
 *		Frees tasks whose parents are final.
 */
#ifndef ERRAND_FREE_H
#define ERRAND_FREE_H

#include "postgres.h"

#include "queue/run.h"

/* In the settle's transaction: what waits for the runs that are final now. */
extern void errand_free_settled(ErrandRun **runs, int n);

/* The leader heard of a task that is final, of one that waits. */
extern void errand_free_parent(int64 id);
extern void errand_free_child(int64 id);

/* Something may have been missed: looks at everything that waits. */
extern void errand_free_sweep(void);

/* Whether the leader has something to free; doing it, in a transaction of its own. */
extern bool errand_free_wanted(void);
extern void errand_free_work(void);

/* Microseconds until it has. */
extern int64 errand_free_wait_us(void);

#endif
