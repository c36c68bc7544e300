/*
 * steer.c
 *		cancel(), retry(), reschedule(), reprioritize().
 *
 * Runs in every backend, in the caller's transaction: everything takes effect
 * at commit.  It never writes an outcome of a running task: that is its
 * worker's alone, which is asked through cancel_request.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "contract.h"
#include "core/rate.h"
#include "events.h"
#include "http_check.h"
#include "options.h"
#include "shared.h"
#include "steer.h"
#include "submit.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_cancel);
PG_FUNCTION_INFO_V1(errand_retry);
PG_FUNCTION_INFO_V1(errand_reschedule);
PG_FUNCTION_INFO_V1(errand_reprioritize);

/* An event of a task from the row that an internal function returned. */
static void
announce_row(int64 id, Datum row, char from, char to)
{
	ErrandEvent e = {0};

	e.kind = ERRAND_EVENT_TASK;
	e.id = id;
	e.submitter = (Oid) errand_column_int(row, "owner_oid", 0);
	e.owner = to == ERRAND_CANCELLED || errand_state_is_final(from) ? e.submitter : InvalidOid;
	e.group = errand_column_int(row, "task_group", 0);
	e.run = errand_column_int(row, "run", 1);
	e.attempt = errand_column_int(row, "attempt", 0);
	e.from = from;
	e.to = to;
	e.wait_us = e.run_us = -1;
	e.queue = errand_column_text(row, "queue");
	e.task = errand_column_text(row, "type");
	if (to == ERRAND_CANCELLED)
		e.task_kind = errand_column_char(row, "kind");
	if (to == ERRAND_READY)
	{
		e.role = (Oid) errand_column_int(row, "role", 0);
		e.priority = errand_column_int(row, "priority", 0);
		e.place = errand_column_int(row, "place", id);
	}
	else if (to == ERRAND_CANCELLED)
		e.channel = errand_column_text(row, "notify");
	errand_event_add(&e);
}

/* id, the caller, and whether that role may touch the tasks of others. */
static void
steer_args(ErrandArgs *a, int64 id, bool all)
{
	errand_arg(a, Int64GetDatum(id));
	errand_arg(a, ObjectIdGetDatum(GetUserId()));
	errand_arg(a, BoolGetDatum(all));
}

static void
who_args(ErrandArgs *a, int64 id)
{
	steer_args(a, id, errand_may("admin"));
}

bool
errand_cancel_one(int64 id, bool all, const char *reason)
{
	ErrandArgs a = {0};
	bool isnull;
	Datum row;
	char *how;

	steer_args(&a, id, all);
	errand_arg_text(&a, reason);
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	errand_event_locks_ready();
	row = errand_call("_cancel", &a, &isnull);
	how = errand_column_text(row, "how");
	if (how == NULL || strcmp(how, "final") == 0)
		return false;
	if (strcmp(how, "done") == 0)
		announce_row(id, row, errand_column_char(row, "from"), ERRAND_CANCELLED);
	else
	{
		ErrandEvent e = {.kind = ERRAND_EVENT_CANCEL, .id = id};

		errand_event_add(&e);
	}
	return true;
}

Datum
errand_cancel(PG_FUNCTION_ARGS)
{
	errand_enter();
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(
		errand_cancel_one(PG_GETARG_INT64(0), errand_may("admin"),
						  PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1))));
}

bool
errand_retry_one(int64 id, bool all)
{
	ErrandArgs a = {0};
	bool isnull;
	Datum row;
	char from;

	steer_args(&a, id, all);
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	row = errand_call("_retry", &a, &isnull);
	from = errand_column_char(row, "from");
	if (from == '\0')
		return false;
	announce_row(id, row, from, ERRAND_READY);
	return true;
}

Datum
errand_retry(PG_FUNCTION_ARGS)
{
	errand_enter();
	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	PG_RETURN_BOOL(errand_retry_one(PG_GETARG_INT64(0), errand_may("admin")));
}

/* What reschedule and reprioritize share; NULL leaves a thing as it is. */
static bool
move_task(int64 id, NullableDatum priority, NullableDatum run_at)
{
	ErrandArgs a = {0};
	bool isnull;
	Datum row;
	char from;

	who_args(&a, id);
	if (priority.isnull)
		errand_arg_null(&a);
	else
		errand_arg(&a, priority.value);
	if (run_at.isnull)
		errand_arg_null(&a);
	else
		errand_arg(&a, run_at.value);
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	errand_event_locks_ready();
	row = errand_call("_move", &a, &isnull);
	from = errand_column_char(row, "from");
	if (from == '\0')
		return false;
	announce_row(id, row, from, errand_column_char(row, "to"));
	return true;
}

Datum
errand_reschedule(PG_FUNCTION_ARGS)
{
	NullableDatum none = {.isnull = true};
	NullableDatum at = {.isnull = false};

	errand_enter();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	at.value = PG_GETARG_DATUM(1);
	if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(at.value)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("run_at must be finite"),
						errhint("To run at once, give now().")));
	PG_RETURN_BOOL(move_task(PG_GETARG_INT64(0), none, at));
}

Datum
errand_reprioritize(PG_FUNCTION_ARGS)
{
	NullableDatum none = {.isnull = true};
	NullableDatum priority = {.isnull = false};

	errand_enter();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	if (PG_GETARG_INT32(1) < PG_INT16_MIN || PG_GETARG_INT32(1) > PG_INT16_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("priority is out of range"),
						errhint("It must lie between -32768 and 32767; higher runs first.")));
	priority.value = Int16GetDatum(PG_GETARG_INT32(1));
	PG_RETURN_BOOL(move_task(PG_GETARG_INT64(0), priority, none));
}
