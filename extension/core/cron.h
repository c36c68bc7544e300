/*
 * cron.h
 *		Schedules: five-field cron, @names, and 'every 10 s'.
 */
#ifndef ERRAND_CORE_CRON_H
#define ERRAND_CORE_CRON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shortest and the longest 'every', in seconds: 1 s and 366 days. */
#define ERRAND_EVERY_MIN_S 1
#define ERRAND_EVERY_MAX_S 31622400

/* A parsed schedule.  Plain data; bit n of a set stands for the value n. */
typedef struct ErrandCron
{
	int64_t every_s;  /* 'every': seconds; 0: the fields below */
	uint64_t minutes; /* 0..59 */
	uint32_t hours;	  /* 0..23 */
	uint32_t days;	  /* 1..31 */
	uint16_t months;  /* 1..12 */
	uint8_t weekdays; /* 0..6, Sunday is 0 */
	bool minute_star; /* the field began with a star */
	bool day_star;
	bool weekday_star;
} ErrandCron;

/*
 * Seconds east of UTC at the instant unix_s.  Must answer for any instant within
 * ten years of the one asked about; may be called some dozens of times.
 */
typedef int (*ErrandUtcOffset)(int64_t unix_s, void *arg);

/*
 * Parse a schedule.  Any bytes; case is ignored.
 *
 *	- "minute hour day month weekday", each a list of "*", numbers, names (jan,
 *	  mon), ranges, and "/step" after a star or a range, no longer than the field;
 *	  weekday 7 is Sunday.  If neither day nor weekday begins with a star, a date
 *	  matches if either does;
 *	- @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly;
 *	- "every <n> <unit>": s, sec, m, min, h, hour, d, day and their plurals and
 *	  long forms; from ERRAND_EVERY_MIN_S to ERRAND_EVERY_MAX_S.
 *
 * True: *cron is filled.  False: *cron is undefined and *why, unless why is
 * NULL, is a static fragment for a message, like "it has fewer than five
 * fields".
 */
extern bool errand_cron_parse(const char *text, size_t len, ErrandCron *cron, const char **why);

/*
 * The first instant after after_unix_s (seconds since 1970, UTC) at which the
 * schedule is due, in the local time that offset tells (NULL: UTC).
 *
 * 'every' is due at the multiples of its interval since 1970 in UTC, so it needs
 * no memory and does not drift.  Across a change of the local time's offset:
 *
 *	- every hour (hour field "*"): due at each matching minute that a clock on the
 *	  wall shows, so it goes on evenly;
 *	- otherwise a local time that is skipped is due once, right after the gap,
 *	  and one that comes twice is due the first time only, unless the minute
 *	  field begins with a star.
 *
 * Returns false, leaving *next alone, if there is none within nine years (30
 * February; the 29th comes every four years, at worst every eight), or if
 * after_unix_s lies outside the years 1 to 9999.
 */
extern bool errand_cron_next(const ErrandCron *cron, int64_t after_unix_s, ErrandUtcOffset offset,
							 void *arg, int64_t *next);

#endif /* ERRAND_CORE_CRON_H */
