/*
 * test_breaker.c
 *		The circuit breaker of a host.
 */
#include "unit.h"

#include "breaker.h"

#define SECOND_US INT64_C(1000000)
#define HOUR_US (3600 * SECOND_US)
#define DAY_US (24 * HOUR_US)

/* Opens after 3 failures for 10 s, at most for 60 s. */
static ErrandBreaker
fresh(void)
{
	ErrandBreaker b;

	errand_breaker_init(&b, 3, 10 * SECOND_US, 60 * SECOND_US);
	return b;
}

static ErrandBreaker
opened(int64_t now_us)
{
	ErrandBreaker b = fresh();

	for (int i = 0; i < 3; i++)
		errand_breaker_failure(&b, now_us);
	assert_int_equal(b.state, ERRAND_BREAKER_OPEN);
	return b;
}

static void
test_opens_after_failures_in_a_row(void **state)
{
	ErrandBreaker b = fresh();

	(void) state;
	for (int round = 0; round < 5; round++)
	{
		errand_breaker_failure(&b, 0);
		errand_breaker_failure(&b, 0);
		assert_true(errand_breaker_allow(&b, 0));
		errand_breaker_success(&b); /* a success in between starts the count anew */
	}
	assert_int_equal(b.state, ERRAND_BREAKER_CLOSED);
	for (int i = 0; i < 3; i++)
	{
		assert_true(errand_breaker_allow(&b, 0));
		errand_breaker_failure(&b, 0);
	}
	assert_int_equal(b.state, ERRAND_BREAKER_OPEN);
	assert_false(errand_breaker_allow(&b, 0));
	assert_true(errand_breaker_wait(&b, 0) == 10 * SECOND_US);
	assert_false(errand_breaker_allow(&b, 10 * SECOND_US - 1));
}

static void
test_one_probe(void **state)
{
	ErrandBreaker b = opened(0);
	int64_t now = 10 * SECOND_US;

	(void) state;
	assert_true(errand_breaker_wait(&b, now) == 0);
	assert_true(errand_breaker_allow(&b, now));
	assert_int_equal(b.state, ERRAND_BREAKER_HALF_OPEN);
	for (int i = 0; i < 10; i++)
		assert_false(errand_breaker_allow(&b, now + i));
	errand_breaker_success(&b);
	assert_int_equal(b.state, ERRAND_BREAKER_CLOSED);
	for (int i = 0; i < 10; i++)
		assert_true(errand_breaker_allow(&b, now));

	/* and it takes as many failures as ever to open it again */
	errand_breaker_failure(&b, now);
	errand_breaker_failure(&b, now);
	assert_int_equal(b.state, ERRAND_BREAKER_CLOSED);
	errand_breaker_failure(&b, now);
	assert_true(errand_breaker_wait(&b, now) == 10 * SECOND_US);
}

static void
test_failing_probes_back_off(void **state)
{
	static const int expected[] = {20, 40, 60, 60, 60};
	ErrandBreaker b = opened(0);
	int64_t now = 0;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(expected); i++)
	{
		now += errand_breaker_wait(&b, now);
		assert_true(errand_breaker_allow(&b, now));
		errand_breaker_failure(&b, now);
		assert_int_equal(b.state, ERRAND_BREAKER_OPEN);
		assert_true(errand_breaker_wait(&b, now) == expected[i] * SECOND_US);
	}
	now += errand_breaker_wait(&b, now);
	assert_true(errand_breaker_allow(&b, now));
	errand_breaker_success(&b);
	for (int i = 0; i < 3; i++)
		errand_breaker_failure(&b, now);
	assert_true(errand_breaker_wait(&b, now) == 10 * SECOND_US);
}

/* Stragglers from before the opening neither close nor prolong it. */
static void
test_open_ignores_reports(void **state)
{
	ErrandBreaker b = opened(0);
	ErrandBreaker before = b;

	(void) state;
	errand_breaker_success(&b);
	errand_breaker_failure(&b, 5 * SECOND_US);
	errand_breaker_release(&b);
	assert_memory_equal(&b, &before, sizeof(b));
}

static void
test_lost_probe(void **state)
{
	ErrandBreaker b = opened(0);
	int64_t now = 10 * SECOND_US;

	(void) state;
	assert_true(errand_breaker_allow(&b, now));
	assert_true(errand_breaker_wait(&b, now) == 10 * SECOND_US);
	assert_false(errand_breaker_allow(&b, now + 10 * SECOND_US - 1));
	assert_true(errand_breaker_allow(&b, now + 10 * SECOND_US));
	assert_false(errand_breaker_allow(&b, now + 10 * SECOND_US));
	assert_int_equal(b.state, ERRAND_BREAKER_HALF_OPEN);
}

static void
test_released_probe(void **state)
{
	ErrandBreaker b = opened(0);
	int64_t now = 10 * SECOND_US;

	(void) state;
	assert_true(errand_breaker_allow(&b, now));
	errand_breaker_release(&b);
	assert_true(errand_breaker_wait(&b, now) == 0);
	assert_true(errand_breaker_allow(&b, now));
	assert_false(errand_breaker_allow(&b, now));
	b = fresh();
	errand_breaker_release(&b);
	assert_int_equal(b.state, ERRAND_BREAKER_CLOSED);
	assert_true(errand_breaker_allow(&b, now));
}

static void
test_hold(void **state)
{
	ErrandBreaker b = fresh();
	int64_t now = 100 * SECOND_US;

	(void) state;
	errand_breaker_hold(&b, now + 5 * SECOND_US);
	assert_false(errand_breaker_allow(&b, now));
	assert_true(errand_breaker_wait(&b, now) == 5 * SECOND_US);
	errand_breaker_hold(&b, now + 3 * SECOND_US); /* the longer one stays */
	assert_true(errand_breaker_wait(&b, now) == 5 * SECOND_US);
	errand_breaker_hold(&b, now + 7 * SECOND_US);
	assert_true(errand_breaker_wait(&b, now) == 7 * SECOND_US);
	errand_breaker_success(&b); /* of a request that was under way */
	assert_false(errand_breaker_allow(&b, now + 7 * SECOND_US - 1));
	assert_true(errand_breaker_allow(&b, now + 7 * SECOND_US));
	assert_int_equal(b.state, ERRAND_BREAKER_CLOSED);

	/* held and open: the later of the two, and no probe before it */
	b = opened(now);
	errand_breaker_hold(&b, now + 15 * SECOND_US);
	assert_false(errand_breaker_allow(&b, now + 12 * SECOND_US));
	assert_int_equal(b.state, ERRAND_BREAKER_OPEN);
	assert_true(errand_breaker_allow(&b, now + 15 * SECOND_US));
	assert_int_equal(b.state, ERRAND_BREAKER_HALF_OPEN);

	/* a hold of a year is believed for a day */
	b = fresh();
	errand_breaker_hold(&b, now + 365 * DAY_US);
	assert_true(errand_breaker_wait(&b, now) == DAY_US);
	assert_false(errand_breaker_allow(&b, now));
	assert_false(errand_breaker_allow(&b, now + DAY_US - 1));
	assert_true(errand_breaker_allow(&b, now + DAY_US));

	/* times before zero, as monotonic clocks may have */
	b = fresh();
	errand_breaker_hold(&b, -5 * SECOND_US);
	assert_false(errand_breaker_allow(&b, -6 * SECOND_US));
	assert_true(errand_breaker_allow(&b, -5 * SECOND_US));
}

static void
test_clock_goes_back(void **state)
{
	ErrandBreaker b = opened(HOUR_US);

	(void) state;
	assert_true(errand_breaker_wait(&b, 0) == 10 * SECOND_US);
	assert_false(errand_breaker_allow(&b, 0));
	assert_false(errand_breaker_allow(&b, 9 * SECOND_US));
	assert_true(errand_breaker_allow(&b, 10 * SECOND_US));

	b = fresh();
	errand_breaker_hold(&b, 10 * DAY_US);
	assert_false(errand_breaker_allow(&b, 0));
	assert_true(errand_breaker_allow(&b, DAY_US));
}

static void
test_bounds(void **state)
{
	static const int64_t times[] = {INT64_MIN, -DAY_US, -1, 0, 1, DAY_US, INT64_MAX};
	static const int thresholds[] = {INT32_MIN, -1, 0, 1, 2, INT32_MAX};
	ErrandBreaker small;

	(void) state;
	errand_breaker_init(&small, 0, 0, 0);
	assert_true(small.open_us == 1000 && small.max_open_us == 1000);
	errand_breaker_failure(&small, 0);
	assert_int_equal(small.state, ERRAND_BREAKER_OPEN);
	errand_breaker_init(&small, 2, 5, INT64_MAX);
	assert_true(small.max_open_us == DAY_US);
	errand_breaker_failure(&small, 0);
	assert_int_equal(small.state, ERRAND_BREAKER_CLOSED);
	for (size_t i = 0; i < LENGTH_OF(times); i++)
		for (size_t j = 0; j < LENGTH_OF(times); j++)
			for (size_t k = 0; k < LENGTH_OF(thresholds); k++)
			{
				ErrandBreaker b;

				errand_breaker_init(&b, thresholds[k], times[i], times[j]);
				assert_true(b.threshold >= 1);
				assert_true(b.open_us >= 1000 && b.open_us <= DAY_US);
				assert_true(b.max_open_us >= b.open_us && b.max_open_us <= DAY_US);
				b.opens = INT32_MAX; /* failing for ever */
				for (size_t t = 0; t < LENGTH_OF(times); t++)
				{
					int64_t wait;

					errand_breaker_failure(&b, times[t]);
					errand_breaker_hold(&b, times[LENGTH_OF(times) - 1 - t]);
					wait = errand_breaker_wait(&b, times[t]);
					assert_true(wait >= 0 && wait <= DAY_US);
					errand_breaker_allow(&b, times[t]);
				}
			}
}

static void
test_names(void **state)
{
	(void) state;
	assert_string_equal(errand_breaker_state_name(ERRAND_BREAKER_CLOSED), "closed");
	assert_string_equal(errand_breaker_state_name(ERRAND_BREAKER_OPEN), "open");
	assert_string_equal(errand_breaker_state_name(ERRAND_BREAKER_HALF_OPEN), "half_open");
	assert_non_null(errand_breaker_state_name((ErrandBreakerState) 77));
}

/* Anything in any order: the states' promises hold, and it never sticks. */
static void
test_walk(void **state)
{
	Random r = seeded_random("breaker");
	ErrandBreaker b = fresh();
	int64_t now = 0;
	int64_t probe_at = 0;
	int in_a_row = 0;
	int seen[3] = {0};

	(void) state;
	for (int step = 0; step < 100000; step++)
	{
		ErrandBreakerState before = b.state;
		int64_t wait = errand_breaker_wait(&b, now);

		seen[before]++;
		assert_true(wait >= 0 && wait <= DAY_US);
		switch (random_below(&r, 7))
		{
			case 0:
				errand_breaker_success(&b);
				in_a_row = 0;
				assert_true(before == ERRAND_BREAKER_OPEN ? b.state == before :
															b.state == ERRAND_BREAKER_CLOSED);
				break;
			case 1:
			case 2:
				errand_breaker_failure(&b, now);
				in_a_row++;
				if (before == ERRAND_BREAKER_HALF_OPEN)
					assert_int_equal(b.state, ERRAND_BREAKER_OPEN);
				if (before == ERRAND_BREAKER_CLOSED && b.state == ERRAND_BREAKER_OPEN)
					assert_true(in_a_row >= 3);
				break;
			case 3:
			case 4:
				/* looking and asking agree; the time told suffices */
				assert_int_equal(errand_breaker_allow(&b, now), wait == 0);
				if (wait == 0 && before != ERRAND_BREAKER_CLOSED)
				{
					assert_int_equal(b.state, ERRAND_BREAKER_HALF_OPEN);
					assert_false(errand_breaker_allow(&b, now));
					probe_at = now;
				}
				else
					assert_int_equal(b.state, before);
				if (before == ERRAND_BREAKER_HALF_OPEN && wait == 0)
					assert_true(now >= probe_at);
				break;
			case 5:
				if (random_below(&r, 20) == 0)
					errand_breaker_hold(&b, now + (int64_t) random_below(&r, 30 * SECOND_US));
				else if (random_below(&r, 20) == 0)
					errand_breaker_release(&b);
				break;
			default:
				now += random_below(&r, 3) == 0 ? wait : (int64_t) random_below(&r, 5 * SECOND_US);
				if (random_below(&r, 500) == 0)
					now -= (int64_t) random_below(&r, HOUR_US);
				break;
		}
		assert_true(b.failures < b.threshold);
	}
	for (int i = 0; i < 3; i++)
		assert_true(seen[i] > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_opens_after_failures_in_a_row),
									   cmocka_unit_test(test_one_probe),
									   cmocka_unit_test(test_failing_probes_back_off),
									   cmocka_unit_test(test_open_ignores_reports),
									   cmocka_unit_test(test_lost_probe),
									   cmocka_unit_test(test_released_probe),
									   cmocka_unit_test(test_hold),
									   cmocka_unit_test(test_clock_goes_back),
									   cmocka_unit_test(test_bounds),
									   cmocka_unit_test(test_names),
									   cmocka_unit_test(test_walk)};

	return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
