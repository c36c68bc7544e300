/*
 * test_retry_after.c
 *		Reading the Retry-After header.
 */
#include "unit.h"

#include <time.h>

#include "retry_after.h"

#define CAP INT64_C(86400000)

/* Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own example */
#define THEN_MS INT64_C(784111777000)

typedef struct Case
{
	const char *value;
	size_t len;
	int64_t now_ms;
	int64_t expected;
} Case;

static const Case cases[] = {{LIT("0"), 0, 0},
							 {LIT("120"), 0, 120000},
							 {LIT("  120\t"), 0, 120000},
							 {LIT("0120"), 0, 120000},
							 {LIT("86399"), 0, 86399000},
							 {LIT("86400"), 0, CAP},
							 {LIT("86401"), 0, CAP},
							 {LIT("18446744073709551617"), 0, CAP},
							 {LIT("99999999999999999999999999999999999999999999"), 0, CAP},
							 {LIT("120"), INT64_MIN, 120000},
							 {LIT("120"), INT64_MAX, 120000},
							 /* what is no number */
							 {LIT(""), 0, -1},
							 {NULL, 0, 0, -1},
							 {LIT("   "), 0, -1},
							 {LIT("-1"), 0, -1},
							 {LIT("+1"), 0, -1},
							 {LIT("1.5"), 0, -1},
							 {LIT("1e3"), 0, -1},
							 {LIT("0x10"), 0, -1},
							 {LIT("120s"), 0, -1},
							 {LIT("120 s"), 0, -1},
							 {LIT("12\0"), 0, -1},
							 {LIT("99999999999999999999999x"), 0, -1},
							 {LIT("soon"), 0, -1},
							 /* the three dates */
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), THEN_MS - 5000, 5000},
							 {LIT("Sunday, 06-Nov-94 08:49:37 GMT"), THEN_MS - 5000, 5000},
							 {LIT("Sun Nov  6 08:49:37 1994"), THEN_MS - 5000, 5000},
							 {LIT("Wed Nov 16 08:49:37 1994"), THEN_MS + 10 * CAP - 5000, 5000},
							 {LIT("sun, 06 nov 1994 08:49:37 gmt"), THEN_MS - 5000, 5000},
							 {LIT(" Sun, 06 Nov 1994 08:49:37 GMT "), THEN_MS - 1, 1},
							 {LIT("Wednesday, 06-Nov-94 08:49:37 GMT"), THEN_MS - 5000, 5000},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), THEN_MS, 0},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), THEN_MS + 1, 0},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), THEN_MS + 1000 * CAP, 0},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), THEN_MS - CAP, CAP},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), THEN_MS - CAP - 1, CAP},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), 0, CAP},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), -THEN_MS, CAP},
							 {LIT("Fri, 31 Dec 9999 23:59:60 GMT"), 0, CAP},
							 {LIT("Mon, 01 Jan 0001 00:00:00 GMT"), 0, 0},
							 {LIT("Sat, 29 Feb 2020 00:00:00 GMT"), INT64_C(1582934400000) - 7, 7},
							 /* a two-digit year is near the present */
							 {LIT("Sunday, 06-Nov-94 08:49:37 GMT"), INT64_C(1800000000000), 0},
							 {LIT("Friday, 15-Jan-27 08:00:00 GMT"), INT64_C(1800000000000) - 9, 9},
							 {LIT("Friday, 15-Jan-77 08:00:00 GMT"), INT64_C(1800000000000), CAP},
							 {LIT("Friday, 15-Jan-78 08:00:00 GMT"), INT64_C(1800000000000), 0},
							 /* dates that are none */
							 {LIT("Sun, 31 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 00 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 29 Feb 2021 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 29 Feb 1900 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 06 Nov 0000 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 24:00:00 GMT"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 08:60:37 GMT"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 08:49:61 GMT"), 0, -1},
							 {LIT("Sun, 6 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 8:49:37 GMT"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 08:49:37"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 08:49:37 CET"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 08:49:37 +0000"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT+1"), 0, -1},
							 {LIT("Sun,06 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT("Sun 06 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT("Xyz, 06 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT("Sunday, 06 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 06-Nov-94 08:49:37 GMT"), 0, -1},
							 {LIT("Sun, 06 Xyz 1994 08:49:37 GMT"), 0, -1},
							 {LIT("06 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT(", 06 Nov 1994 08:49:37 GMT"), 0, -1},
							 {LIT(", 06-Nov-94 08:49:37 GMT"), 0, -1},
							 {LIT(" Nov  6 08:49:37 1994"), 0, -1},
							 {LIT("Sun, 06  1994 08:49:37 GMT"), 0, -1},
							 {LIT("Sunday, 06--94 08:49:37 GMT"), 0, -1},
							 {LIT("Sun   6 08:49:37 1994"), 0, -1},
							 {LIT("Sun Nov 06 08:49:37 94"), 0, -1},
							 {LIT("Sun Nov  06 08:49:37 1994"), 0, -1},
							 {LIT("Sun Nov  6 08:49:37 1994x"), 0, -1},
							 {LIT("Sun Nov  6 08:49:37 "), 0, -1},
							 {LIT("Su"), 0, -1},
							 {LIT("Sun"), 0, -1},
							 {LIT("Sun,"), 0, -1},
							 {LIT("1994-11-06T08:49:37Z"), 0, -1},
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT\0"), 0, -1},
							 /* a clock that is out of its mind */
							 {LIT("Sun, 06 Nov 1994 08:49:37 GMT"), INT64_MIN, -1},
							 {LIT("Sunday, 06-Nov-94 08:49:37 GMT"), INT64_MAX, -1}};

static void
test_table(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char *value = exact_copy(cases[i].value, cases[i].len);
		int64_t got = errand_retry_after_ms(value, cases[i].len, cases[i].now_ms);

		if (got != cases[i].expected)
			fail_msg("case %zu, <%s>: %lld, expected %lld", i, cases[i].value, (long long) got,
					 (long long) cases[i].expected);
		free(value);
	}
}

/* Random moments, written by libc in all three forms. */
static void
test_against_libc(void **state)
{
	static const char *const formats[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
										  "%a %b %e %H:%M:%S %Y"};
	Random r = seeded_random("retry_after");

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		/* within fifty years of the present of this test, for the short year */
		int64_t now = INT64_C(1700000000) + (int64_t) random_below(&r, 1000000000);
		int64_t wait = (int64_t) random_below(&r, 86400);
		time_t then = (time_t) (now + wait);
		char text[64];
		size_t len = strftime(text, sizeof(text), formats[i % 3], gmtime(&then));
		int64_t got = errand_retry_after_ms(text, len, now * 1000);

		if (got != wait * 1000)
			fail_msg("%s at %lld: %lld", text, (long long) now, (long long) got);
	}
}

/* Every prefix of a date, and every date with one byte changed. */
static void
test_mutilated(void **state)
{
	static const char *const dates[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
										"Sunday, 06-Nov-94 08:49:37 GMT",
										"Sun Nov  6 08:49:37 1994"};

	(void) state;
	for (size_t d = 0; d < LENGTH_OF(dates); d++)
	{
		size_t len = strlen(dates[d]);

		for (size_t cut = 0; cut < len; cut++)
		{
			char *copy = exact_copy(dates[d], cut);

			assert_true(errand_retry_after_ms(copy, cut, 0) == -1);
			free(copy);
		}
		for (size_t at = 0; at < len; at++)
		{
			for (int byte = 0; byte < 256; byte++)
			{
				char *copy = exact_copy(dates[d], len);
				int64_t got;

				copy[at] = (char) byte;
				got = errand_retry_after_ms(copy, len, THEN_MS);
				assert_true(got >= -1 && got <= CAP);
				free(copy);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
									   cmocka_unit_test(test_against_libc),
									   cmocka_unit_test(test_mutilated)};

	return cmocka_run_group_tests_name("retry_after", tests, NULL, NULL);
}
