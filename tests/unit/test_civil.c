/*
 * test_civil.c
 *		Days and dates, against a calendar that is counted day by day.
 */
#include "unit.h"

#include "civil.h"

static void
test_every_day_of_ten_thousand_years(void **state)
{
	int64_t day = errand_days_from_civil(1, 1, 1);
	int weekday = 1; /* 0001-01-01 was a Monday */

	(void) state;
	assert_true(day * ERRAND_DAY_S == ERRAND_UNIX_MIN);
	for (int64_t year = 1; year <= 9999; year++)
	{
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

		for (int month = 1; month <= 12; month++)
		{
			static const int lengths[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
			int length = lengths[month] + (month == 2 && leap ? 1 : 0);

			if (errand_days_in_month(year, month) != length)
				fail_msg("length of %lld-%d", (long long) year, month);
			for (int d = 1; d <= length; d++, day++)
			{
				int64_t y;
				int m;
				int back;

				errand_civil_from_days(day, &y, &m, &back);
				if (errand_days_from_civil(year, month, d) != day || y != year || m != month ||
					back != d || errand_weekday(day) != weekday)
					fail_msg("%lld-%d-%d", (long long) year, month, d);
				weekday = (weekday + 1) % 7;
			}
		}
	}
	assert_true(day * ERRAND_DAY_S == ERRAND_UNIX_MAX);
}

static void
test_known_days(void **state)
{
	(void) state;
	assert_true(errand_days_from_civil(1970, 1, 1) == 0);
	assert_int_equal(errand_weekday(0), 4);
	assert_true(errand_days_from_civil(2000, 3, 1) == 11017);
	assert_true(errand_days_from_civil(1969, 12, 31) == -1);
	assert_int_equal(errand_weekday(-1), 3);
}

static void
test_floor(void **state)
{
	(void) state;
	for (int64_t a = -30; a <= 30; a++)
	{
		for (int64_t b = 1; b <= 7; b++)
		{
			int64_t q = errand_floor_div(a, b);
			int64_t r = errand_floor_mod(a, b);

			assert_true(q * b + r == a && r >= 0 && r < b);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_day_of_ten_thousand_years),
									   cmocka_unit_test(test_known_days),
									   cmocka_unit_test(test_floor)};

	return cmocka_run_group_tests_name("civil", tests, NULL, NULL);
}
