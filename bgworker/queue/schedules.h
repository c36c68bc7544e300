/*
 * schedules.h
 *		The leader's part in schedules: fires what is due, and empties the outbox.
 */
#ifndef ERRAND_SCHEDULES_H
#define ERRAND_SCHEDULES_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Schedules, sources or the outbox may have changed: look at them. */
extern void errand_schedules_changed(void);

/* Whether there is something to look at now; when there will be, 0: nothing known. */
extern bool errand_schedules_due(void);
extern TimestampTz errand_schedules_next(void);

/* Does it, in transactions of its own; for chores.c, outside of any. */
extern void errand_schedules_run(void);

#endif
