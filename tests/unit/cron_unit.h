/*
 * cron_unit.h
 *		What the tests of schedules share.
 */
#ifndef CRON_UNIT_H
#define CRON_UNIT_H

#include "unit.h"

#include "cron.h"
#include "zones.h"

/* Seconds since 1970 of a moment in UTC. */
static inline int64_t
at(int64_t year, int month, int day, int hour, int minute, int second)
{
	return errand_days_from_civil(year, month, day) * ERRAND_DAY_S + hour * 3600 + minute * 60 +
		   second;
}

static inline ErrandCron
parsed(const char *text)
{
	ErrandCron cron;
	const char *why = NULL;

	if (!errand_cron_parse(text, strlen(text), &cron, &why))
		fail_msg("<%s>: %s", text, why);
	return cron;
}

/* The next instant, or -1. */
static inline int64_t
next_of(const char *text, int64_t after, ErrandUtcOffset zone)
{
	ErrandCron cron = parsed(text);
	int64_t next = -1;

	if (!errand_cron_next(&cron, after, zone, NULL, &next))
		return -1;
	assert_true(next > after);
	return next;
}

#endif
