/*
 * groups.c
 *		open_group(), close_group(), cancel_group(), wait_group().
 *
 * Runs in every backend.  Waiting sleeps on the latch: the leader tells when
 * it found that all tasks of a group are final.  It registers first and looks
 * then, with the latest snapshot, and never polls.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "contract.h"
#include "current.h"
#include "events.h"
#include "options.h"
#include "shared.h"
#include "spec.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "waiting.h"

PG_FUNCTION_INFO_V1(errand_open_group);
PG_FUNCTION_INFO_V1(errand_close_group);
PG_FUNCTION_INFO_V1(errand_cancel_group);
PG_FUNCTION_INFO_V1(errand_wait_group);

/* A safety net under the wake-ups, as in waiting.c. */
#define LOOK_AGAIN_MS 5000

static void
no_such_group(int64 id)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no task group %lld", (long long) id),
					errhint("Open one with errand.open_group(); SELECT * FROM errand.task_groups lists yours.")));
}

static int64
group_arg(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the id of a task group must not be NULL"),
						errhint("It is what errand.open_group() returned.")));
	return PG_GETARG_INT64(0);
}

/* A follow-up, checked and made a spec as those of tasks are. */
static void
follow_up_arg(FunctionCallInfo fcinfo, int arg, ErrandOption which, ErrandArgs *a)
{
	ErrandOptions o;

	memset(o.given, 0, sizeof(o.given));
	o.given[which] = !PG_ARGISNULL(arg);
	if (o.given[which])
		o.value[which] = PG_GETARG_DATUM(arg);
	errand_arg_pointer(a, errand_follow_up_prepare(&o, which, GetCurrentTimestamp()));
}

Datum
errand_open_group(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_enter();
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the name of a task group must not be NULL"),
						errhint("It need not be unique: errand.open_group('nightly import').")));
	errand_check_name("task group", text_to_cstring(PG_GETARG_TEXT_PP(0)));
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg_text(&a, GetUserNameFromId(GetUserId(), false));
	errand_arg(&a, PG_GETARG_DATUM(0));
	errand_arg(&a, BoolGetDatum(PG_ARGISNULL(1) || PG_GETARG_BOOL(1)));
	follow_up_arg(fcinfo, 2, OPT_ON_SUCCESS, &a);
	follow_up_arg(fcinfo, 3, OPT_ON_FAILURE, &a);
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	PG_RETURN_DATUM(errand_call("_group_open", &a, &isnull));
}

/* id, the caller, and whether that role may touch the groups of others. */
static void
who_args(ErrandArgs *a, int64 id)
{
	errand_arg(a, Int64GetDatum(id));
	errand_arg(a, ObjectIdGetDatum(GetUserId()));
	errand_arg(a, BoolGetDatum(errand_may("admin")));
}

Datum
errand_close_group(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	bool closed;

	errand_enter();
	who_args(&a, group_arg(fcinfo));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	closed = DatumGetBool(errand_call("_group_close", &a, &isnull));
	if (closed)
		errand_event_touch_groups();
	PG_RETURN_BOOL(closed);
}

Datum
errand_cancel_group(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	ErrandEvent e = {.kind = ERRAND_EVENT_CANCEL};
	bool isnull;

	errand_enter();
	who_args(&a, group_arg(fcinfo));
	if (PG_ARGISNULL(1))
		errand_arg_null(&a);
	else
		errand_arg(&a, PG_GETARG_DATUM(1));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	if (DatumGetInt64(errand_call("_group_cancel", &a, &isnull)) == 0)
		PG_RETURN_BOOL(false);
	errand_event_add(&e);
	PG_RETURN_BOOL(true);
}

/* What the caller can see of the group by now. */
static ErrandState
group_look(int64 id)
{
	ErrandArgs a = {0};
	bool isnull;
	Datum d;

	errand_arg(&a, Int64GetDatum(id));
	PushActiveSnapshot(GetLatestSnapshot());
	d = errand_call_as_caller("_group_look", &a, &isnull);
	PopActiveSnapshot();
	return isnull ? ERRAND_NONE : (ErrandState) DatumGetChar(d);
}

static void
refuse_own(int64 id)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("this transaction submitted into a task group, or closed one, and has not committed"),
			 errhint("Workers see tasks when their submit commits: commit first, then wait for group %lld.", (long long) id)));
}

Datum
errand_wait_group(PG_FUNCTION_ARGS)
{
	int64 id = group_arg(fcinfo);
	int64 waited = -id;
	TimestampTz until = errand_wait_until(fcinfo, 1);
	ErrandState state;

	errand_shared_require();
	if (errand_current_task != 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("a SQL task cannot wait for a group"),
						errhint("Its tasks could need this one's executor: use the options after, or on_success of the group.")));
	errand_wait_register(&waited, 1);
	while ((state = group_look(id)) == ERRAND_WAITING)
	{
		bool own = errand_event_touches_groups();

		if (!own && errand_wait_sleep(until, LOOK_AGAIN_MS))
			continue;
		errand_wait_unregister();
		if (own)
			refuse_own(id);
		ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
						errmsg("the tasks of group %lld were not all final in time", (long long) id),
						errhint("They go on; wait again, or stop them with errand.cancel_group(%lld).", (long long) id)));
	}
	errand_wait_unregister();
	if (state == ERRAND_NONE)
		no_such_group(id);
	PG_RETURN_BOOL(state == ERRAND_SUCCEEDED);
}
