/*
 * bucket.h
 *		A token bucket that hands its tokens out evenly spaced.
 *
 * Plain data, so that it can lie in shared memory; the caller locks.
 */
#ifndef ERRAND_CORE_BUCKET_H
#define ERRAND_CORE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ErrandBucket
{
	double per_second;	   /* ERRAND_RATE_MIN..ERRAND_RATE_MAX */
	int64_t next_free_us;  /* when the next token is there, whole part */
	double next_free_frac; /* and the part of a microsecond, [0, 1) */
	int64_t last_seen_us;  /* the latest time any caller gave */
} ErrandBucket;

/*
 * An empty bucket: its first token is there one interval after last_token_us.
 *
 * Pass the present time, or, where it is known for certain, the time at which
 * the last token before a restart was taken.  per_second outside its range, or
 * not a number, is taken as the nearest bound (not a number: the slowest).  All
 * times are microseconds of one clock, the same for all callers, best a
 * monotonic one.
 */
extern void errand_bucket_init(ErrandBucket *bucket, double per_second, int64_t last_token_us);

/*
 * Change the rate.  The next token comes no later than one new interval from
 * now, and no earlier than the old rate had it.
 */
extern void errand_bucket_set_rate(ErrandBucket *bucket, double per_second, int64_t now_us);

/*
 * Take a token.  Returns 0 if one was taken, else the microseconds (at least 1)
 * until one will be there.
 *
 * In any sliding second at most max(ceil(rate), 1.1 * rate) tokens are taken,
 * even if callers come late and catch up.  If the clock goes back by a second
 * or more, what was left to wait is still left to wait; a smaller step is
 * waited out.
 */
extern int64_t errand_bucket_take(ErrandBucket *bucket, int64_t now_us);

/*
 * What errand_bucket_take() would return, without taking (and 0 if a token is
 * there).
 */
extern int64_t errand_bucket_wait(const ErrandBucket *bucket, int64_t now_us);

/* Take up to max tokens; returns how many were taken, 0..max. */
extern int errand_bucket_take_many(ErrandBucket *bucket, int max, int64_t now_us);

#endif /* ERRAND_CORE_BUCKET_H */
