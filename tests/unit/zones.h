/*
 * zones.h
 *		Time zones for the tests of schedules, as rules in C: the machine that
 *		runs the tests may have no tzdata.
 */
#ifndef ERRAND_TESTS_ZONES_H
#define ERRAND_TESTS_ZONES_H

#include "civil.h"

/* The day, since 1970, of the n-th Sunday of a month; n = -1: the last one. */
static inline int64_t
nth_sunday(int64_t year, int month, int n)
{
	int64_t day;

	if (n < 0)
	{
		day = errand_days_from_civil(year, month, errand_days_in_month(year, month));
		return day - errand_weekday(day);
	}
	day = errand_days_from_civil(year, month, 1);
	return day + (7 - errand_weekday(day)) % 7 + 7 * (n - 1);
}

static inline int64_t
year_of(int64_t unix_s)
{
	int64_t year;
	int ignored;

	errand_civil_from_days(errand_floor_div(unix_s, ERRAND_DAY_S), &year, &ignored, &ignored);
	return year;
}

/* UTC+1, in summer +2: last Sunday of March to last of October, 01:00 UTC. */
static inline int
berlin(int64_t unix_s, void *arg)
{
	int64_t year = year_of(unix_s);

	(void) arg;
	return unix_s >= nth_sunday(year, 3, -1) * ERRAND_DAY_S + 3600 &&
				   unix_s < nth_sunday(year, 10, -1) * ERRAND_DAY_S + 3600 ?
			   7200 :
			   3600;
}

/* UTC-5, in summer -4: second Sunday of March to first of November, 02:00. */
static inline int
new_york(int64_t unix_s, void *arg)
{
	int64_t year = year_of(unix_s - 5 * 3600);

	(void) arg;
	return unix_s >= nth_sunday(year, 3, 2) * ERRAND_DAY_S + 7 * 3600 &&
				   unix_s < nth_sunday(year, 11, 1) * ERRAND_DAY_S + 6 * 3600 ?
			   -4 * 3600 :
			   -5 * 3600;
}

/* UTC+10:30, in the southern summer +11: a change of half an hour at 02:00. */
static inline int
lord_howe(int64_t unix_s, void *arg)
{
	int64_t year = year_of(unix_s + 10 * 3600);

	(void) arg;
	return unix_s >= nth_sunday(year, 4, 1) * ERRAND_DAY_S - 9 * 3600 &&
				   unix_s < nth_sunday(year, 10, 1) * ERRAND_DAY_S - 8 * 3600 - 1800 ?
			   37800 :
			   39600;
}

/* Midnight itself is skipped and repeated: UTC-5, in summer -4, at 00:00. */
static inline int
havana(int64_t unix_s, void *arg)
{
	int64_t year = year_of(unix_s - 5 * 3600);

	(void) arg;
	return unix_s >= nth_sunday(year, 3, 2) * ERRAND_DAY_S + 5 * 3600 &&
				   unix_s < nth_sunday(year, 11, 1) * ERRAND_DAY_S + 5 * 3600 ?
			   -4 * 3600 :
			   -5 * 3600;
}

/* Samoa left out 30 December 2011: from UTC-10 to UTC+14. */
#define APIA_CHANGE INT64_C(1325239200)

static inline int
apia(int64_t unix_s, void *arg)
{
	(void) arg;
	return unix_s < APIA_CHANGE ? -10 * 3600 : 14 * 3600;
}

/* And the other way: a whole day comes twice. */
static inline int
day_twice(int64_t unix_s, void *arg)
{
	(void) arg;
	return unix_s < APIA_CHANGE ? 12 * 3600 : -12 * 3600;
}

/* No whole hours, and no change. */
static inline int
kathmandu(int64_t unix_s, void *arg)
{
	(void) unix_s;
	(void) arg;
	return 5 * 3600 + 45 * 60;
}

#endif /* ERRAND_TESTS_ZONES_H */
