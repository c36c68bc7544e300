/*
 * test_bucket.c
 *		The token bucket: never too many, and not too few.
 */
#include "unit.h"

#include <math.h>

#include "bucket.h"
#include "rate.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)

/* Times at which tokens were taken. */
static int64_t taken[2000000];
static size_t n_taken;

static int
compare_int64(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* The most tokens in any second, half open, that starts anywhere. */
static size_t
fullest_second(void)
{
	size_t most = 0;
	size_t first = 0;

	qsort(taken, n_taken, sizeof(taken[0]), compare_int64);
	for (size_t i = 0; i < n_taken; i++)
	{
		while (taken[i] - taken[first] >= SECOND_US)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	return most;
}

static void
check_fullest_second(double rate, const char *what)
{
	size_t most = fullest_second();
	double limit = fmax(ceil(rate), rate * 1.1);

	if ((double) most > limit + 1e-9)
		fail_msg("%s: %zu in a second at %g/s", what, most, rate);
}

static void
note(int64_t at)
{
	assert_true(n_taken < LENGTH_OF(taken));
	taken[n_taken++] = at;
}

static void
test_starts_empty(void **state)
{
	ErrandBucket b;

	(void) state;
	errand_bucket_init(&b, 10, 5 * SECOND_US);
	assert_true(errand_bucket_take(&b, 5 * SECOND_US) == 100000);
	assert_true(errand_bucket_take(&b, 5 * SECOND_US + 99999) == 1);
	assert_true(errand_bucket_wait(&b, 5 * SECOND_US + 100000) == 0);
	assert_true(errand_bucket_take(&b, 5 * SECOND_US + 100000) == 0);
	assert_true(errand_bucket_take(&b, 5 * SECOND_US + 100000) == 100000);

	/* a part of a microsecond is waited out, never given away */
	errand_bucket_init(&b, 3, 0);
	assert_true(errand_bucket_wait(&b, 0) == 333334);
	errand_bucket_init(&b, 1.0 / 0.00000115, 0);
	assert_true(errand_bucket_wait(&b, 0) == 2);
	errand_bucket_init(&b, 10, 0);

	/* idle for an hour: hardly more than one is there */
	assert_int_equal(errand_bucket_take_many(&b, 1000, HOUR_US), 1);
	assert_int_equal(errand_bucket_take_many(&b, 0, 2 * HOUR_US), 0);
	assert_int_equal(errand_bucket_take_many(&b, -5, 2 * HOUR_US), 0);
	errand_bucket_init(&b, 1000, 0);
	assert_in_range(errand_bucket_take_many(&b, 1000, HOUR_US), 1, 81);
}

static void
test_looking_takes_nothing(void **state)
{
	ErrandBucket b;
	ErrandBucket before;

	(void) state;
	errand_bucket_init(&b, 3, 0);
	before = b;
	for (int64_t at = -HOUR_US; at < HOUR_US; at += HOUR_US / 7)
		errand_bucket_wait(&b, at);
	assert_memory_equal(&b, &before, sizeof(b));

	/* and tells the same as taking, wherever the clock stands */
	for (int64_t at = -5 * SECOND_US; at < 5 * SECOND_US; at += 99991)
	{
		ErrandBucket copy = b;

		assert_true(errand_bucket_wait(&b, at) == errand_bucket_take(&copy, at));
	}
}

/* Waiting exactly as long as told always gets the token, and no time is lost. */
static void
test_told_wait_suffices(void **state)
{
	static const double rates[] = {1e-7, 1.0 / 3600, 0.3, 1, 7, 33.3, 999, 3e5, 1e6};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(rates); i++)
	{
		ErrandBucket b;
		int64_t now = 0;

		errand_bucket_init(&b, rates[i], now);
		for (int n = 1; n <= 1000; n++)
		{
			int64_t wait = errand_bucket_take(&b, now);

			assert_true(wait > 0 && wait <= (int64_t) (1e6 / rates[i]) + 1);
			now += wait;
			assert_true(errand_bucket_take(&b, now) == 0);
			/* the n-th token at its very microsecond */
			if (fabs((double) now - n * 1e6 / rates[i]) > 1 + 1e-9 * (double) now)
				fail_msg("token %d at %lld us, %g/s", n, (long long) now, rates[i]);
		}
	}
}

/*
 * Saturated, by callers that come as late as a busy event loop does: at least 95
 * % of the rate, and never more than a tenth over it.
 */
static void
test_saturated(void **state)
{
	static const double rates[] = {0.1,	 0.5,  0.95, 1,	  1.5,	1.9,   2,	 3,	   5,
								   7,	 9.5,  9.99, 10,  10.5, 11,	   12.7, 19,   20,
								   33.3, 49.9, 50,	 100, 101,	333.3, 1000, 4999, 20000};
	Random r = seeded_random("bucket, saturated");

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(rates); i++)
	{
		double rate = rates[i];
		int64_t now = (int64_t) random_below(&r, 1u << 30);
		int64_t start = now;
		int64_t span = (int64_t) fmax(60e6, 200e6 / rate);
		/* 4 % of an interval, or the naps of a busy loop */
		int64_t late = rate < 10 ? (int64_t) (0.04e6 / rate) : 30000;
		ErrandBucket b;

		if (rate > 1000)
			span = 20 * SECOND_US;
		n_taken = 0;
		errand_bucket_init(&b, rate, now);
		while (now - start < span)
		{
			int64_t wait = errand_bucket_take(&b, now);

			if (wait == 0)
				note(now);
			else
				now += wait + (int64_t) random_below(&r, (uint64_t) late + 1);
		}
		check_fullest_second(rate, "saturated");
		if ((double) n_taken < 0.95 * rate * (double) (now - start) / 1e6 - 1)
			fail_msg("only %zu tokens in %g s at %g/s", n_taken, (double) (now - start) / 1e6,
					 rate);
	}
}

/* Callers that come in bursts, after pauses of all lengths: never too many. */
static void
test_walk(void **state)
{
	Random r = seeded_random("bucket, walk");

	(void) state;
	for (int walk = 0; walk < 100; walk++)
	{
		double rate = pow(10, random_unit(&r) * 4 - 1);
		int64_t now = 0;
		ErrandBucket b;

		n_taken = 0;
		errand_bucket_init(&b, rate, now);
		for (int step = 0; step < 1000; step++)
		{
			double u = random_unit(&r);
			int max = 1 + (int) random_below(&r, 50);
			int got;

			now += u < 0.4	? (int64_t) random_below(&r, 2000) :
				   u < 0.8	? (int64_t) random_below(&r, 200000) :
				   u < 0.99 ? errand_bucket_wait(&b, now) :
							  (int64_t) random_below(&r, 10 * SECOND_US);
			got = errand_bucket_take_many(&b, max, now);
			for (int i = 0; i < got; i++)
				note(now);
			if (got < max)
				assert_true(errand_bucket_wait(&b, now) > 0);
			assert_true(errand_bucket_wait(&b, now) <= (int64_t) (1e6 / rate) + 1);
		}
		check_fullest_second(rate, "walk");
	}
}

/*
 * Several processes read the clock, then get at the bucket in another order; and
 * now and then the clock is set back.  Counted by true time.
 */
static void
test_clock_goes_back(void **state)
{
	Random r = seeded_random("bucket, clock");

	(void) state;
	for (int walk = 0; walk < 40; walk++)
	{
		double rate = pow(10, random_unit(&r) * 3);
		int64_t truth = 0;
		int64_t shift = 0;
		int64_t idle = 0;
		ErrandBucket b;

		n_taken = 0;
		errand_bucket_init(&b, rate, truth);
		for (int step = 0; step < 2500; step++)
		{
			double u = random_unit(&r);
			int64_t wait;

			if (u < 0.01)
				shift -= (int64_t) random_below(&r, (uint64_t) (u < 0.005 ? HOUR_US : SECOND_US));
			wait = errand_bucket_take(&b, truth + shift);
			if (wait == 0)
			{
				note(truth);
				idle = 0;
			}
			else
			{
				/* a step back never makes anybody wait for long */
				assert_true(wait <= (int64_t) (1e6 / rate) + 1 + SECOND_US);
				wait = (int64_t) random_below(&r, (uint64_t) wait + 2);
				truth += wait;
				idle += wait;
				assert_true(idle <= (int64_t) (4e6 / rate) + 30 * SECOND_US);
			}
		}
		check_fullest_second(rate, "clock set back");
		assert_true(n_taken > 100);
	}
}

/* Two processes take turns with readings that are out of order. */
static void
test_readings_out_of_order(void **state)
{
	Random r = seeded_random("bucket, order");
	static const double rates[] = {5, 100, 2000};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(rates); i++)
	{
		int64_t now = 0;
		ErrandBucket b;

		n_taken = 0;
		errand_bucket_init(&b, rates[i], 0);
		for (int step = 0; step < 100000; step++)
		{
			int64_t reading = now - (int64_t) random_below(&r, 3000);

			if (errand_bucket_take(&b, reading) == 0)
				note(reading);
			now += (int64_t) random_below(&r, 1000);
		}
		check_fullest_second(rates[i], "out of order");
		assert_true((double) n_taken > 0.95 * rates[i] * (double) now / 1e6 - 1);
	}
}

static void
test_clock_goes_forward(void **state)
{
	ErrandBucket b;

	(void) state;
	errand_bucket_init(&b, 2, 0);
	assert_true(errand_bucket_take(&b, SECOND_US) == 0);
	/* ten years: one token more, no debt and no hoard */
	assert_true(errand_bucket_take(&b, INT64_C(315360000000000)) == 0);
	assert_true(errand_bucket_take(&b, INT64_C(315360000000000)) == 500000);
	/* and back again */
	assert_true(errand_bucket_take(&b, 2 * SECOND_US) == 500000);
	assert_true(errand_bucket_take(&b, 2 * SECOND_US + 500000) == 0);
}

static void
test_set_rate(void **state)
{
	ErrandBucket b;

	(void) state;
	errand_bucket_init(&b, 1.0 / 86400, 0);
	assert_true(errand_bucket_wait(&b, 0) == 24 * HOUR_US);
	errand_bucket_set_rate(&b, 10, SECOND_US);
	assert_true(errand_bucket_wait(&b, SECOND_US) == 100000);
	errand_bucket_set_rate(&b, 10, SECOND_US + 50000); /* no change, no delay */
	assert_true(errand_bucket_wait(&b, SECOND_US + 50000) == 50000);
	errand_bucket_set_rate(&b, 1, SECOND_US + 50000);
	assert_true(errand_bucket_take(&b, SECOND_US + 100000) == 0);
	assert_true(errand_bucket_wait(&b, SECOND_US + 100000) == SECOND_US);
}

static void
test_hostile_values(void **state)
{
	static const double rates[] = {NAN, -INFINITY, -1, 0, 1e-300, 1, 1e300, INFINITY};
	static const int64_t times[] = {INT64_MIN, INT64_MIN / 2, -1, 0, 1, INT64_MAX / 2, INT64_MAX};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(rates); i++)
		for (size_t j = 0; j < LENGTH_OF(times); j++)
			for (size_t k = 0; k < LENGTH_OF(times); k++)
			{
				ErrandBucket b;

				errand_bucket_init(&b, rates[i], times[j]);
				assert_true(b.per_second >= ERRAND_RATE_MIN);
				assert_true(b.per_second <= ERRAND_RATE_MAX);
				assert_true(errand_bucket_take(&b, times[k]) >= 0);
				assert_true(errand_bucket_wait(&b, times[j]) >= 0);
				assert_in_range(errand_bucket_take_many(&b, 10, times[k]), 0, 10);
				errand_bucket_set_rate(&b, rates[LENGTH_OF(rates) - 1 - i], times[j]);
				assert_true(errand_bucket_take(&b, times[k]) >= 0);
			}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_starts_empty),
									   cmocka_unit_test(test_looking_takes_nothing),
									   cmocka_unit_test(test_told_wait_suffices),
									   cmocka_unit_test(test_saturated),
									   cmocka_unit_test(test_walk),
									   cmocka_unit_test(test_clock_goes_back),
									   cmocka_unit_test(test_readings_out_of_order),
									   cmocka_unit_test(test_clock_goes_forward),
									   cmocka_unit_test(test_set_rate),
									   cmocka_unit_test(test_hostile_values)};

	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
