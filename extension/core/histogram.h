/*
 * histogram.h
 *		Durations counted in buckets that grow with them.
 *
 * Plain counters, so that one can lie in shared memory; the caller locks, or
 * accepts that a reader sees an addition half done.
 */
#ifndef ERRAND_CORE_HISTOGRAM_H
#define ERRAND_CORE_HISTOGRAM_H

#include <stdint.h>

/*
 * Twelve buckets a decade over ten decades, from 10 us to 100,000 s (more than
 * a day), one for what is shorter, one for what is longer.
 */
#define ERRAND_HISTOGRAM_PER_DECADE 12
#define ERRAND_HISTOGRAM_DECADES 10
#define ERRAND_HISTOGRAM_BUCKETS (ERRAND_HISTOGRAM_PER_DECADE * ERRAND_HISTOGRAM_DECADES + 2)

/* All zero is an empty histogram. */
typedef struct ErrandHistogram
{
	uint64_t count;
	uint64_t sum_us; /* stops at its greatest value */
	uint64_t bucket[ERRAND_HISTOGRAM_BUCKETS];
} ErrandHistogram;

/* Count a duration in microseconds; a negative one counts as 0. */
extern void errand_histogram_add(ErrandHistogram *h, int64_t us);

/*
 * The q-quantile (0..1; what lies outside is taken as the nearest, not a number
 * as 0) in milliseconds, at most 12 % off for durations from 10 us to 100,000 s.
 * -1 if it is empty.
 */
extern double errand_histogram_quantile_ms(const ErrandHistogram *h, double q);

/* Add the counts of other to h. */
extern void errand_histogram_merge(ErrandHistogram *h, const ErrandHistogram *other);

/*
 * The bound in microseconds that the durations in this bucket stay below;
 * INT64_MAX for the last one and beyond, 10 for the first and below.
 */
extern int64_t errand_histogram_bound_us(int bucket);

#endif /* ERRAND_CORE_HISTOGRAM_H */
