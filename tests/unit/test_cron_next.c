/*
 * test_cron_next.c
 *		Schedules: when they are due.
 */
#include "cron_unit.h"

static void
test_plain_utc(void **state)
{
	(void) state;
	assert_true(next_of("* * * * *", 0, NULL) == 60);
	assert_true(next_of("* * * * *", 59, NULL) == 60);
	assert_true(next_of("* * * * *", -1, NULL) == 0);
	assert_true(next_of("* * * * *", 60, NULL) == 120);
	assert_true(next_of("30 2 * * *", at(2026, 11, 22, 2, 30, 0), NULL) ==
				at(2026, 11, 23, 2, 30, 0));
	assert_true(next_of("30 2 * * *", at(2026, 11, 22, 2, 29, 59), NULL) ==
				at(2026, 11, 22, 2, 30, 0));
	assert_true(next_of("0 0 1 1 *", at(2026, 1, 1, 0, 0, 0), NULL) == at(2027, 1, 1, 0, 0, 0));
	assert_true(next_of("0 0 31 * *", at(2026, 1, 31, 12, 0, 0), NULL) == at(2026, 3, 31, 0, 0, 0));
	assert_true(next_of("@hourly", at(2026, 12, 31, 23, 0, 0), NULL) == at(2027, 1, 1, 0, 0, 0));
	assert_true(next_of("@weekly", at(2026, 11, 22, 0, 0, 0), NULL) == at(2026, 11, 29, 0, 0, 0));
	/* leap days, over a century that has none too */
	assert_true(next_of("0 0 29 2 *", at(2025, 1, 1, 0, 0, 0), NULL) == at(2028, 2, 29, 0, 0, 0));
	assert_true(next_of("0 0 29 2 *", at(2096, 3, 1, 0, 0, 0), NULL) == at(2104, 2, 29, 0, 0, 0));
	/* kathmandu's midnight is 18:15 UTC */
	assert_true(next_of("0 0 * * *", at(2026, 11, 22, 18, 14, 59), kathmandu) ==
				at(2026, 11, 22, 18, 15, 0));
}

/* Day of month or day of week, when both are restricted. */
static void
test_or_rule(void **state)
{
	/* 2026-11-22 is a Sunday */
	int64_t now = at(2026, 11, 22, 0, 0, 0);

	(void) state;
	assert_true(next_of("0 0 13 * 5", now, NULL) == at(2026, 11, 27, 0, 0, 0));
	assert_true(next_of("0 0 24 * 5", now, NULL) == at(2026, 11, 24, 0, 0, 0));
	assert_true(next_of("0 0 * * 5", now, NULL) == at(2026, 11, 27, 0, 0, 0));
	assert_true(next_of("0 0 13 * *", now, NULL) == at(2026, 12, 13, 0, 0, 0));
	/* a field that begins with a star restricts nothing: both must match */
	assert_true(next_of("0 0 */2 * 1", now, NULL) == at(2026, 11, 23, 0, 0, 0));
	assert_true(next_of("0 0 */2 * 2", now, NULL) == at(2026, 12, 1, 0, 0, 0));
	assert_true(next_of("0 0 13 * */7", now, NULL) == at(2026, 12, 13, 0, 0, 0));
	/* never on this date, but on this weekday of this month */
	assert_true(next_of("0 0 30 2 1", now, NULL) == at(2027, 2, 1, 0, 0, 0));
}

static void
test_never(void **state)
{
	ErrandCron cron;
	int64_t next = -77;

	(void) state;
	assert_true(next_of("0 0 30 2 *", 0, NULL) == -1);
	assert_true(next_of("0 0 31 2,4,6,9,11 *", 0, berlin) == -1);
	cron = parsed("0 0 30 2 *");
	assert_false(errand_cron_next(&cron, 0, NULL, NULL, &next));
	cron = parsed("* * * * *");
	assert_false(errand_cron_next(&cron, INT64_MAX, berlin, NULL, &next));
	assert_false(errand_cron_next(&cron, INT64_MIN, berlin, NULL, &next));
	cron = parsed("every 1 s");
	assert_false(errand_cron_next(&cron, INT64_MAX, NULL, NULL, &next));
	memset(&cron, 0, sizeof(cron)); /* a schedule nobody parsed */
	assert_false(errand_cron_next(&cron, 0, NULL, NULL, &next));
	assert_true(next == -77);
}

/* Berlin 2026: gap 29 March 02:00-03:00, overlap 25 October 02:00-03:00. */
static void
test_daylight_saving_by_hand(void **state)
{
	int64_t gap = at(2026, 3, 29, 1, 0, 0);
	int64_t overlap = at(2026, 10, 25, 1, 0, 0);

	(void) state;
	/* 02:30 is skipped: due right after the gap, then at 02:30 again */
	assert_true(next_of("30 2 * * *", gap - 7200, berlin) == gap);
	assert_true(next_of("30 2 * * *", gap - 1, berlin) == gap);
	assert_true(next_of("30 2 * * *", gap, berlin) == at(2026, 3, 30, 0, 30, 0));
	/* several skipped at once are due once */
	assert_true(next_of("0,20,40 2 * * *", gap - 1, berlin) == gap);
	assert_true(next_of("0,20,40 2 * * *", gap, berlin) == at(2026, 3, 30, 0, 0, 0));
	/* also for those that would fall on the end of the gap anyway */
	assert_true(next_of("0 2,3 * * *", gap - 1, berlin) == gap);
	assert_true(next_of("0 2,3 * * *", gap, berlin) == at(2026, 3, 30, 0, 0, 0));
	/* every second hour: 02:00 is not lost */
	assert_true(next_of("0 */2 * * *", gap - 3600, berlin) == gap);
	assert_true(next_of("0 */2 * * *", gap, berlin) == gap + 3600);
	/* a star in the minutes does not lose the hour either */
	assert_true(next_of("*/10 2 * * *", gap - 1, berlin) == gap);
	/* evenly: nothing happens twice, nothing is skipped */
	assert_true(next_of("0 * * * *", gap - 1, berlin) == gap);
	assert_true(next_of("0 * * * *", gap, berlin) == gap + 3600);
	assert_true(next_of("30 * * * *", gap - 1800, berlin) == gap + 1800);
	assert_true(next_of("*/10 * * * *", gap - 600, berlin) == gap);

	/* 02:30 comes twice: due the first time only */
	assert_true(next_of("30 2 * * *", overlap - 3600, berlin) == overlap - 1800);
	assert_true(next_of("30 2 * * *", overlap - 1800, berlin) == at(2026, 10, 26, 1, 30, 0));
	assert_true(next_of("30 2 * * *", overlap, berlin) == at(2026, 10, 26, 1, 30, 0));
	assert_true(next_of("30 2 * * *", overlap + 1800, berlin) == at(2026, 10, 26, 1, 30, 0));
	assert_true(next_of("0 */2 * * *", overlap - 3600, berlin) == overlap + 2 * 3600);
	/* 03:00, right after it, comes once */
	assert_true(next_of("0 3 * * *", overlap - 7200, berlin) == overlap + 3600);
	/* evenly again: both */
	assert_true(next_of("30 * * * *", overlap - 1800, berlin) == overlap + 1800);
	assert_true(next_of("0 * * * *", overlap - 3600, berlin) == overlap);
	assert_true(next_of("*/20 2 * * *", overlap - 1200, berlin) == overlap);
	assert_true(next_of("*/20 2 * * *", overlap + 2400, berlin) == at(2026, 10, 26, 1, 0, 0));

	/* half an hour, and midnight */
	gap = at(2026, 10, 3, 15, 30, 0);
	assert_true(next_of("15 2 * * *", gap - 60, lord_howe) == gap);
	assert_true(next_of("45 2 * * *", gap - 60, lord_howe) == gap + 900);
	gap = at(2026, 3, 8, 5, 0, 0);
	assert_true(next_of("@daily", gap - 1, havana) == gap);
	assert_true(next_of("@daily", gap, havana) == gap + 23 * 3600);
	/* 30 December 2011 did not exist in Samoa */
	assert_true(next_of("0 12 30 12 *", APIA_CHANGE - 86400, apia) == APIA_CHANGE);
	assert_true(next_of("0 12 * * *", APIA_CHANGE - 1, apia) == APIA_CHANGE);
	assert_true(next_of("0 12 * * *", APIA_CHANGE, apia) == APIA_CHANGE + 12 * 3600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain_utc),
									   cmocka_unit_test(test_or_rule), cmocka_unit_test(test_never),
									   cmocka_unit_test(test_daylight_saving_by_hand)};

	return cmocka_run_group_tests_name("cron_next", tests, NULL, NULL);
}
