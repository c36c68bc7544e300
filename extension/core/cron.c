/*
 * cron.c
 *		Finds when a schedule is due next.
 *
 * Process: any (the leader; backends, to show the next run).  Functions of their
 * arguments alone: must never allocate, ereport, read the clock or know about
 * time zones: the caller's function tells the offset of local time.
 *
 * The walls.  A clock on the wall shows local time, here in seconds since 1970 as
 * if it were UTC.  The minutes that match a schedule are found on the wall, by
 * arithmetic on dates, and each is then mapped to the instant at which the wall
 * shows it.  Where the offset changes, the wall skips minutes or shows some
 * twice; map_wall() says what instant those have.  Each mapping never decreases,
 * so the first wall minute that maps to later than "after" is the next one.
 */
#include "cron.h"

#include "civil.h"

#define SEARCH_DAYS (9 * 366)

/* No place is further from UTC; a caller's function that says so is wrong. */
#define MAX_OFFSET_S (26 * 3600)

/*
 * Wall minutes may map to "after" or earlier while an overlap of up to a day, or
 * a gap of that length, is passed.  More means that the offsets make no sense.
 */
#define MAX_PASSED 10000

typedef struct Zone
{
	ErrandUtcOffset offset;
	void *arg;
} Zone;

/* What to do with wall minutes that come twice or never. */
typedef struct Rules
{
	bool last;	   /* take the second of two, not the first */
	bool fill_gap; /* skipped ones are due right after the gap */
} Rules;

static int64_t
offset_at(const Zone *zone, int64_t unix_s)
{
	int offset = zone->offset == NULL ? 0 : zone->offset(unix_s, zone->arg);

	if (offset > MAX_OFFSET_S)
		return MAX_OFFSET_S;
	return offset < -MAX_OFFSET_S ? -MAX_OFFSET_S : offset;
}

/* The instant in (low, high] at which the offset stops being that at low. */
static int64_t
find_change(const Zone *zone, int64_t low, int64_t high)
{
	int64_t before = offset_at(zone, low);

	while (high - low > 1)
	{
		int64_t middle = low + (high - low) / 2;

		if (offset_at(zone, middle) == before)
			low = middle;
		else
			high = middle;
	}
	return high;
}

/* The instant at which the wall shows this; false if it is to be passed over. */
static bool
map_wall(const Zone *zone, int64_t wall, Rules rules, int64_t *instant)
{
	int64_t before = offset_at(zone, wall - ERRAND_DAY_S);
	int64_t after = offset_at(zone, wall + ERRAND_DAY_S);
	bool first_valid = offset_at(zone, wall - before) == before;
	bool second_valid = offset_at(zone, wall - after) == after;

	if (first_valid && (!second_valid || !rules.last))
		*instant = wall - before;
	else if (second_valid)
		*instant = wall - after;
	else if (rules.fill_gap)
		*instant = find_change(zone, wall - ERRAND_DAY_S, wall + ERRAND_DAY_S);
	else
		return false;
	return true;
}

/* Does the schedule run on this day, counted from 1970-01-01? */
static bool
day_matches(const ErrandCron *cron, int64_t day)
{
	int64_t year;
	int month;
	int day_of_month;
	bool by_date;
	bool by_weekday;

	errand_civil_from_days(day, &year, &month, &day_of_month);
	if ((cron->months >> month & 1) == 0)
		return false;
	by_date = (cron->days >> day_of_month & 1) != 0;
	by_weekday = (cron->weekdays >> errand_weekday(day) & 1) != 0;

	/* Cron's old rule: two restrictions are alternatives. */
	if (cron->day_star || cron->weekday_star)
		return by_date && by_weekday;
	return by_date || by_weekday;
}

/*
 * The first matching minute of the wall from *wall on, before end; *wall is a
 * whole minute.
 */
static bool
next_wall(const ErrandCron *cron, int64_t *wall, int64_t end)
{
	int64_t at = *wall;

	while (at < end)
	{
		int64_t second_of_day = errand_floor_mod(at, ERRAND_DAY_S);
		int hour = (int) (second_of_day / 3600);
		int minute = (int) (second_of_day % 3600 / 60);

		if (hour == 0 && minute == 0 && !day_matches(cron, errand_floor_div(at, ERRAND_DAY_S)))
			at += ERRAND_DAY_S;
		else if ((cron->hours >> hour & 1) == 0)
			at += 3600 - minute * 60;
		else if ((cron->minutes >> minute & 1) == 0)
			at += 60;
		else if (!day_matches(cron, errand_floor_div(at, ERRAND_DAY_S)))
			at += ERRAND_DAY_S - second_of_day;
		else
		{
			*wall = at;
			return true;
		}
	}
	return false;
}

/* The first instant later than after, under one set of rules. */
static bool
search(const ErrandCron *cron, int64_t after, const Zone *zone, Rules rules, int64_t *next)
{
	int64_t here = offset_at(zone, after);
	int64_t ahead = offset_at(zone, after + ERRAND_DAY_S);
	int64_t wall = after + (ahead < here ? ahead : here);
	int64_t end = wall + SEARCH_DAYS * ERRAND_DAY_S;

	/* Where the wall is about to go back, minutes it has shown come again. */
	wall -= errand_floor_mod(wall, 60);
	for (int passed = 0; passed < MAX_PASSED; passed++)
	{
		int64_t instant;

		if (!next_wall(cron, &wall, end))
			return false;
		if (map_wall(zone, wall, rules, &instant) && instant > after)
		{
			*next = instant;
			return true;
		}
		wall += 60;
	}
	return false;
}

static bool
next_by_fields(const ErrandCron *cron, int64_t after, const Zone *zone, int64_t *next)
{
	bool every_hour = cron->hours == 0xffffff;
	Rules first = {false, !every_hour};
	Rules last = {true, false};
	int64_t again;

	if (!search(cron, after, zone, first, next))
		return false;

	/* What goes on evenly is due at both instants of a minute that comes twice. */
	if ((every_hour || cron->minute_star) && search(cron, after, zone, last, &again) &&
		again < *next)
		*next = again;
	return true;
}

bool
errand_cron_next(const ErrandCron *cron, int64_t after_unix_s, ErrandUtcOffset offset, void *arg,
				 int64_t *next)
{
	Zone zone = {offset, arg};

	if (after_unix_s < ERRAND_UNIX_MIN || after_unix_s >= ERRAND_UNIX_MAX)
		return false;
	if (cron->every_s > 0)
	{
		*next = (errand_floor_div(after_unix_s, cron->every_s) + 1) * cron->every_s;
		return true;
	}
	return next_by_fields(cron, after_unix_s, &zone, next);
}
