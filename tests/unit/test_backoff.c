/*
 * test_backoff.c
 *		How long a failed task waits.
 */
#include "unit.h"

#include <math.h>

#include "backoff.h"

static void
test_parse(void **state)
{
	static const char *const no[] = {"",	"Exponential", "exponential ", " linear",
									 "exp", "constantly",  "none"};
	ErrandBackoff kind = (ErrandBackoff) 77;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(no); i++)
		assert_false(errand_backoff_parse(no[i], &kind));
	assert_false(errand_backoff_parse(NULL, &kind));
	assert_int_equal(kind, 77);
	for (int i = ERRAND_BACKOFF_EXPONENTIAL; i <= ERRAND_BACKOFF_CONSTANT; i++)
	{
		assert_true(errand_backoff_parse(errand_backoff_name((ErrandBackoff) i), &kind));
		assert_int_equal(kind, i);
	}
	assert_true(errand_backoff_parse("linear", &kind));
	assert_int_equal(kind, ERRAND_BACKOFF_LINEAR);
	assert_string_equal(errand_backoff_name((ErrandBackoff) 77), "exponential");
}

typedef struct Case
{
	ErrandBackoff kind;
	int64_t base_ms;
	double factor;
	int64_t max_ms;
	int failures;
	double random01;
	int64_t expected;
} Case;

#define EXP ERRAND_BACKOFF_EXPONENTIAL
#define LIN ERRAND_BACKOFF_LINEAR
#define CON ERRAND_BACKOFF_CONSTANT
#define HOUR INT64_C(3600000)

static const Case cases[] = {{EXP, 1000, 2, HOUR, 1, 0.5, 500},
							 {EXP, 1000, 2, HOUR, 2, 0.5, 1000},
							 {EXP, 1000, 2, HOUR, 5, 0.5, 8000},
							 {EXP, 1000, 3, HOUR, 3, 0.5, 4500},
							 {EXP, 1000, 1, HOUR, 9, 0.5, 500},
							 {EXP, 1000, 1.05, HOUR, 3, 0.5, 551},
							 {EXP, 1000, 2, HOUR, 1, 0, 1}, /* never under 1 ms */
							 {EXP, 1000, 2, HOUR, 100, 0.5, HOUR / 2},
							 {EXP, 1000, 2, HOUR, INT32_MAX, 0.5, HOUR / 2},
							 {EXP, 1000, 1e300, HOUR, INT32_MAX, 0.999, HOUR * 999 / 1000},
							 {EXP, 1000, INFINITY, HOUR, 3, 0.5, HOUR / 2},
							 {EXP, 1000, NAN, HOUR, 9, 0.5, 500},
							 {EXP, 1000, 0.5, HOUR, 9, 0.5, 500},
							 {EXP, 1000, -2, HOUR, 9, 0.5, 500},
							 {EXP, 1000, 2, 700, 1, 0.5, 350}, /* max below base */
							 {EXP, 1000, 2, HOUR, 0, 0.5, 500},
							 {EXP, 1000, 2, HOUR, INT32_MIN, 0.5, 500},
							 {EXP, 1000, 2, HOUR, 1, NAN, 1},
							 {EXP, 1000, 2, HOUR, 1, -1, 1},
							 {EXP, 1000, 2, HOUR, 1, 1.05, 1000},
							 {EXP, 1000, 2, HOUR, 2, 7, 2000},
							 {EXP, 2, 1, HOUR, 1, 0.9, 1},
							 {EXP, 3, 1, HOUR, 1, 0.9, 2},
							 {EXP, -5, 2, HOUR, 4, 0.5, 4},
							 {EXP, INT64_MAX, 2, INT64_MAX, 9, 1, ERRAND_BACKOFF_LIMIT_MS},
							 {EXP, 1000, 2, -1, 9, 1, 1},
							 {EXP, INT64_MIN, 2, INT64_MIN, 9, 1, 1},
							 {LIN, 1000, 2, HOUR, 1, 0, 900},
							 {LIN, 1000, 2, HOUR, 1, 0.5, 1000},
							 {LIN, 1000, 2, HOUR, 3, 0.5, 3000},
							 {LIN, 1000, 2, HOUR, 3, 0, 2700},
							 {LIN, 1000, 2, HOUR, INT32_MAX, 0.5, HOUR},
							 {LIN, 1000, 2, HOUR, INT32_MAX, 0.9, HOUR},
							 {LIN, INT64_MAX, 2, INT64_MAX, INT32_MAX, 0.9,
							  ERRAND_BACKOFF_LIMIT_MS},
							 {CON, 1000, 2, HOUR, 1, 0.5, 1000},
							 {CON, 1000, 2, HOUR, 99, 0, 900},
							 {CON, 1000, 2, 500, 99, 0.9, 500},
							 {CON, 1, 2, HOUR, 99, 0, 1}};

static void
test_table(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		const Case *c = &cases[i];
		int64_t got = errand_backoff_delay_ms(c->kind, c->base_ms, c->factor, c->max_ms,
											  c->failures, c->random01);

		if (llabs((long long) (got - c->expected)) > 1)
			fail_msg("case %zu: %lld, expected %lld", i, (long long) got, (long long) c->expected);
		if (c->max_ms >= 1 && got > c->max_ms)
			fail_msg("case %zu: over its maximum", i);
	}
}

/* Jitter spreads over the whole of what was promised. */
static void
test_spread(void **state)
{
	Random r = seeded_random("backoff");
	int low = 0;
	int high = 0;

	(void) state;
	for (int i = 0; i < 100000; i++)
	{
		int64_t full = errand_backoff_delay_ms(EXP, 1000, 2, HOUR, 4, random_unit(&r));
		int64_t tenth = errand_backoff_delay_ms(CON, 1000, 2, HOUR, 4, random_unit(&r));

		assert_true(full >= 1 && full <= 8000);
		assert_true(tenth >= 900 && tenth <= 1100);
		low += full < 800;
		high += full >= 7200;
	}
	/* a tenth each */
	assert_in_range(low, 9400, 10600);
	assert_in_range(high, 9400, 10600);
}

static void
test_any_input_stays_in_bounds(void **state)
{
	static const double doubles[] = {-INFINITY, -1, 0,	1e-300, 0.5,	  1,
									 1.0001,	2,	10, 1e300,	INFINITY, NAN};
	static const int64_t times[] = {INT64_MIN, -1, 0, 1, 1000, ERRAND_BACKOFF_LIMIT_MS, INT64_MAX};
	static const int counts[] = {INT32_MIN, -1, 0, 1, 2, 63, 1000, INT32_MAX};

	(void) state;
	for (int kind = -1; kind <= 3; kind++)
		for (size_t a = 0; a < LENGTH_OF(times); a++)
			for (size_t b = 0; b < LENGTH_OF(doubles); b++)
				for (size_t c = 0; c < LENGTH_OF(times); c++)
					for (size_t d = 0; d < LENGTH_OF(counts); d++)
						for (size_t e = 0; e < LENGTH_OF(doubles); e++)
						{
							int64_t got = errand_backoff_delay_ms((ErrandBackoff) kind, times[a],
																  doubles[b], times[c], counts[d],
																  doubles[e]);

							if (got < 1 || got > ERRAND_BACKOFF_LIMIT_MS ||
								(times[c] >= 1 && got > times[c]))
								fail_msg("%lld", (long long) got);
						}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_table),
									   cmocka_unit_test(test_spread),
									   cmocka_unit_test(test_any_input_stays_in_bounds)};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
