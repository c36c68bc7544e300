/*
 * clock.h
 *		The time, in one place, so that tests can move it.
 */
#ifndef ERRAND_CLOCK_H
#define ERRAND_CLOCK_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* The wall clock, for what is stored and shown. */
extern TimestampTz errand_clock_now(void);

/* Microseconds that only go forward, for durations and timeouts. */
extern int64 errand_clock_monotonic(void);

/* Microseconds of CPU this process has used: a cost that load does not change. */
extern int64 errand_clock_cpu(void);

#endif
