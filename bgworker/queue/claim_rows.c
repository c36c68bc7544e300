/*
 * claim_rows.c
 *		Reads the rows of a claim into runs.
 *
 * Runs in worker processes, within the claim's transaction: everything that a
 * run needs is copied into its own memory.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "events.h"
#include "kinds/kind.h"
#include "queue/claim_rows.h"
#include "queue/limits.h"
#include "queue/pairs.h"
#include "queue/secrets.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Columns of a claim's result, looked up once for each result. */
typedef struct ClaimColumns
{
	int id, place, attempt, priority, failures, run, queue, type, kind, submitted_at, run_at,
		deadline, timeout_ms, max_attempts, backoff, backoff_base_ms, backoff_factor,
		backoff_max_ms, at_most_once, key, notify, traceparent, task_group, payload, owner_oid,
		owner, role, follow_ups;
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
	c->task_group = errand_db_column("task_group");
	c->payload = errand_db_column("payload");
	c->owner_oid = errand_db_column("owner_oid");
	c->owner = errand_db_column("owner");
	c->role = errand_db_column("role");
	c->follow_ups = errand_db_column("follow_ups");
}

int64
errand_claim_int(int row, int column, int len, int64 if_null)
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

	r->timeout_ms = errand_claim_int(row, c->timeout_ms, 4, ERRAND_TIMEOUT_DEFAULT_MS);
	r->max_attempts = errand_claim_int(row, c->max_attempts, 2, ERRAND_MAX_ATTEMPTS_DEFAULT);
	r->backoff = errand_claim_int(row, c->backoff, 2, ERRAND_BACKOFF_EXPONENTIAL);
	r->base_ms = errand_claim_int(row, c->backoff_base_ms, 8, -1);
	r->max_ms = errand_claim_int(row, c->backoff_max_ms, 8, -1);
	d = errand_db_value(row, c->backoff_factor, &isnull);
	r->factor = isnull ? 0 : DatumGetFloat4(d);
	r->at_most_once = DatumGetBool(errand_db_value(row, c->at_most_once, &isnull));
	r->follow_ups = DatumGetBool(errand_db_value(row, c->follow_ups, &isnull));
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

	r->id = errand_claim_int(row, c->id, 8, 0);
	r->place = errand_claim_int(row, c->place, 8, 0);
	r->attempt = errand_claim_int(row, c->attempt, 4, 1);
	r->priority = errand_claim_int(row, c->priority, 2, 0);
	r->failures = errand_claim_int(row, c->failures, 2, 0);
	r->number = errand_claim_int(row, c->run, 2, 1);
	read_policy(r, c, row);
	r->task_group = errand_claim_int(row, c->task_group, 8, 0);
	r->ready_at = errand_claim_int(row, c->submitted_at, 8, 0);
	r->ready_at = Max(r->ready_at, errand_claim_int(row, c->run_at, 8, r->ready_at));
	r->role = DatumGetObjectId(errand_db_value(row, c->role, &isnull));
	/* What an executor does commits with its outcome: it happens once anyway. */
	r->at_most_once &= !OidIsValid(r->role);
	r->queue = errand_db_text(row, c->queue);
	r->type = errand_db_text(row, c->type);
	r->key = errand_db_text(row, c->key);
	r->notify = errand_db_text(row, c->notify);
	r->traceparent = errand_db_text(row, c->traceparent);
	d = errand_db_value(row, c->payload, &isnull);
	r->payload = isnull ? NULL : DatumGetJsonbPCopy(d);
	r->owner = DatumGetObjectId(errand_db_value(row, c->owner_oid, &isnull));
	r->owner_gone = !errand_db_role_is(r->owner, errand_db_text(row, c->owner));
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
	e.owner = e.submitter = r->owner;
	e.group = r->task_group;
	e.run = r->number;
	e.attempt = r->attempt;
	e.from = ERRAND_READY;
	e.to = ERRAND_RUNNING;
	e.role = r->role;
	e.priority = r->priority;
	e.wait_us = e.run_us = -1;
	e.at = r->claimed_at;
	e.queue = r->queue;
	e.task = r->type;
	errand_event_add(&e);
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

void
errand_claim_take_rows(ErrandLease *lease, int n, bool from_queue)
{
	ErrandRun **runs = palloc(sizeof(ErrandRun *) * n);
	ClaimColumns c;

	find_columns(&c);
	for (int i = 0; i < n; i++)
	{
		runs[i] = errand_run_create(lease);
		read_run(runs[i], &c, i);
		announce_running(runs[i]);
		if (from_queue)
			errand_limits_took(errand_pairs_taken(runs[i]->role, runs[i]->queue, runs[i]->priority,
												  runs[i]->place),
							   runs[i]);
	}
	qsort(runs, n, sizeof(ErrandRun *), run_order);
	for (int i = 0; i < n; i++)
	{
		dlist_delete(&runs[i]->node);
		dlist_push_tail(errand_runs_in(ERRAND_RUN_CLAIMED), &runs[i]->node);
	}
	errand_secrets_fetch(runs, n);
}
