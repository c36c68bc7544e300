/*
 * rate.h
 *		Reading a rate like '50/s' or '1000/h'.
 */
#ifndef ERRAND_CORE_RATE_H
#define ERRAND_CORE_RATE_H

#include <stdbool.h>
#include <stddef.h>

/* The bounds of a rate, per second: about one in 115 days, and a million. */
#define ERRAND_RATE_MIN 1e-7
#define ERRAND_RATE_MAX 1e6

/*
 * "<number>/<unit>": an integer or a decimal (with a point, whatever the
 * locale), and s, sec, second(s), m, min, minute(s), h, hour(s), d or day(s).
 * Case and blanks around number and unit are ignored.
 *
 * Sets *per_second and returns true; false, leaving it alone, if the text is no
 * rate or the rate lies outside ERRAND_RATE_MIN..ERRAND_RATE_MAX.
 */
extern bool errand_rate_parse(const char *text, size_t len, double *per_second);

#endif /* ERRAND_CORE_RATE_H */
