/*
 * ring.h
 *		Writing into the shared memory that events.c publishes to.  Callers
 *		hold event_lock exclusively; nothing here fails, allocates or waits.
 */
#ifndef ERRAND_RING_H
#define ERRAND_RING_H

#include "events.h"

/* Appends a record and gives it the next sequence number. */
extern void errand_ring_write(const ErrandEvent *e);

/* Moves the counters of the event's queue and task type. */
extern void errand_counters_apply(const ErrandEvent *e);

#endif
