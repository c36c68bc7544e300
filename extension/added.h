/*
 * added.h
 *		How many tasks more would wait if the open transaction committed.
 */
#ifndef ERRAND_ADDED_H
#define ERRAND_ADDED_H

#include "postgres.h"

#include "events.h"

/*
 * Counts a change of state of a task, for its queue and for its owner; or, once
 * it has been counted, takes it back: that allocates nothing.
 */
extern void errand_added_count(const ErrandEvent *e);
extern void errand_added_take_back(const ErrandEvent *e);

/* The sum of one queue (ERRAND_COUNT_QUEUE), or of one owner (ERRAND_COUNT_ROLE, errand_role_key()). */
extern int64 errand_added(ErrandCounterKind kind, const char *name);

/* The transaction is over: its memory goes, and the sums with it. */
extern void errand_added_forget(void);

#endif
