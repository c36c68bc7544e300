/*
 * test_rate.c
 *		Reading rates.
 */
#include "unit.h"

#include <locale.h>

#include "rate.h"

typedef struct Case
{
	const char *text;
	size_t len;
	double expected; /* 0: refused */
} Case;

static const Case cases[] = {{LIT("50/s"), 50},
							 {LIT("1/s"), 1},
							 {LIT("1000/h"), 1000.0 / 3600},
							 {LIT("10/m"), 10.0 / 60},
							 {LIT("5/d"), 5.0 / 86400},
							 {LIT("10/min"), 10.0 / 60},
							 {LIT("10/sec"), 10},
							 {LIT("10/second"), 10},
							 {LIT("10/seconds"), 10},
							 {LIT("10/minute"), 10.0 / 60},
							 {LIT("10/minutes"), 10.0 / 60},
							 {LIT("10/hour"), 10.0 / 3600},
							 {LIT("10/hours"), 10.0 / 3600},
							 {LIT("10/day"), 10.0 / 86400},
							 {LIT("10/days"), 10.0 / 86400},
							 {LIT("0.5/s"), 0.5},
							 {LIT("2.25/m"), 2.25 / 60},
							 {LIT("007/s"), 7},
							 {LIT(" 50 / s "), 50},
							 {LIT("50/S"), 50},
							 {LIT("50/Hour"), 50.0 / 3600},
							 {LIT("1000000/s"), 1e6},
							 {LIT("60000000/m"), 1e6},
							 {LIT("1.0000000/s"), 1},
							 {LIT("0.00864/d"), 1e-7},
							 {LIT("0.000000000000001/s"), 0},
							 /* out of bounds */
							 {LIT("0/s"), 0},
							 {LIT("0.0/s"), 0},
							 {LIT("1000001/s"), 0},
							 {LIT("1000000.1/s"), 0},
							 {LIT("0.00863/d"), 0},
							 {LIT("999999999999999/s"), 0},
							 {LIT("9999999999999999999999/s"), 0},
							 {LIT("0.1111111111111111111/s"), 0},
							 /* no rates */
							 {LIT(""), 0},
							 {NULL, 0, 0},
							 {LIT("/"), 0},
							 {LIT("50"), 0},
							 {LIT("50/"), 0},
							 {LIT("/s"), 0},
							 {LIT("50//s"), 0},
							 {LIT("50/s/s"), 0},
							 {LIT("-50/s"), 0},
							 {LIT("+50/s"), 0},
							 {LIT("5e1/s"), 0},
							 {LIT("inf/s"), 0},
							 {LIT("nan/s"), 0},
							 {LIT("0x10/s"), 0},
							 {LIT("1,5/s"), 0},
							 {LIT(".5/s"), 0},
							 {LIT("5./s"), 0},
							 {LIT("1.2.3/s"), 0},
							 {LIT("./s"), 0},
							 {LIT("1 000/s"), 0},
							 {LIT("50 s"), 0},
							 {LIT("50/ms"), 0},
							 {LIT("50/week"), 0},
							 {LIT("50/se"), 0},
							 {LIT("50/s\0"), 0},
							 {LIT("50\0/s"), 0},
							 {LIT("50/s;"), 0}};

static void
check_table(void)
{
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char *text = exact_copy(cases[i].text, cases[i].len);
		double rate = -1;
		bool ok = errand_rate_parse(text, cases[i].len, &rate);

		if (ok != (cases[i].expected > 0))
			fail_msg("<%s>: %d", cases[i].text, ok);
		if (ok ? rate < cases[i].expected * 0.999999 || rate > cases[i].expected * 1.000001 :
				 rate != -1)
			fail_msg("<%s>: %g", cases[i].text, rate);
		free(text);
	}
}

static void
test_table(void **state)
{
	(void) state;
	check_table();
}

/* Whatever locales there are, the point is the point. */
static void
test_in_other_locales(void **state)
{
	static const char *const names[] = {"de_DE.UTF-8", "de_DE",	  "fr_FR.UTF-8",
										"tr_TR.UTF-8", "C.UTF-8", "C"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(names); i++)
		if (setlocale(LC_ALL, names[i]) != NULL)
			check_table();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
									   cmocka_unit_test(test_in_other_locales)};

	return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
