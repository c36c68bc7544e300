/*
 * clock.c
 *		The only place of the engine that reads a clock.
 *
 * Runs in our processes.  Durations never come from the wall clock, which may
 * jump.
 */
#include "postgres.h"

#include <time.h>

#include "base/clock.h"
#include "utils/timestamp.h"

TimestampTz
errand_clock_now(void)
{
	return GetCurrentTimestamp();
}

int64
errand_clock_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64
errand_clock_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
