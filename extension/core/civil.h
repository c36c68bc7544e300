/*
 * civil.h
 *		Days and dates of the (proleptic) Gregorian calendar.
 *
 * Process: any; pure inline functions, in place of libc's timegm() and
 * gmtime(), which differ between systems and may consult the environment.
 */
#ifndef ERRAND_CORE_CIVIL_H
#define ERRAND_CORE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define ERRAND_DAY_S INT64_C(86400)

/* The seconds since 1970 at which the years 1 and 10000 begin. */
#define ERRAND_UNIX_MIN INT64_C(-62135596800)
#define ERRAND_UNIX_MAX INT64_C(253402300800)

/* a / b and a mod b, rounding towards minus infinity; b > 0. */
static inline int64_t
errand_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

static inline int64_t
errand_floor_mod(int64_t a, int64_t b)
{
	return a % b + (a % b < 0 ? b : 0);
}

static inline bool
errand_is_leap_year(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* How many days has month 1..12 of this year? */
static inline int
errand_days_in_month(int64_t year, int month)
{
	static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && errand_is_leap_year(year) ? 29 : days[month - 1];
}

/*
 * Days since 1970-01-01 of a date in the years 0 to 10000.  The year is counted
 * from March, so that the day that comes and goes stands at its end.
 */
static inline int64_t
errand_days_from_civil(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2 ? 1 : 0);
	int64_t era = errand_floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t month_from_march = (month + 9) % 12;
	int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
		   719468;
}

/* The date of a day counted from 1970-01-01; the inverse of the above. */
static inline void
errand_civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = errand_floor_div(z, 146097);
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t from_march = (5 * doy + 2) / 153;

	*day = (int) (doy - (153 * from_march + 2) / 5 + 1);
	*month = (int) (from_march < 10 ? from_march + 3 : from_march - 9);
	*year = yoe + era * 400 + (*month <= 2 ? 1 : 0);
}

/* 0 is Sunday; 1970-01-01 was a Thursday. */
static inline int
errand_weekday(int64_t days)
{
	return (int) errand_floor_mod(days + 4, 7);
}

#endif /* ERRAND_CORE_CIVIL_H */
