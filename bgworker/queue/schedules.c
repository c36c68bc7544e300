/*
 * schedules.c
 *		Fires schedules whose time has come, and submits from the outbox.
 *
 * Runs in the leader, between its other chores.  A run and the schedule's next
 * time commit together, so that a crash neither loses nor doubles a run.  While
 * the database's engine is paused nothing is fired: what was missed is made up
 * by one run.  The wall clock is asked once for each firing, here.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "queue/config.h"
#include "queue/schedules.h"
#include "queue/sources.h"
#include "queue/specs.h"
#include "shared.h"
#include "utils/timestamp.h"

#define FIRE_AT_ONCE 100
#define OUTBOX_AT_ONCE 100
#define BLOCKED_MOST 3 /* keys waited for in a row, 100 ms each */

static bool look = true;
static TimestampTz next = 0; /* 0: none */

void
errand_schedules_changed(void)
{
	look = true;
	errand_sources_changed(); /* they have times, too */
}

bool
errand_schedules_due(void)
{
	return look || (next != 0 && errand_clock_now() >= next);
}

TimestampTz
errand_schedules_next(void)
{
	return next;
}

static bool
resting(void)
{
	ErrandDatabase *d = errand_database_mine();

	errand_config_instance(NULL, 0); /* a restore may be under way */
	return d != NULL && pg_atomic_read_u32(&d->paused) != 0;
}

/* Fires what is due; true if there may be more at once. */
static bool
fire(void)
{
	ErrandDbArgs a = {0};
	TimestampTz now;
	Datum at;
	bool isnull;
	int n = 0;

	if (resting())
	{
		look = false;
		next = 0; /* the end of the pause is heard of */
		return false;
	}
	now = errand_clock_now();
	errand_db_arg(&a, TimestampTzGetDatum(now));
	errand_db_arg(&a, Int32GetDatum(FIRE_AT_ONCE));
	n = errand_db_call(DB_SCHEDULES_FIRE, &a);
	errand_specs_announce(n);
	ERRAND_FAULT("fire");
	a.n = 1;
	(void) errand_db_call(DB_SCHEDULES_NEXT, &a);
	at = errand_db_value(0, 1, &isnull);
	next = isnull ? 0 : DatumGetTimestampTz(at);
	look = false;
	return n == FIRE_AT_ONCE;
}

/* The next spec of the outbox behind *after; false at the end. */
static bool
submit_boxed(int64 *after, bool *blocked)
{
	ErrandDbArgs a = {0};
	bool isnull;
	Datum box;

	errand_db_arg(&a, Int64GetDatum(*after));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_OUTBOX_SUBMIT, &a);
	box = errand_db_value(0, errand_db_column("box"), &isnull);
	if (isnull)
		return false;
	*after = DatumGetInt64(box);
	*blocked = DatumGetBool(errand_db_value(0, errand_db_column("blocked"), &isnull));
	errand_specs_announce(1);
	return true;
}

/* One after the other; a key that a client holds is tried again in a second. */
static void
empty_outbox(void)
{
	static int64 after = 0; /* goes round, so that blocked ones hold up no others for long */
	int blocked_ones = 0;
	bool blocked = false;
	bool more = true;

	for (int i = 0; i < OUTBOX_AT_ONCE && more && blocked_ones < BLOCKED_MOST; i++)
	{
		if (!errand_db_begin())
			return;
		more = submit_boxed(&after, &blocked);
		errand_db_commit(true);
		blocked_ones += more && blocked;
	}
	if (!more)
		after = 0;
}

void
errand_schedules_run(void)
{
	bool more;

	if (!errand_db_begin())
		return;
	more = fire();
	errand_db_commit(true);
	ERRAND_FAULT("fired");
	look |= more;
	empty_outbox();
}
