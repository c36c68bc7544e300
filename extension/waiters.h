/*
 * waiters.h
 *		Whom the end of tasks wakes: backends that wait for one of them.
 */
#ifndef ERRAND_WAITERS_H
#define ERRAND_WAITERS_H

#include "shared.h"

/*
 * The tasks that become final in one transaction, for the waiters: fine enough
 * that a batch of hundreds wakes hardly anybody who waits for another task.
 */
#define FINE_WORDS 1024 /* 65,536 bits */

typedef struct ErrandFinals
{
	bool watched; /* somebody waits: note what is final */
	bool any;
	uint64 filter[ERRAND_FILTER_WORDS];
	uint64 fine[FINE_WORDS]; /* clean only if watched */
} ErrandFinals;

/* Before the events of a transaction: who registers later sees what has committed. */
extern void errand_finals_begin(ErrandFinals *f);

/* This task is final; a group is minus its id. */
extern void errand_finals_note(ErrandFinals *f, int64 id);

/* Sets the latches of those who wait for one of them.  Caller holds event_lock. */
extern void errand_finals_wake(const ErrandFinals *f);

/* Whether this backend is registered (events.h) and has to be taken off after an error. */
extern bool errand_wait_registered(void);

#endif
