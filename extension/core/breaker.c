/*
 * breaker.c
 *		A circuit breaker for one host.
 *
 * Process: any (workers ask and report, everybody may look).  Functions of the
 * caller's memory alone: must never allocate, lock, ereport or read the clock.
 */
#include "breaker.h"

#include <limits.h>
#include <stddef.h>

#include "check.h"

#define MIN_OPEN_US INT64_C(1000)
#define MAX_OPEN_US ERRAND_BREAKER_HOLD_MAX_US

/* Keeps the sum of a time and a duration within int64. */
#define TIME_LIMIT_US (INT64_MAX / 4)

static int64_t
clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

static int64_t
clamp_time(int64_t us)
{
	return clamp(us, -TIME_LIMIT_US, TIME_LIMIT_US);
}

#ifdef ERRAND_CHECKED
static bool
is_transition(ErrandBreakerState from, ErrandBreakerState to)
{
	switch (from)
	{
		case ERRAND_BREAKER_CLOSED:
			return to == ERRAND_BREAKER_OPEN;
		case ERRAND_BREAKER_OPEN:
			return to == ERRAND_BREAKER_HALF_OPEN;
		case ERRAND_BREAKER_HALF_OPEN:
			return to == ERRAND_BREAKER_OPEN || to == ERRAND_BREAKER_CLOSED;
	}
	return false;
}
#endif

/* The only place that changes the state. */
static void
set_state(ErrandBreaker *breaker, ErrandBreakerState state, int64_t until_us)
{
	ERRAND_CHECK(is_transition(breaker->state, state));
	breaker->state = state;
	breaker->until_us = until_us;
}

/* How long the present opening lasts: twice as long as the one before. */
static int64_t
opening_us(const ErrandBreaker *breaker)
{
	int64_t us = breaker->open_us;

	for (int i = 1; i < breaker->opens && us < breaker->max_open_us; i++)
		us *= 2; /* at most 24 h before, so it cannot overflow */
	return us < breaker->max_open_us ? us : breaker->max_open_us;
}

static void
open_breaker(ErrandBreaker *breaker, int64_t now_us)
{
	if (breaker->opens < INT_MAX)
		breaker->opens++;
	set_state(breaker, ERRAND_BREAKER_OPEN, now_us + opening_us(breaker));
}

/*
 * The breaker as it stands at now_us.  A time further ahead than its kind can be
 * comes from a clock that has gone back since; it is brought to its longest.
 */
static ErrandBreaker
seen_at(const ErrandBreaker *breaker, int64_t now_us)
{
	ErrandBreaker b = *breaker;

	if (b.state != ERRAND_BREAKER_CLOSED && b.until_us > now_us + opening_us(&b))
		b.until_us = now_us + opening_us(&b);
	if (b.held_until_us > now_us + ERRAND_BREAKER_HOLD_MAX_US)
		b.held_until_us = now_us + ERRAND_BREAKER_HOLD_MAX_US;
	return b;
}

/* Microseconds until something may be let through. */
static int64_t
until_allowed(const ErrandBreaker *b, int64_t now_us)
{
	int64_t wait = 0;

	if (b->state != ERRAND_BREAKER_CLOSED && b->until_us > now_us)
		wait = b->until_us - now_us;
	if (b->held_until_us != 0 && b->held_until_us - now_us > wait)
		wait = b->held_until_us - now_us;
	return wait;
}

void
errand_breaker_init(ErrandBreaker *breaker, int threshold, int64_t open_us, int64_t max_open_us)
{
	breaker->state = ERRAND_BREAKER_CLOSED;
	breaker->threshold = threshold < 1 ? 1 : threshold;
	breaker->failures = 0;
	breaker->opens = 0;
	breaker->open_us = clamp(open_us, MIN_OPEN_US, MAX_OPEN_US);
	breaker->max_open_us = clamp(max_open_us, breaker->open_us, MAX_OPEN_US);
	breaker->until_us = 0;
	breaker->held_until_us = 0;
}

int64_t
errand_breaker_wait(const ErrandBreaker *breaker, int64_t now_us)
{
	ErrandBreaker b;

	now_us = clamp_time(now_us);
	b = seen_at(breaker, now_us);
	return until_allowed(&b, now_us);
}

bool
errand_breaker_allow(ErrandBreaker *breaker, int64_t now_us)
{
	now_us = clamp_time(now_us);
	*breaker = seen_at(breaker, now_us);
	if (until_allowed(breaker, now_us) > 0)
		return false;
	breaker->held_until_us = 0;
	if (breaker->state == ERRAND_BREAKER_CLOSED)
		return true;

	/* This caller is the probe, or takes the place of one that never reported. */
	if (breaker->state == ERRAND_BREAKER_OPEN)
		set_state(breaker, ERRAND_BREAKER_HALF_OPEN, 0);
	breaker->until_us = now_us + opening_us(breaker);
	return true;
}

void
errand_breaker_success(ErrandBreaker *breaker)
{
	if (breaker->state == ERRAND_BREAKER_OPEN)
		return;
	if (breaker->state == ERRAND_BREAKER_HALF_OPEN)
		set_state(breaker, ERRAND_BREAKER_CLOSED, 0);
	breaker->failures = 0;
	breaker->opens = 0;
}

void
errand_breaker_failure(ErrandBreaker *breaker, int64_t now_us)
{
	now_us = clamp_time(now_us);
	switch (breaker->state)
	{
		case ERRAND_BREAKER_CLOSED:
			if (++breaker->failures >= breaker->threshold)
			{
				breaker->failures = 0;
				open_breaker(breaker, now_us);
			}
			break;
		case ERRAND_BREAKER_HALF_OPEN:
			open_breaker(breaker, now_us);
			break;
		case ERRAND_BREAKER_OPEN:
			break;
	}
}

void
errand_breaker_release(ErrandBreaker *breaker)
{
	if (breaker->state == ERRAND_BREAKER_HALF_OPEN)
		breaker->until_us = -TIME_LIMIT_US;
}

void
errand_breaker_hold(ErrandBreaker *breaker, int64_t until_us)
{
	until_us = clamp_time(until_us);
	if (breaker->held_until_us == 0 || until_us > breaker->held_until_us)
		breaker->held_until_us = until_us;
}

const char *
errand_breaker_state_name(ErrandBreakerState state)
{
	switch (state)
	{
		case ERRAND_BREAKER_CLOSED:
			return "closed";
		case ERRAND_BREAKER_OPEN:
			return "open";
		case ERRAND_BREAKER_HALF_OPEN:
			return "half_open";
	}
	return "closed";
}
