/*
 * backoff.c
 *		Computes how long a failed task waits before its next attempt.
 *
 * Process: any.  Pure functions: must never allocate, ereport, read the clock
 * or draw a random number (the caller hands one in, so tests can repeat a run).
 */
#include "backoff.h"

#include <stddef.h>
#include <string.h>

/* Linear and constant delays vary by this much either way. */
#define JITTER 0.10

static const char *const backoff_names[] = {[ERRAND_BACKOFF_EXPONENTIAL] = "exponential",
											[ERRAND_BACKOFF_LINEAR] = "linear",
											[ERRAND_BACKOFF_CONSTANT] = "constant"};

#define N_BACKOFFS ((int) (sizeof(backoff_names) / sizeof(backoff_names[0])))

bool
errand_backoff_parse(const char *text, ErrandBackoff *kind)
{
	if (text == NULL)
		return false;
	for (int i = 0; i < N_BACKOFFS; i++)
	{
		if (strcmp(text, backoff_names[i]) == 0)
		{
			*kind = (ErrandBackoff) i;
			return true;
		}
	}
	return false;
}

const char *
errand_backoff_name(ErrandBackoff kind)
{
	int i = (int) kind;

	return i >= 0 && i < N_BACKOFFS ? backoff_names[i] : backoff_names[0];
}

/*
 * factor^exponent for factor >= 1, exponent >= 0, by squaring: a task may have
 * failed two thousand million times.  Overflows to infinity, which the caller's
 * upper bound takes care of.
 */
static double
power(double factor, int exponent)
{
	double result = 1.0;

	while (exponent > 0)
	{
		if (exponent & 1)
			result *= factor;
		factor *= factor;
		exponent >>= 1;
	}
	return result;
}

static int64_t
clamp_ms(int64_t ms)
{
	if (ms < 1)
		return 1;
	return ms > ERRAND_BACKOFF_LIMIT_MS ? ERRAND_BACKOFF_LIMIT_MS : ms;
}

int64_t
errand_backoff_delay_ms(ErrandBackoff kind, int64_t base_ms, double factor, int64_t max_ms,
						int failures, double random01)
{
	double base = (double) clamp_ms(base_ms);
	double max = (double) clamp_ms(max_ms);
	double delay;

	/* Written so that what is not a number falls to the safe side. */
	if (!(factor >= 1.0))
		factor = 1.0;
	if (!(random01 >= 0.0))
		random01 = 0.0;
	if (random01 > 1.0)
		random01 = 1.0;
	if (failures < 1)
		failures = 1;

	switch (kind)
	{
		case ERRAND_BACKOFF_LINEAR:
			delay = base * (double) failures;
			break;
		case ERRAND_BACKOFF_CONSTANT:
			delay = base;
			break;
		case ERRAND_BACKOFF_EXPONENTIAL:
		default:
			delay = base * power(factor, failures - 1);
			break;
	}

	/* Cut first: jitter on what is cut off would be none at all. */
	if (!(delay < max))
		delay = max;
	if (kind == ERRAND_BACKOFF_LINEAR || kind == ERRAND_BACKOFF_CONSTANT)
		delay *= 1.0 - JITTER + 2.0 * JITTER * random01;
	else
		delay *= random01;
	if (!(delay < max))
		delay = max;
	return delay < 1.0 ? 1 : (int64_t) delay;
}
