/*
 * bucket.c
 *		Hands out tokens at a rate, evenly spaced.
 *
 * Process: any (the leader, in practice).  Functions of the caller's memory
 * alone: must never allocate, lock, ereport or read the clock.
 *
 * The tokens lie on a line of time, one interval apart.  Whoever comes late may
 * catch up, or a busy event loop would never reach its rate; but only by as much
 * as keeps every sliding second within a tenth of the rate.  With tokens that are
 * handed out up to L late, a second holds ceil((1 + L) * rate) at most, so L is
 * what makes that the greatest whole number within 1.1 * rate.
 */
#include "bucket.h"

#include "rate.h"

#define SECOND_US 1000000

/* The most any sliding second may hold, as a part of the rate. */
#define CEILING 1.1

/* No catching up over more than this part of a second, whatever the rate. */
#define MAX_LATE 0.08

/* Rounding must not turn the greatest whole number into the next one. */
#define ROUNDING 1e-6

/* Backward steps from here on are a changed clock, smaller ones are noise. */
#define STEP_US SECOND_US

/* Keeps the sum of a time and an interval within int64. */
#define TIME_LIMIT_US (INT64_MAX / 4)

static double
clamp_rate(double per_second)
{
	if (!(per_second >= ERRAND_RATE_MIN))
		return ERRAND_RATE_MIN;
	return per_second > ERRAND_RATE_MAX ? ERRAND_RATE_MAX : per_second;
}

static int64_t
clamp_time(int64_t us)
{
	if (us > TIME_LIMIT_US)
		return TIME_LIMIT_US;
	return us < -TIME_LIMIT_US ? -TIME_LIMIT_US : us;
}

static double
interval_us(double per_second)
{
	return SECOND_US / per_second;
}

/* How late a token may be handed out and still keep its place, microseconds. */
static int64_t
allowed_lateness_us(double per_second)
{
	double most = (double) (int64_t) (CEILING * per_second + ROUNDING);
	double late = most / per_second - 1.0 - ROUNDING;

	if (!(late > 0.0))
		return 0;
	return (int64_t) ((late < MAX_LATE ? late : MAX_LATE) * SECOND_US);
}

/* Move the next token one interval on. */
static void
advance(ErrandBucket *bucket)
{
	double on = bucket->next_free_frac + interval_us(bucket->per_second);
	int64_t whole = (int64_t) on;

	bucket->next_free_us += whole;
	bucket->next_free_frac = on - (double) whole;
}

void
errand_bucket_init(ErrandBucket *bucket, double per_second, int64_t last_token_us)
{
	bucket->per_second = clamp_rate(per_second);
	bucket->last_seen_us = clamp_time(last_token_us);
	bucket->next_free_us = bucket->last_seen_us;
	bucket->next_free_frac = 0.0;
	advance(bucket);
}

/*
 * The bucket as it stands at now_us.  If the clock was set back, its times go
 * back with it.  A small step may just be two processes that read the clock in
 * one order and got here in the other: it must not bring the next token nearer.
 */
static ErrandBucket
seen_at(const ErrandBucket *bucket, int64_t now_us)
{
	ErrandBucket b = *bucket;

	if (now_us >= b.last_seen_us)
		b.last_seen_us = now_us;
	else if (b.last_seen_us - now_us >= STEP_US)
	{
		b.next_free_us -= b.last_seen_us - now_us;
		b.last_seen_us = now_us;
	}
	return b;
}

/* The first whole microsecond at which the next token is there. */
static int64_t
next_token_us(const ErrandBucket *b)
{
	return b->next_free_us + (b->next_free_frac > 0.0 ? 1 : 0);
}

/* Microseconds from now_us until the next token, 0 if it is there. */
static int64_t
until_next(const ErrandBucket *b, int64_t now_us)
{
	int64_t at = next_token_us(b);

	return at > now_us ? at - now_us : 0;
}

int64_t
errand_bucket_wait(const ErrandBucket *bucket, int64_t now_us)
{
	ErrandBucket b;

	now_us = clamp_time(now_us);
	b = seen_at(bucket, now_us);
	return until_next(&b, now_us);
}

int64_t
errand_bucket_take(ErrandBucket *bucket, int64_t now_us)
{
	int64_t wait;
	int64_t earliest;

	now_us = clamp_time(now_us);
	*bucket = seen_at(bucket, now_us);
	wait = until_next(bucket, now_us);
	if (wait > 0)
		return wait;

	/* What was not fetched in time is gone, but for the allowed lateness. */
	earliest = now_us - allowed_lateness_us(bucket->per_second);
	if (next_token_us(bucket) < earliest)
	{
		bucket->next_free_us = earliest;
		bucket->next_free_frac = 0.0;
	}
	advance(bucket);
	return 0;
}

int
errand_bucket_take_many(ErrandBucket *bucket, int max, int64_t now_us)
{
	int taken = 0;

	while (taken < max && errand_bucket_take(bucket, now_us) == 0)
		taken++;
	return taken;
}

void
errand_bucket_set_rate(ErrandBucket *bucket, double per_second, int64_t now_us)
{
	ErrandBucket fresh;

	now_us = clamp_time(now_us);
	*bucket = seen_at(bucket, now_us);
	bucket->per_second = clamp_rate(per_second);
	errand_bucket_init(&fresh, per_second, bucket->last_seen_us);
	if (fresh.next_free_us < bucket->next_free_us)
	{
		bucket->next_free_us = fresh.next_free_us;
		bucket->next_free_frac = fresh.next_free_frac;
	}
}
