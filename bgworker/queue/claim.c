/*
 * claim.c
 *		Claims tasks: rows leave ready, a lease row comes, runs are made.
 *
 * Runs in worker processes.  A claim commits before any of its tasks starts:
 * the attempt number is on disk before the first byte leaves.  It takes no
 * more than can start now, and as many again as finish within a turn.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/process.h"
#include "catalog/pg_type.h"
#include "events.h"
#include "kinds/email.h"
#include "kinds/http.h"
#include "kinds/http_cache.h"
#include "kinds/kind.h"
#include "miscadmin.h"
#include "queue/admit.h"
#include "queue/claim.h"
#include "queue/claim_rows.h"
#include "queue/decorate.h"
#include "queue/limits.h"
#include "queue/pairs.h"
#include "queue/park.h"
#include "queue/roles.h"
#include "queue/run.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define AHEAD_MIN 16
#define DEAR_EACH_US 15 /* whoever starts among dead entries has seen no cheap scan */
#define AHEAD_MAX 512

static int ahead = 64;		/* runs that may wait for a place beside those that run */
static bool dear = false;	/* head scans cost too much: positions are used */
static int64 rewind_at = 0; /* when to look from the head again, monotonic */
static bool paused = false;
static ErrandLease *fresh = NULL; /* of the claim under way */

void
errand_claim_pause(bool now)
{
	paused = now;
}

int
errand_claim_capacity(void)
{
	/* What waits for a limit takes nobody's place. */
	int in_hand = errand_runs_total() - errand_runs_count(ERRAND_RUN_DONE) -
				  errand_runs_count(ERRAND_RUN_PACED);
	int waiting = errand_runs_count(ERRAND_RUN_CLAIMED) + errand_runs_count(ERRAND_RUN_MARKING) +
				  errand_runs_count(ERRAND_RUN_QUEUED);
	ErrandDatabase *d = errand_database_mine();
	ErrandSmtpStat mail;

	if (paused || (d != NULL && pg_atomic_read_u32(&d->quarantine) != 0))
		return 0;
	errand_email_stat(&mail);
	if (errand_net_buffered(errand_http_net()) + mail.bytes > (size_t) errand_memory_limit * 1024)
		return 0;
	return Max(0, Min(errand_in_flight_limit() - in_hand, ahead - waiting));
}

bool
errand_claim_wanted(void)
{
	return errand_pairs_any() && errand_claim_capacity() > 0;
}

/* Grows while the network runs dry between two turns, shrinks while it does not. */
void
errand_claim_tune(int finished)
{
	int waiting = errand_runs_count(ERRAND_RUN_QUEUED);

	if (waiting == 0 && errand_pairs_any())
		ahead = Min(ahead * 2, AHEAD_MAX);
	else if (waiting > 2 * finished && ahead > AHEAD_MIN)
		ahead = Max(AHEAD_MIN, ahead - ahead / 8);
}

static ErrandLease *
lease_create(void)
{
	ErrandLease *lease = MemoryContextAllocZero(TopMemoryContext, sizeof(ErrandLease));

	if (!pg_strong_random(&lease->token, sizeof(lease->token)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not make a random lease token")));
	lease->token &= PG_INT64_MAX;
	return lease;
}

/* Arguments that every kind of claim begins with. */
static void
claim_args(ErrandDbArgs *a)
{
	errand_db_arg(a, Int64GetDatum(fresh->token));
	errand_db_arg(a, Int64GetDatum(errand_my_slot->identity));
	errand_db_arg(a, Int64GetDatum(errand_shared->epoch));
	errand_db_arg(a, TimestampTzGetDatum(PgStartTime));
	errand_db_arg(a, Int32GetDatum(MyProcPid));
}

/* The arrays that say which pairs to visit, from where, and how far; returns the roles. */
static Datum
pair_args(ErrandDbArgs *a, ErrandPair **pairs, int n, bool positions)
{
	Datum *queues = palloc(sizeof(Datum) * n);
	Datum *roles = palloc(sizeof(Datum) * n);
	Datum *priorities = palloc(sizeof(Datum) * n);
	Datum *floors = palloc(sizeof(Datum) * n);
	Datum *limits = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
	{
		queues[i] = CStringGetTextDatum(pairs[i]->key.queue);
		priorities[i] = Int16GetDatum(pairs[i]->key.priority);
		floors[i] = Int64GetDatum(positions ? pairs[i]->floor : PG_INT64_MIN);
		limits[i] = Int32GetDatum(pairs[i]->limit);
		roles[i] = ObjectIdGetDatum(pairs[i]->key.role);
	}
	errand_db_arg(a, errand_db_array(queues, NULL, n, TEXTOID));
	errand_db_arg(a, errand_db_array(priorities, NULL, n, INT2OID));
	errand_db_arg(a, errand_db_array(floors, NULL, n, INT8OID));
	errand_db_arg(a, errand_db_array(limits, NULL, n, INT4OID));
	return errand_db_array(roles, NULL, n, OIDOID);
}

/*
 * Head scans are right about everything and cheap while vacuum keeps up.  An
 * old snapshot makes each walk over all dead entries: then positions are used,
 * and the head is looked at again as often as fits into a tenth of the time.
 * Dear is what costs much more CPU a task than the cheapest scans of late.
 */
static void
note_cost(bool head, int n, int64 cpu_us)
{
	static double best = 0; /* microseconds a task, of cheap head scans */
	double each = (double) cpu_us / (n + 8);

	if (!head)
		return;
	dear = (best > 0 && cpu_us > 200 + 1.7 * best * (n + 8)) || (n >= 64 && each > DEAR_EACH_US);
	if (n >= 8 && !dear) /* follows a change of load, but not a growing scan */
		best = best == 0 || each < best ? each : best * 1.0005;
	if (dear)
		rewind_at = errand_clock_monotonic() +
					Max(INT64CONST(20000), Min(cpu_us * 10, INT64CONST(1000000)));
}

void
errand_claim(int capacity)
{
	ErrandPair *pairs[ERRAND_PAIRS_MAX];
	ErrandDbArgs a = {0};
	int64 started = errand_clock_cpu();
	bool head = !dear || errand_clock_monotonic() >= rewind_at;
	int n_pairs = errand_pairs_choose(pairs, ERRAND_PAIRS_MAX, capacity);
	Datum roles;
	int n;

	if (n_pairs == 0)
		return;
	fresh = lease_create();
	claim_args(&a);
	roles = pair_args(&a, pairs, n_pairs, !head);
	errand_db_arg(&a, Int32GetDatum(capacity));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_db_arg(&a, roles);
	n = errand_db_call(DB_CLAIM, &a);
	note_cost(head, n, errand_clock_cpu() - started);
	if (n > 0)
	{
		errand_event_locks_ready();
		errand_claim_take_rows(fresh, n, true);
		errand_http_cache_find();
	}
	errand_pairs_claimed(pairs, n_pairs, n, capacity);
	ERRAND_FAULT("claim");
}

bool
errand_claim_suspects(int most, Oid role)
{
	ErrandDbArgs a = {0};
	int n;

	fresh = lease_create();
	claim_args(&a);
	errand_db_arg(&a, Int32GetDatum(most));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_db_arg(&a, ObjectIdGetDatum(role));
	n = errand_db_call(DB_CLAIM_SUSPECTS, &a);
	if (n > 0)
	{
		errand_claim_take_rows(fresh, n, false);
		errand_http_cache_find();
	}
	return n > 0;
}

/* Starts the work.  What that raises is this run's failure: no transaction is open. */
static const char *
start_work(ErrandRun *r)
{
	MemoryContext old = CurrentMemoryContext;
	const char *volatile why = NULL;

	PG_TRY();
	{
		ERRAND_FAULT_OF("run", r->queue);
		why = r->kind->start(r);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(r->memory);
		EmitErrorReport();
		why = CopyErrorData()->message;
		FlushErrorState();
		r->failure = ERRAND_FAIL_INTERNAL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return why;
}

/* Hands a run to its kind; a run that can never succeed is over at once. */
static void
run_begin(ErrandRun *r)
{
	const char *why = r->kind == NULL ? "this version knows no such kind of task" : NULL;

	errand_run_move(r, ERRAND_RUN_QUEUED);
	errand_log_begin(r);
	if (r->owner_gone)
		why = "role changed: the role that submitted it was dropped or renamed";
	if (why == NULL && r->payload != NULL)
		why = start_work(r);
	if (why == NULL)
		return;
	if (r->failure == ERRAND_FAIL_NONE)
		r->failure = ERRAND_FAIL_BAD_REQUEST;
	r->error = MemoryContextStrdup(r->memory, why);
	errand_run_over(r);
}

static void
run_start(ErrandRun *r)
{
	/* A kept answer needs no host. */
	if (errand_http_cache_has(r) || (!errand_park_arrival(r) && errand_admit(r)))
		run_begin(r);
}

void
errand_claim_paced(void)
{
	errand_admit_turn(run_begin);
}

long
errand_claim_wait_ms(void)
{
	int64 at = errand_pairs_unblock_at();
	int64 us = at == PG_INT64_MAX ? USECS_PER_HOUR : Max(0, at - errand_limits_clock());
	int64 paced = errand_admit_wait_us();

	return (Min(us, paced >= 0 ? paced : us) + 999) / 1000;
}

void
errand_claim_committed(void)
{
	dlist_mutable_iter it;
	dlist_head *claimed = errand_runs_in(ERRAND_RUN_CLAIMED);

	if (fresh != NULL && fresh->open == 0)
		pfree(fresh);
	fresh = NULL;
	dlist_foreach_modify (it, claimed)
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		errand_my_slot->claimed++;
		if (r->at_most_once)
			errand_run_move(r, ERRAND_RUN_MARKING);
		else
			run_start(r);
	}
	ERRAND_FAULT("started");
}

void
errand_claim_aborted(void)
{
	dlist_mutable_iter it;

	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_CLAIMED))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		errand_pairs_ready(r->role, r->queue, r->priority, r->place);
		errand_run_move(r, ERRAND_RUN_DONE);
		if (r->lease == fresh && fresh->open == 1)
			fresh = NULL;
		errand_run_free(r);
	}
	if (fresh != NULL)
		pfree(fresh);
	fresh = NULL;
	errand_limits_claim_aborted();
	/* Their marks did not commit. */
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_MARKING))
		dlist_container(ErrandRun, node, it.cur)->marked = false;
}

void
errand_claim_poll(void)
{
	int n = errand_db_call(DB_PAIRS, NULL);
	int queue = errand_db_column("queue");
	int priority = errand_db_column("priority");
	int role = errand_db_column("role");
	bool isnull;

	errand_roles_look_begins();
	for (int i = 0; i < n; i++)
	{
		Oid whose = DatumGetObjectId(errand_db_value(i, role, &isnull));

		errand_pairs_seen(whose, errand_db_text(i, queue), errand_claim_int(i, priority, 2, 0));
		errand_roles_seen(whose);
	}
}

/* at_most_once: the mark commits, then the run may start. */

static int
marks_possible(void)
{
	int free_places = errand_in_flight_limit() - errand_net_running(errand_http_net());

	return Min(errand_runs_count(ERRAND_RUN_MARKING), Max(0, free_places));
}

bool
errand_marks_wanted(void)
{
	return marks_possible() > 0;
}

void
errand_marks_write(void)
{
	ErrandDbArgs a = {0};
	int most = marks_possible();
	Datum *ids = palloc(sizeof(Datum) * Max(most, 1));
	Datum *attempts = palloc(sizeof(Datum) * Max(most, 1));
	int n = 0;
	dlist_iter it;

	dlist_foreach (it, errand_runs_in(ERRAND_RUN_MARKING))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		if (n == most)
			break;
		ids[n] = Int64GetDatum(r->id);
		attempts[n++] = Int32GetDatum(r->attempt);
		r->marked = true;
	}
	errand_db_arg(&a, errand_db_array(ids, NULL, n, INT8OID));
	errand_db_arg(&a, errand_db_array(attempts, NULL, n, INT4OID));
	(void) errand_db_call(DB_MARK_SENT, &a);
}

void
errand_marks_committed(void)
{
	dlist_mutable_iter it;

	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_MARKING))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		if (r->marked)
			run_start(r);
	}
}
