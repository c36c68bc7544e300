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
#include "kinds/http.h"
#include "kinds/kind.h"
#include "miscadmin.h"
#include "queue/claim.h"
#include "queue/pairs.h"
#include "queue/park.h"
#include "queue/run.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MAX_VISITED 256
#define AHEAD_MIN 16
#define AHEAD_MAX 512

static int ahead = 64;	   /* runs that may wait for a place beside those that run */
static bool dear = false;  /* head scans cost too much: positions are used */
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
	int in_hand = errand_runs_total() - errand_runs_count(ERRAND_RUN_DONE);
	int waiting = errand_runs_count(ERRAND_RUN_CLAIMED) + errand_runs_count(ERRAND_RUN_MARKING) +
				  errand_runs_count(ERRAND_RUN_QUEUED);
	ErrandDatabase *d = errand_database_mine();

	if (paused || (d != NULL && pg_atomic_read_u32(&d->quarantine) != 0))
		return 0;
	if (errand_net_buffered(errand_http_net()) > (size_t) errand_memory_limit * 1024)
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

/* Columns of a claim's result, looked up once for each result. */
typedef struct ClaimColumns
{
	int id, place, attempt, priority, failures, run, queue, type, kind, submitted_at, run_at, deadline, timeout_ms,
		max_attempts, backoff, backoff_base_ms, backoff_factor, backoff_max_ms, at_most_once, key, notify, traceparent,
		payload, owner_oid, owner;
} ClaimColumns;

static void
find_columns(ClaimColumns *c)
{
	c->id = errand_db_column("id");
	c->place = errand_db_column("place");
	c->attempt = errand_db_column("attempt");
	c->priority = errand_db_column("priority");
	c->failures = errand_db_column("failures");
	c->run = errand_db_column("run");
	c->queue = errand_db_column("queue");
	c->type = errand_db_column("type");
	c->kind = errand_db_column("kind");
	c->submitted_at = errand_db_column("submitted_at");
	c->run_at = errand_db_column("run_at");
	c->deadline = errand_db_column("deadline");
	c->timeout_ms = errand_db_column("timeout_ms");
	c->max_attempts = errand_db_column("max_attempts");
	c->backoff = errand_db_column("backoff");
	c->backoff_base_ms = errand_db_column("backoff_base_ms");
	c->backoff_factor = errand_db_column("backoff_factor");
	c->backoff_max_ms = errand_db_column("backoff_max_ms");
	c->at_most_once = errand_db_column("at_most_once");
	c->key = errand_db_column("key");
	c->notify = errand_db_column("notify");
	c->traceparent = errand_db_column("traceparent");
	c->payload = errand_db_column("payload");
	c->owner_oid = errand_db_column("owner_oid");
	c->owner = errand_db_column("owner");
}

static int64
int_value(int row, int column, int len, int64 if_null)
{
	bool isnull;
	Datum d = errand_db_value(row, column, &isnull);

	if (isnull)
		return if_null;
	return len == 2 ? DatumGetInt16(d) : len == 4 ? DatumGetInt32(d) : DatumGetInt64(d);
}

static void
read_policy(ErrandRun *r, const ClaimColumns *c, int row)
{
	bool isnull;
	Datum d;

	r->timeout_ms = int_value(row, c->timeout_ms, 4, ERRAND_TIMEOUT_DEFAULT_MS);
	r->max_attempts = int_value(row, c->max_attempts, 2, ERRAND_MAX_ATTEMPTS_DEFAULT);
	r->backoff = int_value(row, c->backoff, 2, ERRAND_BACKOFF_EXPONENTIAL);
	r->base_ms = int_value(row, c->backoff_base_ms, 8, -1);
	r->max_ms = int_value(row, c->backoff_max_ms, 8, -1);
	d = errand_db_value(row, c->backoff_factor, &isnull);
	r->factor = isnull ? 0 : DatumGetFloat4(d);
	r->at_most_once = DatumGetBool(errand_db_value(row, c->at_most_once, &isnull));
	d = errand_db_value(row, c->deadline, &isnull);
	r->has_deadline = !isnull;
	r->deadline = isnull ? 0 : DatumGetTimestampTz(d);
}

static void
read_run(ErrandRun *r, const ClaimColumns *c, int row)
{
	MemoryContext old = MemoryContextSwitchTo(r->memory);
	bool isnull;
	Datum d;
	char *kind;

	r->id = int_value(row, c->id, 8, 0);
	r->place = int_value(row, c->place, 8, 0);
	r->attempt = int_value(row, c->attempt, 4, 1);
	r->priority = int_value(row, c->priority, 2, 0);
	r->failures = int_value(row, c->failures, 2, 0);
	r->number = int_value(row, c->run, 2, 1);
	read_policy(r, c, row);
	r->ready_at = int_value(row, c->submitted_at, 8, 0);
	r->ready_at = Max(r->ready_at, int_value(row, c->run_at, 8, r->ready_at));
	r->queue = errand_db_text(row, c->queue);
	r->type = errand_db_text(row, c->type);
	r->key = errand_db_text(row, c->key);
	r->notify = errand_db_text(row, c->notify);
	r->traceparent = errand_db_text(row, c->traceparent);
	d = errand_db_value(row, c->payload, &isnull);
	r->payload = isnull ? NULL : DatumGetJsonbPCopy(d);
	r->owner_gone = !errand_db_role_is(DatumGetObjectId(errand_db_value(row, c->owner_oid, &isnull)),
									   errand_db_text(row, c->owner));
	kind = errand_db_text(row, c->kind);
	r->kind = kind ? errand_kind_find(kind) : NULL;
	r->claimed_at = errand_clock_now();
	MemoryContextSwitchTo(old);
}

/* The event of a claimed task, published with the claim's commit. */
static void
announce_running(const ErrandRun *r)
{
	ErrandEvent e = {0};

	e.kind = ERRAND_EVENT_TASK;
	e.id = r->id;
	e.run = r->number;
	e.attempt = r->attempt;
	e.from = ERRAND_READY;
	e.to = ERRAND_RUNNING;
	e.priority = r->priority;
	e.wait_us = e.run_us = -1;
	e.at = r->claimed_at;
	e.queue = r->queue;
	e.task = r->type;
	errand_event_add(&e);
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

/* RETURNING gives physical order: the batch is put into the queue's order. */
static int
run_order(const void *a, const void *b)
{
	const ErrandRun *x = *(ErrandRun *const *) a;
	const ErrandRun *y = *(ErrandRun *const *) b;

	if (x->priority != y->priority)
		return x->priority > y->priority ? -1 : 1;
	return x->place < y->place ? -1 : x->place > y->place;
}

static void
take_rows(int n, bool from_queue)
{
	ErrandRun **runs = palloc(sizeof(ErrandRun *) * n);
	ClaimColumns c;

	find_columns(&c);
	for (int i = 0; i < n; i++)
	{
		runs[i] = errand_run_create(fresh);
		read_run(runs[i], &c, i);
		announce_running(runs[i]);
		if (from_queue)
			errand_pairs_taken(runs[i]->queue, runs[i]->priority, runs[i]->place);
	}
	qsort(runs, n, sizeof(ErrandRun *), run_order);
	for (int i = 0; i < n; i++)
	{
		dlist_delete(&runs[i]->node);
		dlist_push_tail(errand_runs_in(ERRAND_RUN_CLAIMED), &runs[i]->node);
	}
}

/* The four arrays that say which pairs to visit, from where, and how far. */
static void
pair_args(ErrandDbArgs *a, ErrandPair **pairs, int n, bool positions)
{
	Datum *queues = palloc(sizeof(Datum) * n);
	Datum *priorities = palloc(sizeof(Datum) * n);
	Datum *floors = palloc(sizeof(Datum) * n);
	Datum *limits = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
	{
		queues[i] = CStringGetTextDatum(pairs[i]->key.queue);
		priorities[i] = Int16GetDatum(pairs[i]->key.priority);
		floors[i] = Int64GetDatum(positions ? pairs[i]->floor : PG_INT64_MIN);
		limits[i] = Int32GetDatum(pairs[i]->limit);
	}
	errand_db_arg(a, errand_db_array(queues, NULL, n, TEXTOID));
	errand_db_arg(a, errand_db_array(priorities, NULL, n, INT2OID));
	errand_db_arg(a, errand_db_array(floors, NULL, n, INT8OID));
	errand_db_arg(a, errand_db_array(limits, NULL, n, INT4OID));
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
	dear = best > 0 && cpu_us > 200 + 1.7 * best * (n + 8);
	if (n >= 8 && !dear) /* follows a change of load, but not a growing scan */
		best = best == 0 || each < best ? each : best * 1.0005;
	if (dear)
		rewind_at = errand_clock_monotonic() + Max(INT64CONST(20000), Min(cpu_us * 10, INT64CONST(1000000)));
}

void
errand_claim(int capacity)
{
	ErrandPair *pairs[MAX_VISITED];
	ErrandDbArgs a = {0};
	int64 started = errand_clock_cpu();
	bool head = !dear || errand_clock_monotonic() >= rewind_at;
	int n_pairs = errand_pairs_choose(pairs, MAX_VISITED, capacity);
	int n;

	if (n_pairs == 0)
		return;
	fresh = lease_create();
	claim_args(&a);
	pair_args(&a, pairs, n_pairs, !head);
	errand_db_arg(&a, Int32GetDatum(capacity));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	n = errand_db_call(DB_CLAIM, &a);
	note_cost(head, n, errand_clock_cpu() - started);
	if (n > 0)
	{
		errand_event_locks_ready();
		take_rows(n, true);
	}
	errand_pairs_claimed(pairs, n_pairs, n, capacity);
	ERRAND_FAULT("claim");
}

bool
errand_claim_suspects(void)
{
	ErrandDbArgs a = {0};
	int n;

	fresh = lease_create();
	claim_args(&a);
	errand_db_arg(&a, Int32GetDatum(errand_in_flight_limit()));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	n = errand_db_call(DB_CLAIM_SUSPECTS, &a);
	if (n > 0)
		take_rows(n, false);
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
run_start(ErrandRun *r)
{
	const char *why = r->kind == NULL ? "this version knows no such kind of task" : NULL;

	if (errand_park_arrival(r))
		return;
	errand_run_move(r, ERRAND_RUN_QUEUED);
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

void
errand_claim_committed(void)
{
	dlist_mutable_iter it;
	dlist_head *claimed = errand_runs_in(ERRAND_RUN_CLAIMED);

	if (fresh != NULL && fresh->open == 0)
		pfree(fresh);
	fresh = NULL;
	dlist_foreach_modify(it, claimed)
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

	dlist_foreach_modify(it, errand_runs_in(ERRAND_RUN_CLAIMED))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		errand_pairs_ready(r->queue, r->priority, r->place);
		errand_run_move(r, ERRAND_RUN_DONE);
		if (r->lease == fresh && fresh->open == 1)
			fresh = NULL;
		errand_run_free(r);
	}
	if (fresh != NULL)
		pfree(fresh);
	fresh = NULL;
	/* Their marks did not commit. */
	dlist_foreach_modify(it, errand_runs_in(ERRAND_RUN_MARKING))
		dlist_container(ErrandRun, node, it.cur)->marked = false;
}

void
errand_claim_poll(void)
{
	int n = errand_db_call(DB_PAIRS, NULL);
	int queue = errand_db_column("queue");
	int priority = errand_db_column("priority");

	for (int i = 0; i < n; i++)
		errand_pairs_seen(errand_db_text(i, queue), int_value(i, priority, 2, 0));
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

	dlist_foreach(it, errand_runs_in(ERRAND_RUN_MARKING))
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

	dlist_foreach_modify(it, errand_runs_in(ERRAND_RUN_MARKING))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		if (r->marked)
			run_start(r);
	}
}
