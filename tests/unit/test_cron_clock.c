/*
 * test_cron_clock.c
 *		Schedules against a clock that is watched minute by minute, across every
 *		kind of change that a wall clock makes.
 */
#include "unit.h"

#include <limits.h>

#include "cron.h"
#include "zones.h"

#define MINUTES_PER_DAY 1440
#define NEW_YEAR_2026 INT64_C(1767225600)

static ErrandCron
parsed(const char *text)
{
	ErrandCron cron;
	const char *why = NULL;

	if (!errand_cron_parse(text, strlen(text), &cron, &why))
		fail_msg("<%s>: %s", text, why);
	return cron;
}

/*
 * The expression is made of sets drawn at random, so that what it means is known
 * without parsing it; when it is due is found by looking at each minute in turn
 * and remembering what the wall has shown already.
 */
typedef struct Drawn
{
	char text[512];
	bool minute[60];
	bool hour[24];
	bool day[32];
	bool month[13];
	bool weekday[7];
	bool minute_star;
	bool every_hour;
	bool day_star;
	bool weekday_star;
} Drawn;

/* Draw one field into set and append it to text; true if it began with a star. */
static bool
draw_field(Random *r, char *text, int low, int high, bool *set)
{
	size_t used = strlen(text);
	uint64_t kind = random_below(r, 8);
	int span = high - low + 1;
	int n;

	if (kind < 3)
	{
		int step = kind < 2 ? 1 : 1 + (int) random_below(r, (uint64_t) span / 2);

		for (int v = low; v <= high; v += step)
			set[v] = true;
		sprintf(text + used, step == 1 ? "* " : "*/%d ", step);
		return true;
	}
	if (kind < 5)
	{
		int from = low + (int) random_below(r, (uint64_t) span);
		int to = from + (int) random_below(r, (uint64_t) high - (uint64_t) from + 1);
		int step = 1 + (int) random_below(r, 4);

		for (int v = from; v <= to; v += step)
			set[v] = true;
		sprintf(text + used, "%d-%d/%d ", from, to, step);
		return false;
	}
	n = 1 + (int) random_below(r, 4);
	for (int i = 0; i < n; i++)
	{
		int v = low + (int) random_below(r, (uint64_t) span);

		set[v] = true;
		used += (size_t) sprintf(text + used, i + 1 < n ? "%d," : "%d ", v);
	}
	return false;
}

static void
draw(Random *r, Drawn *d)
{
	memset(d, 0, sizeof(*d));
	d->minute_star = draw_field(r, d->text, 0, 59, d->minute);
	/* the hours in which clocks change, more often than not */
	if (random_below(r, 2) == 0)
	{
		int hour = (int) random_below(r, 4);

		d->hour[hour] = true;
		sprintf(d->text + strlen(d->text), "%d ", hour);
	}
	else
		draw_field(r, d->text, 0, 23, d->hour);
	if (random_below(r, 4) > 0)
	{
		strcat(d->text, "* * *");
		memset(d->day, true, sizeof(d->day));
		memset(d->month, true, sizeof(d->month));
		memset(d->weekday, true, sizeof(d->weekday));
		d->day_star = d->weekday_star = true;
	}
	else
	{
		d->day_star = draw_field(r, d->text, 1, 31, d->day);
		strcat(d->text, "* ");
		memset(d->month, true, sizeof(d->month));
		d->weekday_star = draw_field(r, d->text, 0, 6, d->weekday);
	}
	d->every_hour = true;
	for (int h = 0; h < 24; h++)
		d->every_hour = d->every_hour && d->hour[h];
}

static bool
drawn_matches(const Drawn *d, int64_t wall)
{
	int64_t days = errand_floor_div(wall, ERRAND_DAY_S);
	int64_t second = errand_floor_mod(wall, ERRAND_DAY_S);
	int64_t year;
	int month;
	int day;
	bool date;
	bool week;

	errand_civil_from_days(days, &year, &month, &day);
	date = d->day[day];
	week = d->weekday[errand_weekday(days)];
	return second % 60 == 0 && d->minute[second % 3600 / 60] && d->hour[second / 3600] &&
		   d->month[month] && (d->day_star || d->weekday_star ? date && week : date || week);
}

/* Is it due at this instant, a whole minute? */
static bool
due(const Drawn *d, int64_t t, ErrandUtcOffset zone)
{
	int64_t wall = t + zone(t, NULL);
	int64_t wall_before = t - 1 + zone(t - 1, NULL);

	/* the wall has just jumped forward over a match */
	if (!d->every_hour)
		for (int64_t w = wall_before + 1; w < wall; w++)
			if (w % 60 == 0 && drawn_matches(d, w))
				return true;
	if (!drawn_matches(d, wall))
		return false;
	if (d->every_hour || d->minute_star)
		return true;
	/* has the wall shown it before? */
	for (int64_t earlier = t - 25 * 3600; earlier < t; earlier += 60)
		if (earlier + zone(earlier, NULL) == wall)
			return false;
	return true;
}

static void
test_against_a_watched_clock(void **state)
{
	static const struct
	{
		const char *name;
		ErrandUtcOffset zone;
		int64_t change;
	} changes[] = {{"berlin, spring", berlin, 1774746000},
				   {"berlin, autumn", berlin, 1792890000},
				   {"new york, spring", new_york, 1772953200},
				   {"new york, autumn", new_york, 1793512800},
				   {"lord howe, spring", lord_howe, 1791041400},
				   {"lord howe, autumn", lord_howe, 1775314800},
				   {"havana, spring", havana, 1772946000},
				   {"havana, autumn", havana, 1793509200},
				   {"apia", apia, APIA_CHANGE},
				   {"day twice", day_twice, APIA_CHANGE},
				   {"kathmandu", kathmandu, 1775314800}};
	Random r = seeded_random("cron");

	(void) state;
	for (size_t z = 0; z < LENGTH_OF(changes); z++)
	{
		ErrandUtcOffset zone = changes[z].zone;

		if (zone != kathmandu && zone(changes[z].change, NULL) == zone(changes[z].change - 1, NULL))
			fail_msg("%s: no change there", changes[z].name);
		for (int n = 0; n < 60; n++)
		{
			int64_t from = changes[z].change - MINUTES_PER_DAY * 60 -
						   (int64_t) random_below(&r, 3600);
			int64_t to = changes[z].change + MINUTES_PER_DAY * 90;
			int64_t next;
			ErrandCron cron;
			Drawn d;

			draw(&r, &d);
			cron = parsed(d.text);
			next = from;
			assert_true(errand_cron_next(&cron, from, zone, NULL, &next) || next == from);
			for (int64_t t = from - errand_floor_mod(from, 60) + 60; t < to; t += 60)
			{
				bool expected = due(&d, t, zone);

				if (expected != (t == next))
					fail_msg("<%s>, %s: %s at change %+lld min, next is %+lld min", d.text,
							 changes[z].name, expected ? "due" : "not due",
							 (long long) (t - changes[z].change) / 60,
							 (long long) (next - changes[z].change) / 60);
				if (t == next && !errand_cron_next(&cron, t, zone, NULL, &next))
					next = INT64_MAX;
				assert_true(next > t);
			}
		}
	}
}

/* From any second, the answer is the same until it has come. */
static void
test_next_is_steady(void **state)
{
	Random r = seeded_random("cron, steady");

	(void) state;
	for (int i = 0; i < 300; i++)
	{
		int64_t after = NEW_YEAR_2026 + (int64_t) random_below(&r, 400 * 86400);
		int64_t next;
		ErrandCron cron;
		Drawn d;

		draw(&r, &d);
		cron = parsed(d.text);
		if (!errand_cron_next(&cron, after, berlin, NULL, &next))
			continue;
		for (int n = 0; n < 20; n++)
		{
			int64_t between = after + (int64_t) random_below(&r, (uint64_t) (next - after));
			int64_t again;

			assert_true(errand_cron_next(&cron, between, berlin, NULL, &again));
			assert_true(again == next);
		}
	}
}

/* Offsets that make no sense: some answer, in the future, and soon. */
static int
noisy_offset(int64_t unix_s, void *arg)
{
	uint64_t hash = (uint64_t) unix_s * UINT64_C(0x9e3779b97f4a7c15);
	int mode = *(int *) arg;

	return mode == 0			  ? (int) (hash >> 32) :
		   mode == 1			  ? (int) (hash >> 47) - 65536 :
		   mode == 2			  ? INT_MIN :
		   mode == 3			  ? INT_MAX :
		   unix_s / 3600 % 2 == 0 ? 7200 :
									-7200;
}

static void
test_hostile_offsets(void **state)
{
	static const char *const texts[] = {"* * * * *", "30 2 * * *", "0 0 29 2 *", "*/7 1-5 * * 1",
										"0 0 30 2 *"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(texts); i++)
		for (int mode = 0; mode < 5; mode++)
			for (int n = 0; n < 20; n++)
			{
				ErrandCron cron = parsed(texts[i]);
				int64_t after = NEW_YEAR_2026 + n * 9973 * 60;
				int64_t next;

				if (errand_cron_next(&cron, after, noisy_offset, &mode, &next))
					assert_true(next > after);
			}

	/* a schedule with all bits set, as a broken row might give */
	for (int every = -1; every <= 1; every++)
	{
		ErrandCron cron;
		int64_t next;

		memset(&cron, 0xff, sizeof(cron));
		cron.every_s = every;
		cron.minute_star = cron.day_star = cron.weekday_star = true;
		assert_true(errand_cron_next(&cron, 0, berlin, NULL, &next));
		assert_true(next > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_a_watched_clock),
									   cmocka_unit_test(test_next_is_steady),
									   cmocka_unit_test(test_hostile_offsets)};

	return cmocka_run_group_tests_name("cron_clock", tests, NULL, NULL);
}
