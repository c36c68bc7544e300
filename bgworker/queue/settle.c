/*
 * settle.c
 *		Settles runs in batches, fenced by their leases.
 *
 * Runs in worker processes.  First the leases are locked, then everything is
 * written, then leases whose last run this was go, in one transaction.  It
 * must never wait for a row that a client can hold.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/process.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "events.h"
#include "kinds/http_cache.h"
#include "kinds/kind.h"
#include "miscadmin.h"
#include "queue/free.h"
#include "queue/groups.h"
#include "queue/chunks.h"
#include "queue/decorate.h"
#include "queue/hosts.h"
#include "queue/run.h"
#include "queue/settle.h"
#include "queue/settle_args.h"
#include "queue/specs.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define BATCH_MAX 512
#define FULL_BATCH 128 /* so many are settled without waiting for more */
#define GATHER_US 4000 /* under load results gather for so long */
#define SINGLY_AFTER_FAIL 64

static int64 last_settle = 0;
static int singly = 0; /* settles left that take one run each */
static int n_in_batch = 0;
static bool in_settle = false; /* an error now comes from what is settled */
static ErrandRun *batch[BATCH_MAX];

int
errand_settle_batch(void)
{
	return singly > 0 ? 1 : BATCH_MAX;
}

bool
errand_settle_due(int64 now_us)
{
	return errand_settle_wait_us(now_us) == 0;
}

int64
errand_settle_wait_us(int64 now_us)
{
	int done = errand_runs_count(ERRAND_RUN_DONE);

	if (done == 0)
		return -1;
	if (done >= FULL_BATCH || done == errand_runs_total())
		return 0;
	return Max(0, last_settle + GATHER_US - now_us);
}

/* The leases of the batch, each once. */
static int
batch_leases(ErrandLease **leases)
{
	int n = 0;

	for (int i = 0; i < n_in_batch; i++)
		batch[i]->lease->settling = 0;
	for (int i = 0; i < n_in_batch; i++)
	{
		if (batch[i]->lease->settling++ == 0)
			leases[n++] = batch[i]->lease;
	}
	return n;
}

static bool
token_in(const int64 *tokens, int n, int64 token)
{
	for (int i = 0; i < n; i++)
	{
		if (tokens[i] == token)
			return true;
	}
	return false;
}

/* Locks the leases; runs whose lease was reaped are stale. */
static void
fence(ErrandLease **leases, int n)
{
	Datum *tokens = palloc(sizeof(Datum) * n);
	ErrandDbArgs a = {0};
	ArrayType *live;
	bool isnull;

	for (int i = 0; i < n; i++)
		tokens[i] = Int64GetDatum(leases[i]->token);
	errand_db_arg(&a, errand_db_array(tokens, NULL, n, INT8OID));
	(void) errand_db_call(DB_LEASE_LOCK, &a);
	live = DatumGetArrayTypeP(errand_db_value(0, 1, &isnull));
	for (int i = 0; i < n_in_batch; i++)
		batch[i]->stale = !token_in((int64 *) ARR_DATA_PTR(live),
									ArrayGetNItems(ARR_NDIM(live), ARR_DIMS(live)),
									batch[i]->lease->token);
}

static void
drop_leases(ErrandLease **leases, int n)
{
	Datum *tokens = palloc(sizeof(Datum) * n);
	ErrandDbArgs a = {0};
	int n_done = 0;

	for (int i = 0; i < n; i++)
	{
		if (leases[i]->settling == leases[i]->open)
			tokens[n_done++] = Int64GetDatum(leases[i]->token);
	}
	if (n_done == 0)
		return;
	errand_db_arg(&a, errand_db_array(tokens, NULL, n_done, INT8OID));
	(void) errand_db_call(DB_LEASE_DROP, &a);
}

/* Goes back with its attempt's number unused: the lease must not name it any more. */
static bool
gives_number_back(const ErrandRun *r)
{
	return !r->stale && (r->outcome == ERRAND_SCHEDULED || r->outcome == ERRAND_READY) &&
		   r->lease->settling < r->lease->open;
}

static void
trim_leases(ErrandLease **leases, int n)
{
	Datum *tokens = palloc(sizeof(Datum) * n);
	Datum *ids = palloc(sizeof(Datum) * n_in_batch);
	ErrandDbArgs a = {0};
	int n_tokens = 0;
	int n_ids = 0;

	for (int i = 0; i < n_in_batch; i++)
	{
		if (gives_number_back(batch[i]))
			ids[n_ids++] = Int64GetDatum(batch[i]->id);
	}
	if (n_ids == 0)
		return;
	for (int i = 0; i < n; i++)
	{
		if (leases[i]->settling < leases[i]->open)
			tokens[n_tokens++] = Int64GetDatum(leases[i]->token);
	}
	errand_db_arg(&a, errand_db_array(tokens, NULL, n_tokens, INT8OID));
	errand_db_arg(&a, errand_db_array(ids, NULL, n_ids, INT8OID));
	(void) errand_db_call(DB_LEASE_TRIM, &a);
}

static void
announce(const ErrandRun *r)
{
	ErrandEvent e = {0};

	e.kind = ERRAND_EVENT_TASK;
	e.id = r->id;
	e.owner = e.submitter = r->owner;
	e.group = r->task_group;
	e.run = r->number;
	/* Parked or released: the number is not used. */
	e.attempt = r->attempt - (r->outcome == ERRAND_SCHEDULED || r->outcome == ERRAND_READY);
	e.from = ERRAND_RUNNING;
	e.to = r->outcome == ERRAND_ATTEMPT_INTERRUPTED ? ERRAND_READY : r->outcome;
	e.role = r->role;
	e.priority = r->priority;
	e.place = r->id;
	e.wait_us = r->started_at != 0 && r->ready_at != 0 && r->failures == 0 && r->number == 1 ?
					Max(0, r->started_at - r->ready_at) :
					-1;
	e.run_us = r->started_at != 0 ? Max(0, r->finished_at - r->started_at) : -1;
	e.at = e.to == ERRAND_RETRYING || e.to == ERRAND_SCHEDULED ? r->due : r->finished_at;
	e.unmeasured = !errand_measured(r->type);
	e.timed_out = r->timed_out;
	e.task_kind = r->kind != NULL ? r->kind->name[0] : '\0';
	e.queue = r->queue;
	e.task = r->type;
	e.channel = r->notify;
	errand_event_add(&e);
}

void
errand_settle(int most)
{
	ErrandLease **leases = palloc(sizeof(ErrandLease *) * BATCH_MAX);
	int n_leases;
	dlist_iter it;

	n_in_batch = 0;
	dlist_foreach (it, errand_runs_in(ERRAND_RUN_DONE))
	{
		if (n_in_batch == Min(most, BATCH_MAX))
			break;
		batch[n_in_batch++] = dlist_container(ErrandRun, node, it.cur);
	}
	if (n_in_batch == 0)
		return;
	in_settle = true;
	ERRAND_FAULT("settle");
	n_leases = batch_leases(leases);
	fence(leases, n_leases);
	errand_chunks_settle(batch, n_in_batch);
	errand_settle_finals(batch, n_in_batch);
	errand_settle_requeues(batch, n_in_batch);
	errand_settle_side(batch, n_in_batch);
	errand_follow_ups_of(batch, n_in_batch);
	errand_free_settled(batch, n_in_batch);
	errand_groups_settled(batch, n_in_batch);
	errand_http_cache_store(batch, n_in_batch);
	drop_leases(leases, n_leases);
	trim_leases(leases, n_leases);
	for (int i = 0; i < n_in_batch; i++)
	{
		if (!batch[i]->stale)
			announce(batch[i]);
	}
	in_settle = false;
}

bool
errand_settle_must_undo(void)
{
	for (int i = 0; i < n_in_batch; i++)
	{
		if (batch[i]->stale && batch[i]->effects)
			return true;
	}
	return false;
}

static void
log_run(const ErrandRun *r)
{
	int64 ms = r->started_at != 0 ? (r->finished_at - r->started_at) / 1000 : 0;

	if (errand_log_failures && r->outcome == ERRAND_FAILED)
		ereport(LOG, (errmsg("task %lld failed: %s", (long long) r->id, r->error ? r->error : ""),
					  errcontext("task %lld of type \"%s\" in queue \"%s\", attempt %d", (long long) r->id, r->type,
								 r->queue, r->attempt)));
	if (errand_log_min_task_duration >= 0 && ms >= errand_log_min_task_duration)
		ereport(LOG, (errmsg("task %lld, attempt %d, took %lld ms: %s", (long long) r->id, r->attempt, (long long) ms,
							 errand_state_name(r->outcome))));
}

void
errand_settle_count(const ErrandRun *r)
{
	ErrandDatabase *d;

	if (r->stale)
	{
		d = errand_database_mine();
		if (d != NULL)
			pg_atomic_fetch_add_u64(&d->lost_settles, 1);
		ereport(LOG, (errmsg("a result of task %lld, attempt %d, was dropped: its lease had been taken away",
							 (long long) r->id, r->attempt)));
		return;
	}
	errand_my_slot->settled++;
	errand_my_slot->succeeded += r->outcome == ERRAND_SUCCEEDED;
	errand_my_slot->failed += r->outcome == ERRAND_FAILED;
}

int
errand_settle_committed(int64 now_us)
{
	int n = n_in_batch;

	errand_hosts_learn(batch, n);
	for (int i = 0; i < n; i++)
	{
		errand_settle_count(batch[i]);
		log_run(batch[i]);
		errand_log_end(batch[i]);
		errand_run_free(batch[i]);
	}
	if (singly > 0)
		singly--;
	n_in_batch = 0;
	last_settle = now_us;
	return n;
}

/* Errors that come from what is to be stored; all others pass with time. */
static bool
is_about_result(int sqlerrcode)
{
	int category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_DATA_EXCEPTION ||
		   category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		   category == ERRCODE_PROGRAM_LIMIT_EXCEEDED || category == ERRCODE_INTERNAL_ERROR;
}

/* One result that cannot be stored must not hold up the others. */
void
errand_settle_aborted(const char *why, int sqlerrcode)
{
	if (in_settle && n_in_batch == 1 && batch[0]->outcome == ERRAND_SUCCEEDED &&
		is_about_result(sqlerrcode))
	{
		ErrandRun *r = batch[0];
		MemoryContext old = MemoryContextSwitchTo(r->memory);

		r->outcome = ERRAND_FAILED;
		r->error = psprintf("its result could not be stored: %s", why);
		r->sqlstate = "53000";
		r->has_body = false;
		r->result = NULL;
		r->content_type = NULL;
		r->head_len = 0;
		r->result = NULL;
		MemoryContextSwitchTo(old);
	}
	if (n_in_batch == 1)
	{
		/* The others first. */
		dlist_delete(&batch[0]->node);
		dlist_push_tail(errand_runs_in(ERRAND_RUN_DONE), &batch[0]->node);
	}
	if (n_in_batch > 0)
		singly = SINGLY_AFTER_FAIL;
	n_in_batch = 0;
	in_settle = false;
}
