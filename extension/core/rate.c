/*
 * rate.c
 *		Reads rates like '50/s'.
 *
 * Process: any (backends, when a queue, a task type or a host is defined; the
 * leader).  Pure functions: must never allocate, ereport or consult the locale
 * (as strtod() does for the decimal point).
 */
#include "rate.h"

#include "ascii.h"

/* Digits before and after the point; more could not make a rate in range. */
#define MAX_WHOLE_DIGITS 15
#define MAX_FRACTION_DIGITS 15

typedef struct Unit
{
	const char *name;
	double seconds;
} Unit;

static const Unit units[] = {{"s", 1},		 {"sec", 1},	 {"second", 1},	  {"seconds", 1},
							 {"m", 60},		 {"min", 60},	 {"minute", 60},  {"minutes", 60},
							 {"h", 3600},	 {"hour", 3600}, {"hours", 3600}, {"d", 86400},
							 {"day", 86400}, {"days", 86400}};

static bool
parse_unit(const char *s, size_t len, double *seconds)
{
	errand_ascii_trim(&s, &len);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (errand_ascii_equals(s, len, units[i].name))
		{
			*seconds = units[i].seconds;
			return true;
		}
	}
	return false;
}

/* "12", "12.5"; digits on both sides of the point, if there is one. */
static bool
parse_decimal(const char *s, size_t len, double *value)
{
	const char *point;
	size_t whole_len;
	int64_t whole;
	int64_t fraction;
	double scale = 1;

	errand_ascii_trim(&s, &len);
	if (len == 0)
		return false;
	point = memchr(s, '.', len);
	whole_len = point != NULL ? (size_t) (point - s) : len;
	if (!errand_ascii_uint(s, whole_len, MAX_WHOLE_DIGITS, &whole))
		return false;
	*value = (double) whole;
	if (point == NULL)
		return true;
	if (!errand_ascii_uint(point + 1, len - whole_len - 1, MAX_FRACTION_DIGITS, &fraction))
		return false;
	for (size_t i = 0; i < len - whole_len - 1; i++)
		scale *= 10;
	*value += (double) fraction / scale;
	return true;
}

bool
errand_rate_parse(const char *text, size_t len, double *per_second)
{
	const char *slash;
	size_t before;
	double count;
	double seconds;
	double rate;

	if (len == 0)
		return false;
	slash = memchr(text, '/', len);
	if (slash == NULL)
		return false;
	before = (size_t) (slash - text);
	if (!parse_decimal(text, before, &count) || !parse_unit(slash + 1, len - before - 1, &seconds))
		return false;
	rate = count / seconds;
	if (!(rate >= ERRAND_RATE_MIN && rate <= ERRAND_RATE_MAX))
		return false;
	*per_second = rate;
	return true;
}
