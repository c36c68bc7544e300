/*
 * retry_after.c
 *		Reads the Retry-After header, whatever a server writes there.
 *
 * Process: any (the worker, in practice).  Pure functions: must never allocate,
 * ereport, read the clock (the caller hands the time in) or consult the locale
 * (as strptime() does).
 */
#include "retry_after.h"

#include "ascii.h"
#include "civil.h"

#define MAX_MS INT64_C(86400000)

/* What is left to read.  Every step either takes something away or fails. */
typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

typedef struct Moment
{
	int year;
	int month; /* 1..12 */
	int day;
	int hour;
	int minute;
	int second;
} Moment;

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
									 "jul", "aug", "sep", "oct", "nov", "dec"};

static const char *const weekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
									   "thursday", "friday", "saturday"};

static bool
take_text(Reader *r, const char *text)
{
	size_t n = strlen(text);

	if ((size_t) (r->end - r->at) < n || !errand_ascii_equals(r->at, n, text))
		return false;
	r->at += n;
	return true;
}

/* Exactly this many digits. */
static bool
take_digits(Reader *r, size_t n, int *value)
{
	int64_t v;

	if ((size_t) (r->end - r->at) < n || !errand_ascii_uint(r->at, n, n, &v))
		return false;
	r->at += n;
	*value = (int) v;
	return true;
}

/* The name of a weekday, cut to three letters or in full. */
static bool
take_weekday(Reader *r, bool full)
{
	size_t n = 0;

	while (r->at + n < r->end && errand_ascii_is_alpha(r->at[n]))
		n++;
	for (int i = 0; i < 7; i++)
	{
		if (n == (full ? strlen(weekdays[i]) : 3) &&
			(full ? errand_ascii_equals(r->at, n, weekdays[i]) :
					errand_ascii_lower(r->at[0]) == weekdays[i][0] &&
						errand_ascii_lower(r->at[1]) == weekdays[i][1] &&
						errand_ascii_lower(r->at[2]) == weekdays[i][2]))
		{
			r->at += n;
			return true;
		}
	}
	return false;
}

static bool
take_month(Reader *r, int *month)
{
	for (int i = 0; i < 12; i++)
	{
		if (take_text(r, months[i]))
		{
			*month = i + 1;
			return true;
		}
	}
	return false;
}

/* "08:49:37" */
static bool
take_time(Reader *r, Moment *m)
{
	return take_digits(r, 2, &m->hour) && take_text(r, ":") && take_digits(r, 2, &m->minute) &&
		   take_text(r, ":") && take_digits(r, 2, &m->second);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool
read_imf_fixdate(Reader r, Moment *m)
{
	return take_weekday(&r, false) && take_text(&r, ", ") && take_digits(&r, 2, &m->day) &&
		   take_text(&r, " ") && take_month(&r, &m->month) && take_text(&r, " ") &&
		   take_digits(&r, 4, &m->year) && take_text(&r, " ") && take_time(&r, m) &&
		   take_text(&r, " gmt") && r.at == r.end;
}

/* "Sunday, 06-Nov-94 08:49:37 GMT"; the year is left in 0..99. */
static bool
read_rfc850(Reader r, Moment *m)
{
	return take_weekday(&r, true) && take_text(&r, ", ") && take_digits(&r, 2, &m->day) &&
		   take_text(&r, "-") && take_month(&r, &m->month) && take_text(&r, "-") &&
		   take_digits(&r, 2, &m->year) && take_text(&r, " ") && take_time(&r, m) &&
		   take_text(&r, " gmt") && r.at == r.end;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool
read_asctime(Reader r, Moment *m)
{
	return take_weekday(&r, false) && take_text(&r, " ") && take_month(&r, &m->month) &&
		   take_text(&r, " ") &&
		   (take_text(&r, " ") ? take_digits(&r, 1, &m->day) : take_digits(&r, 2, &m->day)) &&
		   take_text(&r, " ") && take_time(&r, m) && take_text(&r, " ") &&
		   take_digits(&r, 4, &m->year) && r.at == r.end;
}

/* Seconds since 1970, or false if there is no such moment. */
static bool
moment_to_unix(const Moment *m, int64_t *unix_s)
{
	/* 60: a leap second. */
	if (m->year < 1 || m->day < 1 || m->hour > 23 || m->minute > 59 || m->second > 60 ||
		m->day > errand_days_in_month(m->year, m->month))
		return false;
	*unix_s = errand_days_from_civil(m->year, m->month, m->day) * ERRAND_DAY_S + m->hour * 3600 +
			  m->minute * 60 + m->second;
	return true;
}

/*
 * A two-digit year is the one of this century, unless that lies more than fifty
 * years ahead: then it is the most recent one that ends so (RFC 9110, 5.6.7).
 */
static int
full_year(int two_digits, int64_t now_unix_s)
{
	int64_t this_year;
	int64_t year;
	int ignored;

	errand_civil_from_days(errand_floor_div(now_unix_s, ERRAND_DAY_S), &this_year, &ignored,
						   &ignored);
	year = this_year - errand_floor_mod(this_year, 100) + two_digits;
	if (year > this_year + 50)
		year -= 100;
	return (int) year;
}

static int64_t
wait_until(const Moment *m, int64_t now_unix_ms)
{
	int64_t unix_s;
	int64_t wait_ms;

	if (!moment_to_unix(m, &unix_s))
		return -1;
	wait_ms = unix_s * 1000 - now_unix_ms;
	if (wait_ms < 0)
		return 0;
	return wait_ms > MAX_MS ? MAX_MS : wait_ms;
}

/* Any number of digits: a number too long to hold is simply a long wait. */
static int64_t
wait_seconds(const char *value, size_t len)
{
	int64_t seconds = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (!errand_ascii_is_digit(value[i]))
			return -1;
		if (seconds <= MAX_MS / 1000)
			seconds = seconds * 10 + (value[i] - '0');
	}
	return seconds > MAX_MS / 1000 ? MAX_MS : seconds * 1000;
}

int64_t
errand_retry_after_ms(const char *value, size_t len, int64_t now_unix_ms)
{
	Reader r;
	Moment m;

	errand_ascii_trim(&value, &len);
	if (len == 0)
		return -1;
	if (errand_ascii_is_digit(value[0]))
		return wait_seconds(value, len);

	/* A clock that is broken beyond this makes no date readable. */
	if (now_unix_ms < ERRAND_UNIX_MIN * 1000 || now_unix_ms >= ERRAND_UNIX_MAX * 1000)
		return -1;
	r.at = value;
	r.end = value + len;
	if (read_imf_fixdate(r, &m) || read_asctime(r, &m))
		return wait_until(&m, now_unix_ms);
	if (read_rfc850(r, &m))
	{
		m.year = full_year(m.year, errand_floor_div(now_unix_ms, 1000));
		return wait_until(&m, now_unix_ms);
	}
	return -1;
}
