/*
 * sources.h
 *		The engine's part in sources: what follows their tasks, and the leader's
 *		look at what is due.
 */
#ifndef ERRAND_SOURCES_H
#define ERRAND_SOURCES_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "events.h"
#include "queue/run.h"

/* In the settle's transaction: what follows those of the runs that are a source's. */
extern void errand_sources_settled(ErrandRun **runs, int n);

/* Sources may have changed: look at them. */
extern void errand_sources_changed(void);

/*
 * What the leader does for them, in transactions of its own: begins what is
 * due, puts right what no settle saw, fetches what is to be tested.
 */
extern void errand_sources_work(void);

/* How long until there is something to do: microseconds, INT64_MAX: nothing known. */
extern int64 errand_sources_wait_us(void);

#endif
