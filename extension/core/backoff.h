/*
 * backoff.h
 *		How long a failed task waits before its next attempt.
 */
#ifndef ERRAND_CORE_BACKOFF_H
#define ERRAND_CORE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* No delay is ever longer, whatever max_ms says: 366 days. */
#define ERRAND_BACKOFF_LIMIT_MS INT64_C(31622400000)

typedef enum ErrandBackoff
{
	ERRAND_BACKOFF_EXPONENTIAL,
	ERRAND_BACKOFF_LINEAR,
	ERRAND_BACKOFF_CONSTANT
} ErrandBackoff;

/*
 * 'exponential', 'linear' or 'constant', exactly so.  False, leaving *kind
 * alone, for anything else, NULL included.
 */
extern bool errand_backoff_parse(const char *text, ErrandBackoff *kind);

/* The name that errand_backoff_parse() takes; a static string, never NULL. */
extern const char *errand_backoff_name(ErrandBackoff kind);

/*
 * Milliseconds to wait before the next attempt: at least 1, never more than
 * max_ms (or ERRAND_BACKOFF_LIMIT_MS).
 *
 *	exponential: uniform in 0 .. min(max_ms, base_ms * factor^(failures-1))
 *	linear:      base_ms * failures, give or take 10 %
 *	constant:    base_ms, give or take 10 %
 *
 * failures counts the failed attempts so far, this one included, from 1.
 * random01 is in [0, 1).  Values outside their range are taken as the nearest
 * one inside (base_ms and max_ms 1, failures 1, factor 1); a factor that is not
 * a number is taken as 1.
 */
extern int64_t errand_backoff_delay_ms(ErrandBackoff kind, int64_t base_ms, double factor,
									   int64_t max_ms, int failures, double random01);

#endif /* ERRAND_CORE_BACKOFF_H */
