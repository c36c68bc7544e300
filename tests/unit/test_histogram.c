/*
 * test_histogram.c
 *		Durations counted in buckets.
 */
#include "unit.h"

#include <math.h>

#include "histogram.h"

#define MIN_US INT64_C(10)
#define MAX_US INT64_C(86400000000)

static void
test_empty(void **state)
{
	ErrandHistogram h = {0};

	(void) state;
	assert_true(errand_histogram_quantile_ms(&h, 0.5) == -1.0);
	assert_true(errand_histogram_quantile_ms(&h, NAN) == -1.0);
}

/* One duration alone: every quantile of it is at most 12 % off. */
static void
test_relative_error(void **state)
{
	double worst = 0;

	(void) state;
	for (int64_t us = MIN_US; us <= MAX_US; us += 1 + us / 97)
	{
		ErrandHistogram h = {0};
		double off;

		errand_histogram_add(&h, us);
		off = fabs(errand_histogram_quantile_ms(&h, 0.5) * 1000 - (double) us) / (double) us;
		if (off > 0.12)
			fail_msg("%lld us: %.3f off", (long long) us, off);
		if (off > worst)
			worst = off;
	}
	print_message("histogram: at most %.1f %% off\n", worst * 100);
}

/* A value at a bucket's bound falls above it, one less below it. */
static void
test_bounds(void **state)
{
	static const int64_t e12[] = {10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82, 100, 120};
	int64_t before = 0;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(e12); i++)
		assert_true(errand_histogram_bound_us((int) i) == e12[i]);
	assert_in_range(ERRAND_HISTOGRAM_BUCKETS, 1, 128);
	for (int i = 0; i < ERRAND_HISTOGRAM_BUCKETS - 1; i++)
	{
		int64_t bound = errand_histogram_bound_us(i);
		ErrandHistogram h = {0};

		assert_true(bound > before);
		before = bound;
		errand_histogram_add(&h, bound - 1);
		assert_int_equal(h.bucket[i], 1);
		errand_histogram_add(&h, bound);
		assert_int_equal(h.bucket[i + 1], 1);
	}
	assert_true(before > MAX_US);
	assert_true(errand_histogram_bound_us(0) == 10);
	assert_true(errand_histogram_bound_us(1) == 12);
	assert_true(errand_histogram_bound_us(12) == 100);
	assert_true(errand_histogram_bound_us(-1) == 10);
	assert_true(errand_histogram_bound_us(INT32_MIN) == 10);
	assert_true(errand_histogram_bound_us(ERRAND_HISTOGRAM_BUCKETS - 1) == INT64_MAX);
	assert_true(errand_histogram_bound_us(INT32_MAX) == INT64_MAX);
}

static void
test_extremes(void **state)
{
	ErrandHistogram h = {0};

	(void) state;
	errand_histogram_add(&h, INT64_MIN);
	errand_histogram_add(&h, -1);
	errand_histogram_add(&h, 0);
	errand_histogram_add(&h, 9);
	assert_int_equal(h.bucket[0], 4);
	assert_true(h.sum_us == 9);
	assert_true(errand_histogram_quantile_ms(&h, 1) == 0.005);
	for (int i = 0; i < 5; i++)
		errand_histogram_add(&h, INT64_MAX);
	assert_int_equal(h.bucket[ERRAND_HISTOGRAM_BUCKETS - 1], 5);
	assert_true(h.sum_us == UINT64_MAX); /* and did not wrap */
	assert_int_equal(h.count, 9);
	assert_true(errand_histogram_quantile_ms(&h, 1) == 1e8);
}

static int
compare_int64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* Against the sorted values themselves, over several shapes. */
static void
test_quantiles(void **state)
{
	static const double quantiles[] = {0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1};
	static int64_t values[20000];
	const size_t n_values = LENGTH_OF(values);
	Random r = seeded_random("histogram");

	(void) state;
	for (int shape = 0; shape < 5; shape++)
	{
		ErrandHistogram h = {0};
		uint64_t sum = 0;

		for (size_t i = 0; i < LENGTH_OF(values); i++)
		{
			double u = random_unit(&r);

			values[i] = shape == 0 ? 10 + (int64_t) (u * 1e6) :
						shape == 1 ? (int64_t) (10 * pow(8e9, u)) :
						shape == 2 ? (u < 0.9 ? 1500 : 30000000) :
						shape == 3 ? 777 :
									 10 + (int64_t) (-log(1 - u) * 50000);
			errand_histogram_add(&h, values[i]);
			sum += (uint64_t) values[i];
		}
		assert_true(h.sum_us == sum && h.count == LENGTH_OF(values));
		qsort(values, LENGTH_OF(values), sizeof(values[0]), compare_int64);
		for (size_t q = 0; q < LENGTH_OF(quantiles); q++)
		{
			size_t rank = (size_t) ceil(quantiles[q] * (double) n_values);
			double exact = (double) values[rank > 0 ? rank - 1 : 0] / 1000;
			double got = errand_histogram_quantile_ms(&h, quantiles[q]);

			if (fabs(got - exact) > 0.12 * exact)
				fail_msg("shape %d, quantile %g: %g, exactly %g", shape, quantiles[q], got, exact);
		}
		assert_true(errand_histogram_quantile_ms(&h, -5) == errand_histogram_quantile_ms(&h, 0));
		assert_true(errand_histogram_quantile_ms(&h, 5) == errand_histogram_quantile_ms(&h, 1));
		assert_true(errand_histogram_quantile_ms(&h, NAN) == errand_histogram_quantile_ms(&h, 0));
	}
}

static void
test_merge(void **state)
{
	ErrandHistogram a = {0};
	ErrandHistogram b = {0};
	ErrandHistogram both = {0};
	Random r = seeded_random("histogram merge");

	(void) state;
	for (int i = 0; i < 5000; i++)
	{
		int64_t us = i < 30 ? i : (int64_t) random_below(&r, 100000000);

		errand_histogram_add(i % 3 == 0 ? &a : &b, us);
		errand_histogram_add(&both, us);
	}
	errand_histogram_merge(&a, &b);
	assert_memory_equal(&a, &both, sizeof(a));
	a.sum_us = UINT64_MAX - 1;
	errand_histogram_merge(&a, &b);
	assert_true(a.sum_us == UINT64_MAX);
}

/* A reader in another process may see the count before the bucket, or after. */
static void
test_half_done_addition(void **state)
{
	ErrandHistogram h = {0};

	(void) state;
	h.count = 7;
	assert_true(errand_histogram_quantile_ms(&h, 0.5) == -1.0);
	h.count = 0;
	h.bucket[20] = 1;
	assert_true(errand_histogram_quantile_ms(&h, 0.5) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_empty),
									   cmocka_unit_test(test_relative_error),
									   cmocka_unit_test(test_bounds),
									   cmocka_unit_test(test_extremes),
									   cmocka_unit_test(test_quantiles),
									   cmocka_unit_test(test_merge),
									   cmocka_unit_test(test_half_done_addition)};

	return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
