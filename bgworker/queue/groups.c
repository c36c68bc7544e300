/*
 * groups.c
 *		Counts of task groups: settles insert them, the leader puts them together.
 *
 * Runs in worker processes.  No row of a group is updated in a settle: that
 * would let settles wait for each other, and for clients.  When a task of a
 * group with fail_fast failed, the leader asks the others to stop.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "catalog/pg_type.h"
#include "events.h"
#include "queue/config.h"
#include "queue/groups.h"
#include "utils/timestamp.h"

#define AT_ONCE 200
#define LOOK_US INT64CONST(10000) /* under load deltas gather for so long */

static bool wanted = true;
static int64 look_at = 0; /* monotonic */

void
errand_groups_settled(ErrandRun **runs, int n)
{
	Datum *ids = palloc(sizeof(Datum) * Max(n, 1));
	Datum *states = palloc(sizeof(Datum) * Max(n, 1));
	ErrandDbArgs a = {0};
	int picked = 0;

	for (int i = 0; i < n; i++)
	{
		if (runs[i]->task_group == 0 || runs[i]->stale || !errand_state_is_final(runs[i]->outcome))
			continue;
		ids[picked] = Int64GetDatum(runs[i]->id);
		states[picked++] = CharGetDatum(runs[i]->outcome);
	}
	if (picked == 0)
		return;
	errand_db_arg(&a, errand_db_array(ids, NULL, picked, INT8OID));
	errand_db_arg(&a, errand_db_array(states, NULL, picked, CHAROID));
	(void) errand_db_call(DB_GROUP_COUNT, &a);
	errand_event_touch_groups();
}

void
errand_groups_look(void)
{
	wanted = true;
}

bool
errand_groups_wanted(void)
{
	return errand_groups_wait_us() == 0;
}

static bool
is_true(int row, const char *column)
{
	bool isnull;
	Datum d = errand_db_value(row, errand_db_column(column), &isnull);

	return !isnull && DatumGetBool(d);
}

void
errand_groups_work(void)
{
	ErrandDbArgs a = {0};
	ErrandEvent cancel = {.kind = ERRAND_EVENT_CANCEL};
	ErrandEvent look = {.kind = ERRAND_EVENT_REWIND};
	bool asked = false;
	bool followed = false;
	bool isnull;
	int n;

	wanted = false;
	look_at = errand_clock_monotonic() + LOOK_US;
	/* While a dump is being restored counts may be there before their group. */
	errand_config_instance(NULL, 0);
	if (errand_config_copied())
		return;
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_db_arg(&a, Int32GetDatum(AT_ONCE));
	n = errand_db_call(DB_GROUP_FOLD, &a);
	for (int i = 0; i < n; i++)
	{
		ErrandEvent e = {.kind = ERRAND_EVENT_COMPLETE};

		e.id = DatumGetInt64(errand_db_value(i, errand_db_column("id"), &isnull));
		if (is_true(i, "complete"))
			errand_event_add(&e);
		asked |= is_true(i, "asked");
		wanted |= is_true(i, "again");
		followed |= is_true(i, "followed");
	}
	wanted |= n == AT_ONCE;
	if (asked)
		errand_event_add(&cancel);
	if (followed)
		errand_event_add(&look); /* the poll finds what was submitted */
}

int64
errand_groups_wait_us(void)
{
	return wanted ? Max(0, look_at - errand_clock_monotonic()) : PG_INT64_MAX;
}
