/*
 * waiting.c
 *		wait_for(), gather(), drain_queue(), wait_until_running(), and what all
 *		waiting functions stand on: the only place where a backend of the user's
 *		sleeps for us.
 *
 * Runs in every backend.  It sleeps on its latch, which the commit of a
 * settle sets; it registers first and looks then, with the latest snapshot, so
 * that no wake-up falls between.  It never polls for results.
 */
#include "postgres.h"

#include "access/xact.h"
#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "current.h"
#include "events.h"
#include "funcapi.h"
#include "mailbox.h"
#include "options.h"
#include "shared.h"
#include "storage/latch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "waiting.h"

PG_FUNCTION_INFO_V1(errand_wait_for);
PG_FUNCTION_INFO_V1(errand_gather);
PG_FUNCTION_INFO_V1(errand_drain_queue);
PG_FUNCTION_INFO_V1(errand_wait_until_running);

/* A safety net under the wake-ups: a commit callback that never ran. */
#define LOOK_AGAIN_MS 5000

/* A look that took longer is not made at every settle. */
#define DEAR_LOOK_US 5000
#define LONGEST_REST_MS 200

TimestampTz
errand_wait_until(FunctionCallInfo fcinfo, int arg)
{
	Interval *i;
	double us;

	if (PG_ARGISNULL(arg))
		return 0;
	i = PG_GETARG_INTERVAL_P(arg);
	us = i->time + (i->day + i->month * 30.0) * (double) USECS_PER_DAY;
	if (us < 0 || us > 3660.0 * USECS_PER_DAY)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the timeout is out of range"),
						errhint("It must lie between 0 and ten years.")));
	return GetCurrentTimestamp() + (int64) us;
}

/* Milliseconds to until, most_ms at most; negative if that time has come. */
static long
ms_until(TimestampTz until, long most_ms)
{
	TimestampTz now;

	if (until == 0)
		return most_ms;
	now = GetCurrentTimestamp();
	return now >= until ? -1 : Min(most_ms, (long) ((until - now) / 1000) + 1);
}

static uint32
wait_event(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = ERRAND_WAIT_EVENT("ErrandTask");
	return event;
}

bool
errand_wait_sleep(TimestampTz until, long most_ms)
{
	long ms = ms_until(until, most_ms);

	if (ms < 0)
		return false;
	InvalidateCatalogSnapshotConditionally(); /* run() holds no other: keep nothing from vacuum */
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}

/*
 * Of very many tasks some become final all the time, and each look reads all
 * that remain: rest as long as the last look took, so that looking takes half
 * the time at most.
 */
bool
errand_wait_more(TimestampTz until, const ErrandLook *look)
{
	long ms;

	if (!errand_wait_sleep(until, LOOK_AGAIN_MS))
		return false;
	if (look->took_us < DEAR_LOOK_US)
		return true;
	ms = ms_until(until, Min((long) (look->took_us / 1000), LONGEST_REST_MS));
	if (ms > 0)
		(void) WaitLatch(MyLatch, WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event());
	CHECK_FOR_INTERRUPTS();
	return true;
}

static void
refuse_own(int64 id)
{
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("task %lld was submitted by this transaction, which has not committed",
						   (long long) id),
					errhint("Workers see a task when its submit commits: commit first, then wait.")));
}

void
errand_wait_check(const int64 *ids, int n)
{
	errand_shared_require();
	for (int i = 0; i < n; i++)
	{
		if (errand_event_pending(ids[i]))
			refuse_own(ids[i]);
	}
	if (errand_current_task != 0)
		errand_wait_refuse_pool(ids, n);
}

Datum
errand_wait_result(int64 id, bool *isnull)
{
	ErrandArgs a = {0};
	Datum d;

	errand_arg(&a, Int64GetDatum(id));
	PushActiveSnapshot(GetLatestSnapshot());
	d = errand_call_as_caller("result", &a, isnull);
	PopActiveSnapshot();
	return d;
}

static void
timed_out(int64 id, const char *remedy)
{
	bool asked = errand_mailbox_put(ERRAND_MAIL_CANCEL, id, GetUserId(), errand_may("admin"), NULL);

	ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
					errmsg("task %lld was not final in time", (long long) id),
					asked ? errdetail("It was asked to stop.")
						  : errdetail("It still runs: too many cancellations are under way."),
					errhint("%s", remedy)));
}

void
errand_wait_one(int64 id, TimestampTz until, const char *remedy)
{
	ErrandLook look = {0};

	errand_wait_register(&id, 1);
	for (;;)
	{
		errand_look(&id, 1, &look);
		if (look.running == 0)
			break;
		if (!errand_wait_more(until, &look))
		{
			errand_wait_unregister();
			PushActiveSnapshot(GetLatestSnapshot());
			timed_out(id, remedy);
		}
	}
	errand_wait_unregister();
}

Datum
errand_wait_for(PG_FUNCTION_ARGS)
{
	int64 id;
	Datum d;
	bool isnull;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	id = PG_GETARG_INT64(0);
	errand_wait_check(&id, 1);
	errand_wait_one(id, errand_wait_until(fcinfo, 1),
					"errand.wait_for(id, timeout) waits longer; errand.gather() does not cancel.");
	d = errand_wait_result(id, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(d);
}

int64 *
errand_wait_ids(FunctionCallInfo fcinfo, int arg, int *n)
{
	Datum *items;
	bool *nulls;
	int64 *ids;

	if (PG_ARGISNULL(arg))
	{
		*n = 0;
		return NULL;
	}
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &items, &nulls, n);
	ids = palloc(sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an id must not be NULL"),
							errhint("Leave it out: array_remove(ids, NULL).")));
		ids[i] = DatumGetInt64(items[i]);
	}
	return ids;
}

void
errand_wait_row(const ErrandLook *look, int i, int64 id, Datum *values, bool *nulls)
{
	nulls[0] = nulls[1] = true;
	if (look->state[i] == ERRAND_LOOK_SUCCEEDED)
		values[0] = errand_wait_result(id, &nulls[0]);
	else
	{
		const char *error = look->error[i] ? look->error[i] : look->name[i];

		if (look->state[i] == ERRAND_LOOK_NONE)
			error = "there is no such task";
		values[1] = CStringGetTextDatum(error);
		nulls[1] = false;
	}
}

/* One row of gather(): the result if the task succeeded, the error if not. */
static void
gather_row(ReturnSetInfo *rsinfo, int ord, int64 id, const ErrandLook *look, int i)
{
	Datum values[5];
	bool nulls[5] = {false, false, false, true, true};

	values[0] = Int32GetDatum(ord);
	values[1] = Int64GetDatum(id);
	values[2] = CStringGetTextDatum(look->name[i]);
	nulls[2] = look->state[i] == ERRAND_LOOK_NONE;
	errand_wait_row(look, i, id, &values[3], &nulls[3]);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Raises what the first failure in the list says, as errand.result() would. */
static void
raise_first_failure(const int64 *ids, int n, const ErrandLook *look)
{
	bool isnull;

	for (int i = 0; i < n; i++)
	{
		if (errand_look_failed(look->state[i]))
			(void) errand_wait_result(ids[i], &isnull);
	}
}

Datum
errand_gather(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool exceptions = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	int n;
	int64 *ids = errand_wait_ids(fcinfo, 0, &n);
	TimestampTz until = errand_wait_until(fcinfo, 2);
	ErrandLook look = {0};

	errand_wait_check(ids, n);
	errand_init_materialized(fcinfo);
	errand_wait_register(ids, n);
	for (;;)
	{
		errand_look(ids, n, &look);
		if (!exceptions && look.failed > 0)
		{
			errand_wait_unregister();
			raise_first_failure(ids, n, &look);
		}
		if (look.running == 0)
			break;
		if (!errand_wait_more(until, &look))
		{
			errand_wait_unregister();
			ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
							errmsg("%d of %d tasks were not final in time", look.running, n),
							errhint("They go on; gather them again to wait longer.")));
		}
	}
	errand_wait_unregister();
	for (int i = 0; i < n; i++)
		gather_row(rsinfo, i + 1, ids[i], &look, i);
	return (Datum) 0;
}

/* Whether nothing of the queue waits or runs, by the counters. */
static bool
queue_is_empty(const char *queue)
{
	ErrandCounter *c;
	bool empty = true;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	c = errand_counter(MyDatabaseId, ERRAND_COUNT_QUEUE, queue);
	if (c != NULL)
		empty = c->ready + c->scheduled + c->waiting + c->running <= 0;
	LWLockRelease(errand_shared->event_lock);
	return empty;
}

static bool
queue_is_draining(const char *queue)
{
	ErrandArgs a = {0};
	bool isnull;
	bool draining;

	errand_arg_text(&a, queue);
	PushActiveSnapshot(GetLatestSnapshot());
	draining = DatumGetBool(errand_call("_queue_draining", &a, &isnull));
	PopActiveSnapshot();
	return draining;
}

/*
 * The mark must commit to be seen, and this transaction cannot: the leader
 * sets it, asked through the mailbox.
 */
Datum
errand_drain_queue(PG_FUNCTION_ARGS)
{
	TimestampTz until = errand_wait_until(fcinfo, 1);
	ErrandArgs a = {0};
	char *queue;
	bool isnull;

	errand_enter();
	errand_require("admin");
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the name of a queue must not be NULL")));
	queue = text_to_cstring(PG_GETARG_TEXT_PP(0));
	errand_check_name("queue", queue);
	errand_arg_text(&a, queue);
	if (!DatumGetBool(errand_call("_queue_exists", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no queue \"%s\"", queue),
						errhint("SELECT * FROM errand.queues lists them; errand.define_queue() makes one.")));
	while (!queue_is_draining(queue))
	{
		(void) errand_mailbox_put(ERRAND_MAIL_DRAIN, 0, GetUserId(), true, queue);
		if (!errand_wait_sleep(until, 50))
			PG_RETURN_BOOL(false);
	}
	while (!queue_is_empty(queue))
	{
		if (!errand_wait_sleep(until, 20))
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

Datum
errand_wait_until_running(PG_FUNCTION_ARGS)
{
	TimestampTz until = errand_wait_until(fcinfo, 0);

	errand_shared_require();
	while (errand_leader_pid(MyDatabaseId) == 0)
	{
		if (!errand_wait_sleep(until, 20))
			ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("no worker runs in this database"),
							errhint("Look into the server's log; SELECT errand.health() may tell why.")));
	}
	PG_RETURN_VOID();
}
