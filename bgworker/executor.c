/*
 * executor.c
 *		errand executor: runs the SQL tasks of one role.
 *
 * Its session user is that role.  One transaction holds what handlers did, the
 * outcomes of their tasks and the claim of the next ones: all of it, or none.
 * Several short handlers share one, each in a subtransaction.  It must never
 * run a handler with the rights or the settings of the engine.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/process.h"
#include "compat.h"
#include "exec/attempt.h"
#include "exec/session.h"
#include "executor.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "queue/claim.h"
#include "queue/config.h"
#include "queue/feed.h"
#include "queue/pairs.h"
#include "queue/run.h"
#include "queue/settle.h"
#include "settings.h"
#include "shared.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#define BATCH_US 10000	/* so long a transaction takes in more handlers */
#define BATCH_MAX 500	/* handlers a transaction */
#define BATCH_XIDS 60	/* more subtransactions that write cost every snapshot of the server */
#define AHEAD_US 5000.0 /* so much work is claimed ahead */
#define POLL_MS 5000
#define HELD_MS 20
#define STATS_US INT64CONST(1000000)
#define FAILURES_MAX 6

static MemoryContext turn_context = NULL;
static ErrandFeed wanted;
static double mean_us = AHEAD_US; /* of a task, of late; one is claimed as long as nobody knows */
static int failures = 0;		  /* turns in a row that ended in an error */
static int64 poll_at = 0;
static int64 report_at = 0;
static int64 idle_since = 0;

/* How many to claim: what takes a few milliseconds to run. */
static int
capacity(void)
{
	ErrandDatabase *d = errand_database_mine();
	double n = AHEAD_US / Max(mean_us, 1.0);

	if (errand_runs_total() >
			errand_runs_count(ERRAND_RUN_DONE) + errand_runs_count(ERRAND_RUN_PACED) ||
		errand_my_slot->leaving)
		return 0;
	if (d != NULL &&
		(pg_atomic_read_u32(&d->paused) != 0 || pg_atomic_read_u32(&d->quarantine) != 0))
		return 0;
	return Max(1, Min((int) n, BATCH_MAX));
}

static bool
quarantine(void)
{
	ErrandDatabase *d = errand_database_mine();

	return d != NULL && pg_atomic_read_u32(&d->quarantine) != 0 &&
		   pg_atomic_read_u32(&d->paused) == 0;
}

/* Our part of a transaction: cancellations, outcomes, the next claim. */
static void
engine_part(void)
{
	bool polled = errand_clock_monotonic() >= poll_at;

	if (polled || wanted.lost)
		errand_claim_poll();
	if (polled || wanted.lost || wanted.config)
		errand_config_queues();
	if (polled || wanted.lost || wanted.cancels)
		errand_cancels_read();
	errand_settle(BATCH_MAX);
	/* The fence drops results; here it must drop what was done, too. */
	if (errand_settle_must_undo())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE), errmsg("the lease of a SQL task was taken away")));
	if (quarantine() && errand_process_all_at_rest(errand_runs_total()))
		(void) errand_claim_suspects(BATCH_MAX, errand_my_slot->role);
	else if (capacity() > 0 && errand_pairs_any())
		errand_claim(capacity());
	if (polled)
		poll_at = errand_clock_monotonic() + POLL_MS * 1000;
}

/* It committed: what we know in memory follows. */
static void
committed(void)
{
	memset(&wanted, 0, sizeof(wanted));
	(void) errand_settle_committed(errand_clock_monotonic());
	errand_claim_committed();
	failures = 0;
}

/* Runs handlers one after another in the open transaction; returns how many. */
static int
run_handlers(void)
{
	int64 began = errand_clock_monotonic();
	int xids = 0;
	int n = 0;
	dlist_head *queued = errand_runs_in(ERRAND_RUN_QUEUED);

	while (!dlist_is_empty(queued) && n < BATCH_MAX && xids < BATCH_XIDS)
	{
		ErrandRun *r = dlist_container(ErrandRun, node, dlist_head_node(queued));
		bool alone = r->solo || !errand_attempt_is_short(r);
		TransactionId before = GetTopTransactionIdIfAny();

		if (n > 0 && alone)
			break;
		if (!errand_attempt(r, n == 0))
		{
			r->solo = true;
			break;
		}
		n++;
		xids += TransactionIdIsValid(before) || TransactionIdIsValid(GetTopTransactionIdIfAny());
		if (alone || errand_session_dirty() || errand_clock_monotonic() - began > BATCH_US ||
			errand_process_must_leave())
			break;
	}
	if (n > 0)
		mean_us += ((double) (errand_clock_monotonic() - began) / n - mean_us) / 4;
	return n;
}

/*
 * A handler that may take long is next: the others do not wait behind it, they
 * go back, for another executor or for later.
 */
static void
release_others(void)
{
	dlist_head *queued = errand_runs_in(ERRAND_RUN_QUEUED);
	ErrandRun *first = dlist_container(ErrandRun, node, dlist_head_node(queued));
	dlist_mutable_iter it;

	if (errand_attempt_is_short(first) || errand_runs_count(ERRAND_RUN_QUEUED) == 1)
		return;
	dlist_foreach_modify (it, queued)
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		if (r != first && !r->solo)
			errand_run_release(r);
	}
	if (errand_runs_count(ERRAND_RUN_DONE) == 0 || !errand_db_begin())
		return;
	errand_settle(BATCH_MAX);
	errand_db_commit(true);
	(void) errand_settle_committed(errand_clock_monotonic());
}

static void
run_batch(void)
{
	release_others();
	errand_my_slot->running = 1;
	errand_db_transaction();
	(void) run_handlers();
	errand_session_before_commit();
	errand_runs_decide();
	errand_feed_read(&wanted, false);
	ERRAND_FAULT("handled");
	if (!errand_db_join())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("the extension is being altered or dropped: SQL tasks run again later")));
	engine_part();
	ERRAND_FAULT("commit");
	errand_db_commit(true);
	ERRAND_FAULT("committed");
	committed();
	errand_session_after_commit();
}

static void
settle_and_claim(void)
{
	if (!errand_db_begin())
		return;
	engine_part();
	errand_db_commit(true);
	committed();
}

static bool
engine_wanted(void)
{
	return errand_runs_count(ERRAND_RUN_DONE) > 0 || wanted.lost || wanted.cancels ||
		   wanted.config || errand_clock_monotonic() >= poll_at ||
		   (capacity() > 0 && errand_pairs_any()) || quarantine();
}

static void
report(void)
{
	int64 now = errand_clock_monotonic();
	bool busy = errand_runs_total() > 0;

	errand_my_slot->running = errand_runs_total() > 0;
	errand_my_slot->queued = Max(0, errand_runs_total() - 1);
	errand_my_slot->last_seen = errand_clock_now();
	if (busy)
		idle_since = 0;
	else if (idle_since == 0)
		idle_since = now;
	if (!busy)
		errand_my_slot->served_at = 0;
	else if (errand_my_slot->served_at == 0)
		errand_my_slot->served_at = errand_clock_now();
	if (now < report_at && busy == errand_my_slot->busy)
		return;
	report_at = now + STATS_US;
	errand_process_report(busy, busy ? "errand: SQL tasks" : "errand: idle");
	pgstat_report_stat(!busy);
}

static void
turn(void)
{
	errand_feed_read(&wanted, false);
	errand_claim_paced();
	if (errand_runs_count(ERRAND_RUN_QUEUED) > 0)
		run_batch();
	else if (engine_wanted())
		settle_and_claim();
	errand_runs_decide();
	report();
}

/*
 * Everything is undone.  A run that was alone in its transaction has failed
 * with this error; of several nobody knows whose it was, so each runs alone.
 */
static void
undo(ErrorData *error)
{
	dlist_mutable_iter it;
	int n = 0;

	errand_runs_decide();
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_DONE))
		n += dlist_container(ErrandRun, node, it.cur)->effects;
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_DONE))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		if (!r->effects)
			continue;
		if (r->stale)
		{
			errand_settle_count(r);
			errand_run_free(r);
			continue;
		}
		errand_run_undo(r);
		if (n == 1 && error->sqlerrcode != ERRCODE_OBJECT_IN_USE && !errand_process_must_leave())
			errand_attempt_fail(r, error);
	}
	errand_runs_decide();
}

static void
turn_failed(void)
{
	MemoryContext old = MemoryContextSwitchTo(turn_context);
	ErrorData *error = CopyErrorData();

	MemoryContextSwitchTo(old);
	errand_process_task(0, 0, 0);
	errand_db_recover();
	errand_settle_aborted(error->message, error->sqlerrcode);
	errand_claim_aborted();
	undo(error);
	errand_session_after_commit();
	failures = Min(failures + 1, FAILURES_MAX);
	FreeErrorData(error);
}

/* What did not start goes back as it was. */
static void
leave(void)
{
	dlist_mutable_iter it;

	errand_process_leaving();
	errand_runs_decide();
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_PACED))
		errand_run_release(dlist_container(ErrandRun, node, it.cur));
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_QUEUED))
		errand_run_release(dlist_container(ErrandRun, node, it.cur));
	if (errand_runs_count(ERRAND_RUN_DONE) == 0 || !errand_db_begin())
		return;
	errand_settle(BATCH_MAX);
	errand_db_commit(true);
	(void) errand_settle_committed(errand_clock_monotonic());
}

static bool
must_leave(void)
{
	int64 idle = idle_since != 0 ? errand_clock_monotonic() - idle_since : 0;

	return errand_process_must_leave() || errand_db_gone() ||
		   (errand_my_slot->leaving && errand_runs_count(ERRAND_RUN_DONE) == 0) ||
		   idle > (int64) errand_executor_idle * 1000;
}

static long
sleep_ms(void)
{
	int64 now = errand_clock_monotonic();
	int64 idle_left = idle_since + (int64) errand_executor_idle * 1000 - now;

	if (errand_db_held())
		return HELD_MS;
	if (failures > 1)
		return 10L << failures;
	if (errand_runs_total() > errand_runs_count(ERRAND_RUN_PACED) ||
		(capacity() > 0 && errand_pairs_any()))
		return 0;
	if (quarantine())
		return HELD_MS;
	return Max(0, Min(errand_claim_wait_ms(),
					  Min((poll_at - now + 999) / 1000, idle_left / 1000 + 1)));
}

static void
rest(void)
{
	static uint32 wait_event = 0;
	long ms = sleep_ms();

	if (wait_event == 0)
		wait_event = ERRAND_WAIT_EVENT("ErrandExecutor");
	if (ms > 0)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event);
	ResetLatch(MyLatch);
}

static void
executor_init(Datum main_arg)
{
	errand_process_start(main_arg, ERRAND_PROCESS_EXECUTOR);
	turn_context = AllocSetContextCreate(TopMemoryContext, "errand turn", ALLOCSET_DEFAULT_SIZES);
	errand_runs_init();
	errand_pairs_init(errand_my_slot->role);
	errand_feed_init();
	errand_attempts_init();
	poll_at = 0;
	memset(&wanted, 0, sizeof(wanted));
}

void
errand_executor_main(Datum main_arg)
{
	executor_init(main_arg);
	while (!must_leave())
	{
		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		CHECK_FOR_INTERRUPTS();
		(void) errand_process_reload();
		PG_TRY();
		{
			turn();
		}
		PG_CATCH();
		{
			turn_failed();
		}
		PG_END_TRY();
		if (!must_leave())
			rest();
	}
	leave();
	proc_exit(0);
}
