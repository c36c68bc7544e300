/*
 * worker.c
 *		errand worker: the event loop of a database.
 *
 * Claim, start, drive I/O, settle; one of the workers leads and does the
 * chores.  It must never wait for anything but its one wait, and never hold a
 * transaction open while it does.
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/loop.h"
#include "base/process.h"
#include "compat.h"
#include "kinds/email.h"
#include "kinds/http.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "queue/chores.h"
#include "queue/chunks.h"
#include "queue/claim.h"
#include "queue/hosts.h"
#include "queue/mail_login.h"
#include "queue/pairs.h"
#include "queue/park.h"
#include "queue/proxies.h"
#include "queue/run.h"
#include "queue/settle.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "worker.h"

#define MAX_SLEEP_MS 5000
#define HELD_MS 20 /* to look whether DROP or ALTER EXTENSION is over */
#define STATS_US INT64CONST(1000000)
#define FAILURES_MAX 6

static MemoryContext turn_context = NULL;
static int failures = 0;	 /* turns in a row that ended in an error */
static int64 not_before = 0; /* backoff after them, monotonic */
static int64 report_at = 0;
static bool lead = false;

/* One transaction: settle what is done, claim what can start. */
static void
settle_and_claim(bool settle, bool claim, bool marks)
{
	if (!errand_db_begin())
		return;
	if (claim)
		errand_claim_tune(errand_runs_count(ERRAND_RUN_DONE));
	if (settle)
		errand_settle(errand_settle_batch());
	if (marks)
		errand_marks_write();
	if (claim)
		errand_claim(errand_claim_capacity());
	ERRAND_FAULT("commit");
	errand_db_commit(true);
	ERRAND_FAULT("committed");
	if (settle)
		(void) errand_settle_committed(errand_clock_monotonic());
	if (marks)
		errand_marks_committed();
	errand_claim_committed();
}

static void
queue_turn(void)
{
	int64 now = errand_clock_monotonic();
	bool settle;
	bool claim;
	bool marks;

	if (now < not_before)
		return;
	errand_chunks_write();
	settle = errand_settle_due(now);
	marks = errand_marks_wanted();
	/* Under load a claim rides with the settle; without one it goes alone. */
	claim = errand_claim_wanted() &&
			(settle || errand_settle_wait_us(now) < 0 || errand_runs_count(ERRAND_RUN_QUEUED) == 0);
	if (settle || claim || marks)
		settle_and_claim(settle || errand_runs_count(ERRAND_RUN_DONE) > 0, claim, marks);
}

static void
report(void)
{
	int64 now = errand_clock_monotonic();
	int running = errand_net_running(errand_http_net());
	bool busy = errand_runs_total() > 0;
	ErrandSmtpStat mail;

	errand_email_stat(&mail);
	running += mail.running;
	errand_my_slot->running = running;
	errand_my_slot->queued = errand_runs_total() - running;
	errand_my_slot->last_seen = errand_clock_now();
	if (now < report_at && busy == errand_my_slot->busy)
		return;
	report_at = now + STATS_US;
	errand_process_report(busy, busy ? psprintf("errand: in flight: %d", errand_runs_total()) :
									   "errand: idle");
	errand_hosts_publish();
	pgstat_report_stat(!busy);
}

static void
turn(void)
{
	lead = errand_process_lead();
	errand_chores(lead);
	errand_loop_turn();
	errand_runs_decide();
	errand_claim_paced();
	queue_turn();
	errand_park_waiting();
	errand_runs_decide(); /* what could never start is over already */
	report();
}

static long
sleep_ms(void)
{
	int64 now = errand_clock_monotonic();
	int64 settle_us = errand_settle_wait_us(now);
	long ms = Min(MAX_SLEEP_MS, errand_chores_wait_ms(lead));

	if (errand_marks_wanted() || errand_chunks_wanted())
		ms = 0;
	else if (settle_us >= 0)
		ms = Min(ms, (settle_us + 999) / 1000);
	else if (errand_claim_wanted())
		ms = 0;
	if (ms > 0)
		ms = Min(ms, errand_claim_wait_ms());
	if (now < not_before)
		ms = Max(ms, (not_before - now) / 1000);
	if (errand_db_held())
		ms = Max(ms, HELD_MS);
	return ms;
}

/* The transaction is undone; what was done in memory for it, too. */
static void
turn_failed(void)
{
	MemoryContext old = MemoryContextSwitchTo(turn_context);
	ErrorData *error = CopyErrorData();

	MemoryContextSwitchTo(old);
	errand_db_recover();
	errand_settle_aborted(error->message, error->sqlerrcode);
	errand_claim_aborted();
	if (!errand_chores_failed())
	{
		failures = Min(failures + 1, FAILURES_MAX);
		not_before = errand_clock_monotonic() + (INT64CONST(10000) << failures);
	}
	FreeErrorData(error);
}

/* Told to stop: what did not start goes back as it was, what did is interrupted. */
static void
leave(void)
{
	static const ErrandRunState unstarted[] = {ERRAND_RUN_CLAIMED, ERRAND_RUN_MARKING,
											   ERRAND_RUN_PACED, ERRAND_RUN_QUEUED};
	dlist_mutable_iter it;

	errand_process_leaving();
	errand_runs_decide();
	for (int i = 0; i < (int) lengthof(unstarted); i++)
	{
		dlist_foreach_modify (it, errand_runs_in(unstarted[i]))
			errand_run_release(dlist_container(ErrandRun, node, it.cur));
	}
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_STARTED))
		errand_run_interrupt(dlist_container(ErrandRun, node, it.cur));
	while (errand_runs_count(ERRAND_RUN_DONE) > 0 && errand_db_begin())
	{
		errand_settle(errand_settle_batch());
		errand_db_commit(true);
		(void) errand_settle_committed(errand_clock_monotonic());
	}
}

static void
worker_init(Datum main_arg)
{
	char secret[64] = "";
	uv_loop_t *loop;

	errand_process_start(main_arg, ERRAND_PROCESS_WORKER);
	turn_context = AllocSetContextCreate(TopMemoryContext, "errand turn", ALLOCSET_DEFAULT_SIZES);
#ifdef M_MMAP_THRESHOLD
	/* Batches come and go: their memory is kept, not given back and faulted in again. */
	mallopt(M_MMAP_THRESHOLD, 16 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024);
#endif
	errand_runs_init();
	if (!errand_db_begin())
		proc_exit(0);
	errand_chores_init(secret, sizeof(secret));
	errand_db_commit(false);
	loop = errand_loop_create();
	errand_http_init(loop, secret);
	errand_email_init(loop);
	/* Before the first claim: a host with a proxy is never reached without it. */
	if (!errand_db_begin())
		proc_exit(0);
	errand_config_proxies();
	errand_config_mail();
	errand_db_commit(false);
	ereport(LOG, (errmsg("worker %d started in database %u", errand_my_slot->number, MyDatabaseId)));
}

void
errand_worker_main(Datum main_arg)
{
	worker_init(main_arg);
	for (;;)
	{
		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		CHECK_FOR_INTERRUPTS();
		if (errand_process_must_leave())
			break;
		if (errand_process_reload())
		{
			errand_http_configure();
			errand_chores_reload();
		}
		PG_TRY();
		{
			turn();
			failures = errand_clock_monotonic() > not_before ? 0 : failures;
		}
		PG_CATCH();
		{
			turn_failed();
		}
		PG_END_TRY();
		if (errand_db_gone())
		{
			/* What handlers do now could not be recorded. */
			(void) errand_process_cancel_task(0, DT_NOEND);
			proc_exit(0);
		}
		errand_loop_wait(sleep_ms());
	}
	leave();
	proc_exit(0);
}
