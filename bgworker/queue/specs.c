/*
 * specs.c
 *		Submits follow-ups, and announces what the engine submitted itself.
 *
 * Runs in worker processes, within the transaction that records the parents as
 * final: a follow-up is there if and only if its parent's outcome is.  It must
 * never wait for a row that a client can hold: specs with keys only go to the
 * outbox here.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "catalog/pg_type.h"
#include "events.h"
#include "queue/specs.h"
#include "utils/timestamp.h"

static TimestampTz
row_time(int row, const char *column)
{
	bool isnull;
	Datum d = errand_db_value(row, errand_db_column(column), &isnull);

	return isnull ? 0 : DatumGetTimestampTz(d);
}

static void
announce_row(int row, char state)
{
	ErrandEvent e = {0};
	bool isnull;

	e.kind = ERRAND_EVENT_TASK;
	e.id = DatumGetInt64(errand_db_value(row, errand_db_column("id"), &isnull));
	e.submitter = DatumGetObjectId(errand_db_value(row, errand_db_column("owner_oid"), &isnull));
	e.task_kind = errand_db_char(row, "kind");
	e.run = 1;
	e.to = state;
	e.role = DatumGetObjectId(errand_db_value(row, errand_db_column("role"), &isnull));
	e.priority = DatumGetInt16(errand_db_value(row, errand_db_column("priority"), &isnull));
	e.place = e.id;
	e.wait_us = e.run_us = -1;
	e.at = row_time(row, "at");
	e.queue = errand_db_text(row, errand_db_column("queue"));
	e.task = errand_db_text(row, errand_db_column("type"));
	errand_event_add(&e);
	e.at = row_time(row, "deadline");
	if (e.at == 0)
		return;
	e.kind = ERRAND_EVENT_DUE;
	errand_event_add(&e);
}

void
errand_specs_announce(int rows)
{
	bool boxed = false;
	bool isnull;

	for (int i = 0; i < rows; i++)
	{
		char state = DatumGetChar(errand_db_value(i, errand_db_column("state"), &isnull));

		if (!isnull)
			announce_row(i, state);
		state = DatumGetBool(errand_db_value(i, errand_db_column("boxed"), &isnull));
		boxed |= !isnull && state;
	}
	if (boxed)
	{
		ErrandEvent e = {.kind = ERRAND_EVENT_OUTBOX};

		errand_event_add(&e);
	}
}

void
errand_follow_ups(const Datum *ids, int n)
{
	ErrandDbArgs a = {0};

	if (n == 0)
		return;
	errand_db_arg(&a, errand_db_array(ids, NULL, n, INT8OID));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_specs_announce(errand_db_call(DB_FOLLOW_UP, &a));
}

void
errand_follow_ups_of(ErrandRun **runs, int n)
{
	Datum *ids = palloc(sizeof(Datum) * Max(n, 1));
	int picked = 0;

	for (int i = 0; i < n; i++)
	{
		const ErrandRun *r = runs[i];

		if (!r->stale && r->follow_ups && errand_state_is_final(r->outcome) &&
			r->outcome != ERRAND_CANCELLED)
			ids[picked++] = Int64GetDatum(r->id);
	}
	errand_follow_ups(ids, picked);
}
