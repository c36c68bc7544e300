/*
 * run.c
 *		Runs and their states.
 *
 * Runs in worker processes.  errand_run_over() is called from the event loop
 * with libuv's frames below it: it only moves a list node.  Everything that
 * allocates waits for errand_runs_decide().
 */
#include "postgres.h"

#include "base/clock.h"
#include "compat.h"
#include "kinds/kind.h"
#include "queue/admit.h"
#include "queue/limits.h"
#include "queue/park.h"
#include "queue/run.h"
#include "queue/secrets.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

typedef struct RunEntry
{
	int64 id; /* key */
	ErrandRun *run;
} RunEntry;

static dlist_head lists[ERRAND_RUN_STATES];
static int counts[ERRAND_RUN_STATES];
static dlist_head over; /* finished in the loop, not decided */
static int n_over = 0;
static HTAB *by_id = NULL;
static MemoryContext runs_context = NULL;

void
errand_runs_init(void)
{
	HASHCTL info = {0};

	runs_context = AllocSetContextCreate(TopMemoryContext, "errand runs", ALLOCSET_DEFAULT_SIZES);
	info.keysize = sizeof(int64);
	info.entrysize = sizeof(RunEntry);
	info.hcxt = runs_context;
	by_id = hash_create("errand runs", 1024, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (int i = 0; i < ERRAND_RUN_STATES; i++)
		dlist_init(&lists[i]);
	dlist_init(&over);
	errand_park_init();
	errand_limits_init();
}

static void
run_index(ErrandRun *r)
{
	RunEntry *e = hash_search(by_id, &r->id, HASH_ENTER, NULL);

	e->run = r;
}

ErrandRun *
errand_run_create(ErrandLease *lease)
{
	MemoryContext memory = AllocSetContextCreate(runs_context, "errand run", ALLOCSET_SMALL_SIZES);
	ErrandRun *r = MemoryContextAllocZero(memory, sizeof(ErrandRun));

	r->memory = memory;
	r->lease = lease;
	r->state = ERRAND_RUN_CLAIMED;
	r->success_lo = 200;
	r->success_hi = 300;
	r->retry_after_ms = -1;
	lease->open++;
	dlist_push_tail(&lists[r->state], &r->node);
	counts[r->state]++;
	return r;
}

static bool
move_allowed(ErrandRunState from, ErrandRunState to, Oid role)
{
	switch (from)
	{
		case ERRAND_RUN_CLAIMED:
			return to == ERRAND_RUN_MARKING || to == ERRAND_RUN_PACED || to == ERRAND_RUN_QUEUED ||
				   to == ERRAND_RUN_DONE;
		case ERRAND_RUN_MARKING:
			return to == ERRAND_RUN_PACED || to == ERRAND_RUN_QUEUED || to == ERRAND_RUN_DONE;
		case ERRAND_RUN_PACED:
			return to == ERRAND_RUN_QUEUED || to == ERRAND_RUN_DONE;
		case ERRAND_RUN_QUEUED:
			return to == ERRAND_RUN_STARTED || to == ERRAND_RUN_DONE;
		case ERRAND_RUN_STARTED:
			return to == ERRAND_RUN_DONE;
		case ERRAND_RUN_DONE:
			return to == ERRAND_RUN_QUEUED && OidIsValid(role);
		case ERRAND_RUN_STATES:
			break;
	}
	return false;
}

void
errand_run_move(ErrandRun *r, ErrandRunState to)
{
	Assert(move_allowed(r->state, to, r->role));
	if (!move_allowed(r->state, to, r->role))
		return;
	dlist_delete(&r->node);
	counts[r->state]--;
	if (r->state == ERRAND_RUN_CLAIMED)
		run_index(r);
	if (r->unstarted != NULL && (to == ERRAND_RUN_STARTED || to == ERRAND_RUN_DONE))
	{
		(*r->unstarted)--;
		r->unstarted = NULL;
	}
	r->state = to;
	dlist_push_tail(&lists[to], &r->node);
	counts[to]++;
}

void
errand_run_free(ErrandRun *r)
{
	Assert(r->state == ERRAND_RUN_DONE);
	if (r->kind != NULL && r->work != NULL)
		r->kind->release(r);
	errand_limits_release(r);
	dlist_delete(&r->node);
	counts[r->state]--;
	hash_search(by_id, &r->id, HASH_REMOVE, NULL);
	if (--r->lease->open == 0)
		pfree(r->lease);
	errand_secrets_wipe(r);
	MemoryContextDelete(r->memory);
}

ErrandRun *
errand_run_find(int64 id)
{
	RunEntry *e = hash_search(by_id, &id, HASH_FIND, NULL);

	return e ? e->run : NULL;
}

dlist_head *
errand_runs_in(ErrandRunState state)
{
	return &lists[state];
}

int
errand_runs_count(ErrandRunState state)
{
	return counts[state];
}

int
errand_runs_total(void)
{
	int n = n_over;

	for (int i = 0; i < ERRAND_RUN_STATES; i++)
		n += counts[i];
	return n;
}

void
errand_run_over(ErrandRun *r)
{
	dlist_delete(&r->node);
	counts[r->state]--;
	dlist_push_tail(&over, &r->node);
	n_over++;
}

/* Does its kind go on with the attempt?  What that raises is this run's failure. */
static bool
goes_on(ErrandRun *r)
{
	MemoryContext old = CurrentMemoryContext;
	volatile bool more = false;

	if (!r->steps || r->kind->more == NULL)
		return false;
	PG_TRY();
	{
		MemoryContextSwitchTo(r->memory);
		more = r->kind->more(r);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(r->memory);
		EmitErrorReport();
		r->error = CopyErrorData()->message;
		FlushErrorState();
		r->failure = ERRAND_FAIL_INTERNAL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	return more;
}

void
errand_runs_decide(void)
{
	while (!dlist_is_empty(&over))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, dlist_head_node(&over));
		bool more = goes_on(r);

		n_over--;
		counts[r->state]++; /* errand_run_move takes it off again */
		if (more)
		{
			dlist_delete(&r->node);
			dlist_push_tail(&lists[r->state], &r->node);
			continue;
		}
		errand_run_decide(r);
		errand_run_move(r, ERRAND_RUN_DONE);
	}
}

static void
end_unstarted(ErrandRun *r, char outcome)
{
	r->finished_at = errand_clock_now();
	r->outcome = outcome;
	errand_run_move(r, ERRAND_RUN_DONE);
}

void
errand_run_release(ErrandRun *r)
{
	end_unstarted(r, ERRAND_READY);
}

void
errand_run_park(ErrandRun *r, TimestampTz due)
{
	r->due = due;
	end_unstarted(r, ERRAND_SCHEDULED);
}

void
errand_run_interrupt(ErrandRun *r)
{
	r->sqlstate = "57P01";
	r->error = "interrupted: its worker was told to stop";
	end_unstarted(r, r->at_most_once && r->state == ERRAND_RUN_STARTED ?
						 ERRAND_UNKNOWN :
						 ERRAND_ATTEMPT_INTERRUPTED);
}

void
errand_run_undo(ErrandRun *r)
{
	r->effects = false;
	r->solo = true;
	r->failures -= r->outcome == ERRAND_RETRYING;
	r->failure = ERRAND_FAIL_NONE;
	r->timed_out = false;
	r->outcome = 0;
	r->sqlstate = r->error = r->hint = NULL;
	r->result = r->extra = NULL;
	r->started_at = r->finished_at = 0;
	errand_run_move(r, ERRAND_RUN_QUEUED);
}

void
errand_run_cancel(ErrandRun *r, const char *reason)
{
	if (r->state == ERRAND_RUN_DONE && r->outcome == ERRAND_RETRYING && !r->effects)
	{
		/* Over, but not settled: it need not be tried again. */
		r->cancel_asked = true;
		r->cancel_reason = reason ? MemoryContextStrdup(r->memory, reason) : NULL;
		r->outcome = ERRAND_CANCELLED;
		errand_run_describe(r);
		return;
	}
	if (r->cancel_asked || r->state == ERRAND_RUN_DONE)
		return;
	r->cancel_asked = true;
	if (reason != NULL)
		r->cancel_reason = MemoryContextStrdup(r->memory, reason);
	if (r->state == ERRAND_RUN_QUEUED || r->state == ERRAND_RUN_STARTED)
		r->kind->cancel(r);
	else
	{
		r->failure = ERRAND_FAIL_CANCELLED;
		errand_run_over(r);
	}
}
