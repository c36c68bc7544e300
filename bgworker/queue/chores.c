/*
 * chores.c
 *		Cancellations, queues' settings, due tasks, deadlines, reaping,
 *		suspects, recounts, retention and the mailbox.
 *
 * Runs in worker processes; most of it in the leader only.  Each chore is a
 * short transaction of its own, and none waits for anything.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/process.h"
#include "events.h"
#include "mailbox.h"
#include "miscadmin.h"
#include "queue/chores.h"
#include "queue/claim.h"
#include "queue/config.h"
#include "queue/free.h"
#include "queue/groups.h"
#include "queue/limits.h"
#include "queue/mail_login.h"
#include "queue/pairs.h"
#include "queue/proxies.h"
#include "queue/quarantine.h"
#include "queue/reap.h"
#include "queue/retain.h"
#include "queue/rollup.h"
#include "queue/roles.h"
#include "queue/run.h"
#include "queue/schedules.h"
#include "queue/sources.h"
#include "queue/specs.h"
#include "queue/sweep.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define REST_US INT64CONST(500000)
#define POLL_US INT64CONST(5000000)
#define DUE_AT_ONCE 1000
#define RECOUNT_SHARE 100 /* of the time, one part may go into recounts */

static ErrandFeed wanted;
static bool at_work = false; /* in a chore: an error now is its */
static int64 rest_until = 0; /* after an error in a chore, monotonic */
static int64 poll_at = 0;
static TimestampTz next_due = 0;
static bool due_known = false;
static bool led_before = false;
static bool counted = false;   /* the counters were set from the tables */
static uint64 counted_seq = 0; /* at the last exact recount */
static uint64 seen_seq = 0;	   /* at the last poll */
static int64 recount_at = 0;   /* not before, monotonic: it reads all that waits */

static void
read_config(void)
{
	errand_config_queues();
	errand_config_proxies();
	errand_config_mail();
	errand_config_instance(NULL, 0);
	wanted.config = false;
}

void
errand_chores_reload(void)
{
	errand_mail_login_changed();
	wanted.config = true;
}

void
errand_chores_init(char *secret, size_t size)
{
	errand_pairs_init(InvalidOid);
	errand_feed_init();
	errand_config_queues();
	errand_config_instance(secret, size);
}

static void
read_cancels(void)
{
	errand_cancels_read();
	errand_cancel_waiting();
	wanted.cancels = false;
}

/* Everything that every worker looks at now and then, should an event be lost. */
static void
poll(void)
{
	errand_claim_poll();
	read_cancels();
	read_config();
	wanted.lost = false;
}

static void
announce_move(int row, char to)
{
	ErrandEvent e = {0};
	bool isnull;

	e.kind = ERRAND_EVENT_TASK;
	e.id = DatumGetInt64(errand_db_value(row, errand_db_column("id"), &isnull));
	e.run = DatumGetInt16(errand_db_value(row, errand_db_column("run"), &isnull));
	e.attempt = DatumGetInt32(errand_db_value(row, errand_db_column("attempt"), &isnull));
	e.submitter = DatumGetObjectId(errand_db_value(row, errand_db_column("owner_oid"), &isnull));
	e.group = errand_db_int8(row, errand_db_column("task_group"));
	e.from = DatumGetChar(errand_db_value(row, errand_db_column("state"), &isnull));
	e.to = to;
	e.wait_us = e.run_us = -1;
	e.queue = errand_db_text(row, errand_db_column("queue"));
	e.task = errand_db_text(row, errand_db_column("type"));
	if (to == ERRAND_FAILED)
	{
		e.channel = errand_db_text(row, errand_db_column("notify"));
		e.owner = e.submitter;
		e.timed_out = true;
		e.task_kind = errand_db_char(row, "kind");
	}
	if (to == ERRAND_READY)
	{
		e.role = DatumGetObjectId(errand_db_value(row, errand_db_column("role"), &isnull));
		e.priority = DatumGetInt16(errand_db_value(row, errand_db_column("priority"), &isnull));
		e.place = DatumGetInt64(errand_db_value(row, errand_db_column("place"), &isnull));
	}
	errand_event_add(&e);
}

/* Tasks whose time has come; then when the next one's does. */
static void
move_due(void)
{
	ErrandDbArgs a = {0};
	Datum *failed;
	int n_failed = 0;
	int n;
	bool isnull;
	Datum d;

	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_db_arg(&a, Int32GetDatum(DUE_AT_ONCE));
	n = errand_db_call(DB_DUE, &a);
	for (int i = 0; i < n; i++)
		announce_move(i, ERRAND_READY);
	n = errand_db_call(DB_EXPIRE, &a);
	failed = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		if (DatumGetChar(errand_db_value(i, errand_db_column("state"), &isnull)) == ERRAND_RUNNING)
			continue;
		announce_move(i, ERRAND_FAILED);
		failed[n_failed++] = errand_db_value(i, errand_db_column("id"), &isnull);
	}
	errand_follow_ups(failed, n_failed);
	(void) errand_db_call(DB_NEXT_DUE, NULL);
	d = errand_db_value(0, 1, &isnull);
	next_due = isnull ? 0 : DatumGetTimestampTz(d);
	due_known = true;
}

static bool
due_now(void)
{
	return !due_known || (next_due != 0 && errand_clock_now() >= next_due);
}

/* A transaction of its own for one chore; false if it could not begin. */
static bool
in_transaction(void (*chore)(void), bool durable)
{
	if (!errand_db_begin())
		return false;
	chore();
	errand_db_commit(durable);
	return true;
}

static int reaped = 0; /* leases, ERRAND_REAP_AT_ONCE: some may be left */

static void
reap(void)
{
	bool found = false;

	reaped = ERRAND_REAP_AT_ONCE;
	/* While a dump is being restored leases may be there before their tasks. */
	errand_config_instance(NULL, 0);
	if (errand_config_copied())
		return;
	errand_limits_reap_begin();
	reaped = errand_reap(&found);
	if (found)
		errand_quarantine_want();
	if (reaped > 0)
		wanted.lost = true;
}

/* All that dead workers had in hand is put back: now the limits can be relied on. */
static void
reap_all(ErrandDatabase *d)
{
	if (!in_transaction(reap, true))
		return;
	if (reaped < ERRAND_REAP_AT_ONCE)
		errand_limits_reap_done();
	else if (d != NULL && !errand_config_copied())
		pg_atomic_write_u32(&d->reap_wanted, 1);
}

static void
recount(void)
{
	int64 began = errand_clock_monotonic();
	uint64 seq = errand_ring_head();
	int n = errand_db_call(DB_RECOUNT, NULL);
	ErrandRecount *r = palloc0(sizeof(ErrandRecount) * Max(n, 1));
	bool isnull;

	for (int i = 0; i < n; i++)
	{
		r[i].queue = errand_db_text(i, errand_db_column("queue"));
		r[i].ready = DatumGetInt64(errand_db_value(i, errand_db_column("ready"), &isnull));
		r[i].scheduled = DatumGetInt64(errand_db_value(i, errand_db_column("scheduled"), &isnull));
		r[i].retrying = errand_db_int8(i, errand_db_column("retrying"));
		r[i].waiting = DatumGetInt64(errand_db_value(i, errand_db_column("waiting"), &isnull));
		r[i].running = DatumGetInt64(errand_db_value(i, errand_db_column("running"), &isnull));
	}
	if (errand_counters_set(r, n, seq))
		counted_seq = seq;
	else if (!counted)
		(void) errand_counters_set(r, n, errand_ring_head());
	counted = true;
	began = errand_clock_monotonic() - began;
	recount_at = errand_clock_monotonic() + began * RECOUNT_SHARE;
}

/* At rest, once after each spell of work: callbacks may have missed a prepared transaction. */
static bool
recount_wanted(void)
{
	uint64 seq = errand_ring_head();
	bool rest = seq == seen_seq && errand_runs_total() == 0;

	seen_seq = seq;
	return !counted || (rest && seq != counted_seq && errand_clock_monotonic() >= recount_at);
}

static void
lead_chores(bool polled)
{
	ErrandDatabase *d = errand_database_mine();

	if (errand_mailbox_any())
		in_transaction(errand_mail_read, true);
	if (errand_config_copied())
	{
		/* what is there is another's, who may still be writing it */
		errand_rollup_look();
		return;
	}
	if (!led_before || (d != NULL && pg_atomic_exchange_u32(&d->reap_wanted, 0) != 0))
	{
		reap_all(d);
		errand_free_sweep(); /* what who left did not free */
		if (!led_before)
			errand_quarantine_want(); /* some may be left from before */
		led_before = true;
	}
	if (polled && !errand_quarantine_wanted())
		in_transaction(errand_quarantine_look, false);
	errand_quarantine_run();
	if (due_now())
		in_transaction(move_due, true);
	if (errand_free_wanted())
		in_transaction(errand_free_work, false);
	if (errand_groups_wanted())
		in_transaction(errand_groups_work, true);
	if (errand_schedules_due())
		errand_schedules_run();
	errand_sources_work();
	if (errand_retain_due())
		in_transaction(errand_retain, false);
	if (errand_sweep_due(polled))
		in_transaction(errand_sweep, false);
	if (polled && !in_transaction(errand_rollup_oldest, false))
		return;
	/* What is there is counted first: who looks knows by the rollups that all is. */
	if (counted && errand_rollup_due())
		errand_rollup_write(false);
}

void
errand_chores(bool lead)
{
	bool polled = errand_clock_monotonic() >= poll_at;

	errand_feed_read(&wanted, lead);
	if (wanted.next_due != 0 && (next_due == 0 || wanted.next_due < next_due))
		next_due = wanted.next_due;
	wanted.next_due = 0;
	if (wanted.specs)
		errand_schedules_changed();
	wanted.specs = false;
	if (errand_clock_monotonic() < rest_until)
		return;
	at_work = true;
	if (polled || wanted.lost)
	{
		errand_groups_look();
		in_transaction(poll, false);
		/* Events that ask for a look do not put off what comes with the poll. */
		if (polled)
			poll_at = errand_clock_monotonic() + POLL_US;
		due_known = false;
		errand_schedules_changed();
	}
	if (wanted.cancels)
		in_transaction(read_cancels, false);
	if (wanted.config)
		in_transaction(read_config, false);
	if (lead)
	{
		lead_chores(polled);
		errand_roles_tend();
	}
	if (lead && (polled || !counted) && recount_wanted())
		in_transaction(recount, false);
	if (errand_feed_has_notices())
	{
		if (in_transaction(errand_feed_notify, false))
			errand_feed_notified();
	}
	at_work = false;
}

long
errand_chores_wait_ms(bool lead)
{
	int64 now = errand_clock_monotonic();
	int64 us = poll_at - now;

	if (now < rest_until)
		us = rest_until - now;
	else if (lead && !errand_config_copied())
	{
		us = Min(us, Min(errand_retain_wait_us(), errand_rollup_wait_us()));
		if (errand_sweep_due(false))
			us = 0;
		if (next_due != 0)
			us = Min(us, next_due - errand_clock_now());
		if (errand_schedules_next() != 0)
			us = Min(us, errand_schedules_next() - errand_clock_now());
		if (errand_quarantine_wanted())
			us = Min(us, 20000);
		us = Min(Min(us, errand_sources_wait_us()), /* the stream process, too */
				 Min(errand_roles_wait_us(), Min(errand_free_wait_us(), errand_groups_wait_us())));
	}
	return Max(0, (us + 999) / 1000);
}

bool
errand_chores_failed(void)
{
	bool chore = at_work;

	at_work = false;
	if (chore)
		rest_until = errand_clock_monotonic() + REST_US;
	poll_at = errand_clock_monotonic() + 1000000;
	errand_retain_rest(poll_at);
	errand_feed_notified();
	if (chore)
		errand_free_sweep(); /* its lists may tell of what was undone */
	errand_groups_look();
	return chore;
}
