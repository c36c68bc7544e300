/*
 * histogram.c
 *		Counts durations in buckets that grow with them.
 *
 * Process: any (workers add, everybody reads).  Pure functions on the caller's
 * memory: must never allocate, lock, ereport or read the clock.
 */
#include "histogram.h"

#define FIRST_US 10
#define LAST (ERRAND_HISTOGRAM_BUCKETS - 1)

/*
 * Lower bounds of a decade's buckets, the E12 series: whole numbers, each at
 * most 1.25 times the one before, so that the value in the middle (see
 * bucket_value) is at most 11.2 % off.
 */
static const uint8_t steps[ERRAND_HISTOGRAM_PER_DECADE] = {10, 12, 15, 18, 22, 27,
														   33, 39, 47, 56, 68, 82};

/* The bucket of a duration.  Bucket 0 holds what is shorter than FIRST_US. */
static int
bucket_of(uint64_t us)
{
	uint64_t scale = FIRST_US / 10;
	int bucket = 1;
	int step = ERRAND_HISTOGRAM_PER_DECADE - 1;

	if (us < FIRST_US)
		return 0;
	while (us >= scale * 100)
	{
		scale *= 10;
		bucket += ERRAND_HISTOGRAM_PER_DECADE;
		if (bucket >= LAST)
			return LAST;
	}
	while (us < steps[step] * scale)
		step--;
	return bucket + step;
}

/* The lower bound of a bucket from 1 to LAST. */
static int64_t
lower_bound_us(int bucket)
{
	int64_t scale = FIRST_US / 10;

	for (bucket--; bucket >= ERRAND_HISTOGRAM_PER_DECADE; bucket -= ERRAND_HISTOGRAM_PER_DECADE)
		scale *= 10;
	return steps[bucket] * scale;
}

int64_t
errand_histogram_bound_us(int bucket)
{
	if (bucket >= LAST)
		return INT64_MAX;
	return lower_bound_us(bucket < 0 ? 1 : bucket + 1);
}

/*
 * The duration that stands for a bucket: the one that is off by the same part
 * from either bound, 2ab / (a + b).
 */
static double
bucket_value_us(int bucket)
{
	double low;
	double high;

	if (bucket == 0)
		return FIRST_US / 2.0;
	low = (double) lower_bound_us(bucket);
	if (bucket == LAST)
		return low;
	high = (double) lower_bound_us(bucket + 1);
	return 2.0 * low * high / (low + high);
}

void
errand_histogram_add(ErrandHistogram *h, int64_t us)
{
	uint64_t value = us < 0 ? 0 : (uint64_t) us;

	h->bucket[bucket_of(value)]++;
	h->count++;
	h->sum_us = h->sum_us > UINT64_MAX - value ? UINT64_MAX : h->sum_us + value;
}

double
errand_histogram_quantile_ms(const ErrandHistogram *h, double q)
{
	uint64_t total = 0;
	uint64_t seen = 0;
	double rank;

	/* Not h->count: an addition may be half done in another process. */
	for (int i = 0; i < ERRAND_HISTOGRAM_BUCKETS; i++)
		total += h->bucket[i];
	if (total == 0)
		return -1.0;
	if (!(q > 0.0))
		q = 0.0;
	if (q > 1.0)
		q = 1.0;
	rank = q * (double) total;
	for (int i = 0; i < LAST; i++)
	{
		seen += h->bucket[i];
		if (h->bucket[i] > 0 && (double) seen >= rank)
			return bucket_value_us(i) / 1000.0;
	}
	return bucket_value_us(LAST) / 1000.0;
}

void
errand_histogram_merge(ErrandHistogram *h, const ErrandHistogram *other)
{
	for (int i = 0; i < ERRAND_HISTOGRAM_BUCKETS; i++)
		h->bucket[i] += other->bucket[i];
	h->count += other->count;
	h->sum_us = h->sum_us > UINT64_MAX - other->sum_us ? UINT64_MAX : h->sum_us + other->sum_us;
}
