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

/* Whether there is something to look at now; when there will be, 0: nothing known. */
extern bool errand_sources_due(void);
extern TimestampTz errand_sources_next(void);

/* Sources that are to be tested: whether there are any, and fetching them, in transactions of its own. */
extern bool errand_source_tests_any(void);
extern void errand_source_tests_run(void);

/* Looks: begins what is due.  For chores.c, within a transaction. */
extern void errand_sources_tend(void);

#endif
