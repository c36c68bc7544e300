/*
 * test_cron.c
 *		Schedules: what they mean.
 */
#include "cron_unit.h"

typedef struct SetCase
{
	const char *text;
	uint64_t minutes;
	uint32_t hours;
	uint32_t days;
	uint16_t months;
	uint8_t weekdays;
} SetCase;

#define ALL_MINUTES UINT64_C(0xfffffffffffffff)
#define ALL_HOURS UINT32_C(0xffffff)
#define ALL_DAYS UINT32_C(0xfffffffe)
#define ALL_MONTHS UINT16_C(0x1ffe)
#define ALL_WEEK UINT8_C(0x7f)

static const SetCase set_cases[] = {
	{"* * * * *", ALL_MINUTES, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"\t*  *\t* *   * ", ALL_MINUTES, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"0 0 1 1 0", 1, 1, 2, 2, 1},
	{"59 23 31 12 6", UINT64_C(1) << 59, 1u << 23, 1u << 31, 1u << 12, 1u << 6},
	{"0 0 1 1 7", 1, 1, 2, 2, 1},
	{"0 0 * * 5-7", 1, 1, ALL_DAYS, ALL_MONTHS, 0x61},
	{"0 0 * * sat-sun", 1, 1, ALL_DAYS, ALL_MONTHS, 0x41},
	{"0 0 * * MON-Fri", 1, 1, ALL_DAYS, ALL_MONTHS, 0x3e},
	{"0 0 * * sun", 1, 1, ALL_DAYS, ALL_MONTHS, 0x01},
	{"0 0 * * sun-tue", 1, 1, ALL_DAYS, ALL_MONTHS, 0x07},
	{"0 0 * * sun,wed", 1, 1, ALL_DAYS, ALL_MONTHS, 0x09},
	{"0 0 * JAN,dec *", 1, 1, ALL_DAYS, 0x1002, ALL_WEEK},
	{"0 0 * jun-8 *", 1, 1, ALL_DAYS, 0x01c0, ALL_WEEK},
	{"*/15 * * * *", UINT64_C(0x200040008001), ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"*/60 */24 * * *", 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"*/59 * * * *", UINT64_C(1) | UINT64_C(1) << 59, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"*/1 * * * *", ALL_MINUTES, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"5-20/5 * * * *", 1u << 5 | 1u << 10 | 1u << 15 | 1u << 20, ALL_HOURS, ALL_DAYS, ALL_MONTHS,
	 ALL_WEEK},
	{"5-19/5 * * * *", 1u << 5 | 1u << 10 | 1u << 15, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"1,2,4-6,4 * * * *", 0x76, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"7-7 07 * * *", 1u << 7, 1u << 7, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"0 0 */10 * *", 1, 1, 1u << 1 | 1u << 11 | 1u << 21 | 1u << 31, ALL_MONTHS, ALL_WEEK},
	{"0 0 * * */2", 1, 1, ALL_DAYS, ALL_MONTHS, 0x55},
	{"@yearly", 1, 1, 2, 2, ALL_WEEK},
	{"@Annually", 1, 1, 2, 2, ALL_WEEK},
	{"@monthly", 1, 1, 2, ALL_MONTHS, ALL_WEEK},
	{"@weekly", 1, 1, ALL_DAYS, ALL_MONTHS, 1},
	{" @daily ", 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"@midnight", 1, 1, ALL_DAYS, ALL_MONTHS, ALL_WEEK},
	{"@hourly", 1, ALL_HOURS, ALL_DAYS, ALL_MONTHS, ALL_WEEK}};

static void
test_sets(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(set_cases); i++)
	{
		const SetCase *c = &set_cases[i];
		ErrandCron cron = parsed(c->text);

		if (cron.every_s != 0 || cron.minutes != c->minutes || cron.hours != c->hours ||
			cron.days != c->days || cron.months != c->months || cron.weekdays != c->weekdays)
			fail_msg("<%s>", c->text);
	}
	assert_true(parsed("*/2 * 1 * 1").minute_star);
	assert_false(parsed("0-59 * 1 * 1").minute_star);
	assert_true(parsed("0 0 */2 * 1").day_star);
	assert_false(parsed("0 0 1 * */2").day_star);
	assert_true(parsed("0 0 1 * */2").weekday_star);
}

typedef struct BadCase
{
	const char *text;
	size_t len;
	const char *why; /* some of the reason */
} BadCase;

static const BadCase bad_cases[] = {{LIT(""), "empty"},
									{NULL, 0, "empty"},
									{LIT(" \t "), "empty"},
									{LIT("*"), "fewer"},
									{LIT("* * * *"), "fewer"},
									{LIT("* * * * * *"), "more"},
									{LIT("0 0 1 1 0 2027"), "more"},
									{LIT("60 * * * *"), "minute"},
									{LIT("-1 * * * *"), "minute"},
									{LIT("* 24 * * *"), "hour"},
									{LIT("* * 0 * *"), "day-of-month"},
									{LIT("* * 32 * *"), "day-of-month"},
									{LIT("* * * 0 *"), "month"},
									{LIT("* * * 13 *"), "month"},
									{LIT("* * * * 8"), "day-of-week"},
									{LIT("* * * * monday"), "day-of-week"},
									{LIT("* * * janu *"), "month"},
									{LIT("* * * ja *"), "month"},
									{LIT("* * jan * *"), "day-of-month"},
									{LIT("* * * mon *"), "month"},
									{LIT("* * * * jan"), "day-of-week"},
									{LIT("20-10 * * * *"), "minute"},
									{LIT("* * * * fri-mon"), "day-of-week"},
									{LIT("1- * * * *"), "minute"},
									{LIT("-5 * * * *"), "minute"},
									{LIT("1-2-3 * * * *"), "minute"},
									{LIT("*-5 * * * *"), "minute"},
									{LIT("** * * * *"), "minute"},
									{LIT("1,,2 * * * *"), "minute"},
									{LIT(",1 * * * *"), "minute"},
									{LIT("1, * * * *"), "minute"},
									{LIT("* * * * ,"), "day-of-week"},
									{LIT("1.5 * * * *"), "minute"},
									{LIT("001 * * * *"), "minute"},
									{LIT("+1 * * * *"), "minute"},
									{LIT("? * * * *"), "minute"},
									{LIT("0 0 L * *"), "day-of-month"},
									{LIT("0 0 15W * *"), "day-of-month"},
									{LIT("0 0 * * 5#2"), "day-of-week"},
									{LIT("H * * * *"), "minute"},
									{LIT("5/15 * * * *"), "neither"},
									{LIT("*/0 * * * *"), "step"},
									{LIT("*/61 * * * *"), "longer"},
									{LIT("*/90 * * * *"), "longer"},
									{LIT("* */25 * * *"), "longer"},
									{LIT("*/ * * * *"), "step"},
									{LIT("*/005 * * * *"), "step"},
									{LIT("*/x * * * *"), "step"},
									{LIT("*/-5 * * * *"), "step"},
									{LIT("*/5/5 * * * *"), "step"},
									{LIT("/5 * * * *"), "minute"},
									{LIT("1-9/100 * * * *"), "step"},
									{LIT("*5 * * * *"), "minute"},
									{LIT("* * * * *\0"), "day-of-week"},
									{LIT("\0"), "minute"},
									{LIT("*\x0b* * * * *"), "minute"},
									{LIT("@reboot"), "@"},
									{LIT("@"), "@"},
									{LIT("@dailyy"), "@"},
									{LIT("@daily x"), "@"},
									{LIT("@ daily"), "@"},
									{LIT("every"), "interval"},
									{LIT("every 10"), "interval"},
									{LIT("every 0 s"), "between"},
									{LIT("every -1 s"), "interval"},
									{LIT("every 1.5 s"), "interval"},
									{LIT("every 10 ms"), "interval"},
									{LIT("every 10 weeks"), "interval"},
									{LIT("every ten s"), "interval"},
									{LIT("every 10 s 5 min"), "interval"},
									{LIT("every 367 d"), "between"},
									{LIT("every 999999999 d"), "between"},
									{LIT("every 9999999999 s"), "interval"},
									{LIT("every10s"), "minute"},
									{LIT("every 10 s\0"), "interval"}};

static void
test_bad(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(bad_cases); i++)
	{
		const BadCase *c = &bad_cases[i];
		char *text = exact_copy(c->text, c->len);
		ErrandCron cron;
		const char *why = NULL;

		if (errand_cron_parse(text, c->len, &cron, &why))
			fail_msg("<%s> is taken", c->text);
		if (why == NULL || strstr(why, c->why) == NULL)
			fail_msg("<%s>: %s", c->text, why);
		assert_false(errand_cron_parse(text, c->len, &cron, NULL));
		free(text);
	}
}

static void
test_every(void **state)
{
	static const struct
	{
		const char *text;
		int64_t seconds;
	} units[] = {{"every 10 s", 10},		  {"every 10s", 10},		{"EVERY 10 Sec", 10},
				 {"  every   1 second ", 1},  {"every 90 seconds", 90}, {"every 5 min", 300},
				 {"every 5 m", 300},		  {"every 5 mins", 300},	{"every minute", 60},
				 {"every 90 minutes", 5400},  {"every 2 h", 7200},		{"every hour", 3600},
				 {"every 36 hours", 129600},  {"every 1 d", 86400},		{"every day", 86400},
				 {"every 366 days", 31622400}};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(units); i++)
	{
		ErrandCron cron = parsed(units[i].text);
		int64_t now = 1700000001;
		int64_t next;

		assert_true(cron.every_s == units[i].seconds);
		for (int n = 0; n < 5; n++)
		{
			assert_true(errand_cron_next(&cron, now, berlin, NULL, &next));
			assert_true(next % cron.every_s == 0);
			assert_true(next > now && next - now <= cron.every_s);
			now = next;
		}
	}
	assert_true(next_of("every 10 s", -15, NULL) == -10);
	assert_true(next_of("every 10 s", -10, NULL) == 0);
	assert_true(next_of("every 10 s", -1, NULL) == 0);
}

static void
test_noise(void **state)
{
	static const char alphabet[] = "0123456789*/-,  @evrysmonjauhd\t";
	Random r = seeded_random("cron, noise");
	int taken = 0;

	(void) state;
	for (int step = 0; step < 100000; step++)
	{
		char text[48];
		size_t len = random_below(&r, 24);
		size_t wrong = random_below(&r, 3);
		char *copy;
		const char *why = NULL;
		ErrandCron cron;

		if (step % 2 == 0)
			for (size_t i = 0; i < len; i++)
				text[i] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
		else
		{
			/* a good one with up to two bytes changed */
			const char *good = set_cases[random_below(&r, LENGTH_OF(set_cases))].text;

			len = strlen(good);
			memcpy(text, good, len);
			while (wrong-- > 0)
				text[random_below(&r, len)] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
		}
		copy = exact_copy(text, len);
		if (errand_cron_parse(copy, len, &cron, &why))
		{
			taken++;
			assert_true(cron.every_s > 0 ||
						(cron.minutes != 0 && cron.minutes <= ALL_MINUTES && cron.hours != 0 &&
						 cron.hours <= ALL_HOURS && cron.days > 1 && (cron.days & 1) == 0 &&
						 cron.months > 1 && cron.months <= ALL_MONTHS && (cron.months & 1) == 0 &&
						 cron.weekdays != 0 && cron.weekdays <= ALL_WEEK));
		}
		else
			assert_non_null(why);
		free(copy);
	}
	assert_true(taken > 10000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sets), cmocka_unit_test(test_bad),
									   cmocka_unit_test(test_every), cmocka_unit_test(test_noise)};

	return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
