/*
 * waiting.c
 *		wait_for(), gather(), drain_queue(), wait_until_running(): the only
 *		place where a backend of the user's waits for us.
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
#include "wait_look.h"

PG_FUNCTION_INFO_V1(errand_wait_for);
PG_FUNCTION_INFO_V1(errand_gather);
PG_FUNCTION_INFO_V1(errand_drain_queue);
PG_FUNCTION_INFO_V1(errand_wait_until_running);

/* A safety net under the wake-ups: a commit callback that never ran. */
#define LOOK_AGAIN_MS 5000

/* When to give up; 0 never. */
static TimestampTz
give_up_at(FunctionCallInfo fcinfo, int arg)
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

/* Sleeps until the latch is set or until; false when that time has come. */
static bool
sleep_until(TimestampTz until, long most_ms)
{
	long ms = most_ms;
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = ERRAND_WAIT_EVENT("ErrandTask");
	if (until != 0)
	{
		TimestampTz now = GetCurrentTimestamp();

		if (now >= until)
			return false;
		ms = Min(ms, (long) ((until - now) / 1000) + 1);
	}
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event);
	ResetLatch(MyLatch);
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

static void
check_waitable(const int64 *ids, int n)
{
	errand_shared_require();
	for (int i = 0; i < n; i++)
	{
		if (errand_event_pending(ids[i]))
			refuse_own(ids[i]);
	}
}

/* The result of a task that is final; raises its error if it did not succeed. */
static Datum
task_result(int64 id, bool *isnull)
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
timed_out(int64 id)
{
	bool asked = errand_mailbox_put(ERRAND_MAIL_CANCEL, id, GetUserId(), errand_may("admin"), NULL);

	ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
					errmsg("task %lld was not final in time", (long long) id),
					asked ? errdetail("It was asked to stop.")
						  : errdetail("It still runs: too many cancellations are under way."),
					errhint("errand.wait_for(id, timeout) waits longer; errand.gather() does not cancel.")));
}

Datum
errand_wait_for(PG_FUNCTION_ARGS)
{
	TimestampTz until;
	int64 id;
	ErrandLook look = {0};
	Datum d;
	bool isnull;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	id = PG_GETARG_INT64(0);
	check_waitable(&id, 1);
	until = give_up_at(fcinfo, 1);
	errand_wait_register(&id, 1);
	for (;;)
	{
		errand_look(&id, 1, &look);
		if (look.state[0] != ERRAND_LOOK_RUNNING)
			break;
		if (!sleep_until(until, LOOK_AGAIN_MS))
		{
			errand_wait_unregister();
			timed_out(id);
		}
	}
	errand_wait_unregister();
	d = task_result(id, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(d);
}

static int64 *
ids_arg(FunctionCallInfo fcinfo, int arg, int *n)
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
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an id must not be NULL")));
		ids[i] = DatumGetInt64(items[i]);
	}
	return ids;
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
	if (look->state[i] == ERRAND_LOOK_SUCCEEDED)
		values[3] = task_result(id, &nulls[3]);
	else if (look->state[i] == ERRAND_LOOK_NONE)
	{
		nulls[2] = true;
		values[4] = CStringGetTextDatum("there is no such task");
		nulls[4] = false;
	}
	else
	{
		values[4] = CStringGetTextDatum(look->error[i] ? look->error[i] : look->name[i]);
		nulls[4] = false;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Raises what the first failure in the list says, as errand.result() would. */
static void
raise_first_failure(const int64 *ids, int n, const ErrandLook *look)
{
	bool isnull;

	for (int i = 0; i < n; i++)
	{
		if (look->state[i] == ERRAND_LOOK_FAILED || look->state[i] == ERRAND_LOOK_NONE)
			(void) task_result(ids[i], &isnull);
	}
}

Datum
errand_gather(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool exceptions = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	int n;
	int64 *ids = ids_arg(fcinfo, 0, &n);
	TimestampTz until = give_up_at(fcinfo, 2);
	ErrandLook look = {0};

	check_waitable(ids, n);
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
		if (!sleep_until(until, LOOK_AGAIN_MS))
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
	TimestampTz until = give_up_at(fcinfo, 1);
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
		if (!sleep_until(until, 50))
			PG_RETURN_BOOL(false);
	}
	while (!queue_is_empty(queue))
	{
		if (!sleep_until(until, 20))
			PG_RETURN_BOOL(false);
	}
	PG_RETURN_BOOL(true);
}

Datum
errand_wait_until_running(PG_FUNCTION_ARGS)
{
	TimestampTz until = give_up_at(fcinfo, 0);

	errand_shared_require();
	while (errand_leader_pid(MyDatabaseId) == 0)
	{
		if (!sleep_until(until, 20))
			ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("no worker runs in this database"),
							errhint("Look into the server's log; SELECT errand.health() may tell why.")));
	}
	PG_RETURN_VOID();
}
