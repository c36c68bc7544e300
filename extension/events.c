/*
 * events.c
 *		Collects the changes of a transaction and publishes them at its commit.
 *
 * Runs in every backend and in our processes.  Between XACT_EVENT_COMMIT and
 * the end of the callback nothing may fail, allocate or wait for more than the
 * event lock: an error there is a PANIC.  So everything is sized before.
 */
#include "postgres.h"

#include "access/xact.h"
#include "added.h"
#include "compat.h"
#include "core/standing.h"
#include "events.h"
#include "hooks.h"
#include "meters.h"
#include "ring.h"
#include "shared.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "waiters.h"

#define PUBLISH_CHUNK 512 /* events under one hold of the lock */

/* An event that waits for its commit, with the depth of its subtransaction. */
typedef struct PendingEvent
{
	ErrandEvent event;
	int level;
} PendingEvent;

static PendingEvent *pending = NULL; /* in TopTransactionContext */
static int n_pending = 0;
static int max_pending = 0;
static int n_counted = 0; /* of the pending events, for errand_event_added() */
static bool locks_ready = false;
static bool touches_groups = false;

static void
pending_forget(void)
{
	/* The memory goes with TopTransactionContext. */
	pending = NULL;
	n_pending = max_pending = 0;
	n_counted = 0;
	errand_added_forget();
	locks_ready = touches_groups = false;
}

static void
pending_grow(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

	if (pending == NULL)
	{
		max_pending = 16;
		pending = palloc(sizeof(PendingEvent) * max_pending);
	}
	else
	{
		max_pending *= 2;
		pending = repalloc_huge(pending, sizeof(PendingEvent) * (Size) max_pending);
	}
	MemoryContextSwitchTo(old);
}

/* A copy of the name that lives as long as the transaction; the neighbour's if it is the same. */
static const char *
pending_name(const char *name, const char *neighbour)
{
	if (name == NULL)
		return NULL;
	if (neighbour != NULL && strcmp(name, neighbour) == 0)
		return neighbour;
	return MemoryContextStrdup(TopTransactionContext, name);
}

void
errand_event_add(const ErrandEvent *e)
{
	const ErrandEvent *before;
	PendingEvent *p;

	if (errand_shared == NULL)
		return;
	if (n_pending == max_pending)
		pending_grow();
	before = n_pending > 0 ? &pending[n_pending - 1].event : NULL;
	p = &pending[n_pending];
	p->event = *e;
	p->event.database = MyDatabaseId;
	if (p->event.at == 0)
		p->event.at = GetCurrentTimestamp();
	p->event.queue = pending_name(e->queue, before ? before->queue : NULL);
	p->event.task = pending_name(e->task, before ? before->task : NULL);
	p->event.channel = pending_name(e->channel, before ? before->channel : NULL);
	p->level = GetCurrentTransactionNestLevel();
	n_pending++;
}

bool
errand_event_late(const ErrandEvent *e, int32 run, int32 attempt, char state)
{
	ErrandStanding known = {run, attempt, errand_state_rank(state)};
	ErrandStanding told = {e->run, e->attempt, errand_state_rank(e->to)};

	return errand_standing_late(&known, &told, errand_state_rank(e->from));
}

bool
errand_event_pending(int64 id)
{
	for (int i = n_pending - 1; i >= 0; i--)
	{
		if (pending[i].event.kind == ERRAND_EVENT_TASK && pending[i].event.id == id)
			return !errand_state_is_final(pending[i].event.to);
	}
	return false;
}

int64
errand_event_added(ErrandCounterKind kind, const char *name)
{
	for (; n_counted < n_pending; n_counted++)
		errand_added_count(&pending[n_counted].event);
	return errand_added(kind, name);
}

/* Drops the last one. */
static void
pending_pop(void)
{
	n_pending--;
	if (n_counted <= n_pending)
		return;
	n_counted = n_pending;
	errand_added_take_back(&pending[n_pending].event);
}

void
errand_event_locks_ready(void)
{
	locks_ready = true;
}

void
errand_event_touch_groups(void)
{
	touches_groups = true;
}

bool
errand_event_touches_groups(void)
{
	return touches_groups;
}

/* What publishing found out, for the wake-ups after the lock is gone. */
typedef struct Wakes
{
	bool workers; /* have something to do, unless they are paused */
	bool now;	  /* must be heard even then */
	bool streams; /* definitions changed */
	bool executors;
	Oid role; /* of one executor, InvalidOid if of several */
	ErrandFinals finals;
} Wakes;

static void
publish_one(const ErrandEvent *e, ErrandDatabase *d, Wakes *w)
{
	errand_ring_write(e);
	if (e->kind != ERRAND_EVENT_TASK)
	{
		w->now |= e->kind != ERRAND_EVENT_COMPLETE;
		w->streams |= e->kind == ERRAND_EVENT_CONFIG;
		if (e->kind == ERRAND_EVENT_SOURCE)
			return;
		w->executors = true;
		w->role = InvalidOid;
		if (e->kind == ERRAND_EVENT_COMPLETE)
			errand_finals_note(&w->finals, -e->id);
		return;
	}
	errand_counters_apply(e);
	errand_meter_apply(e);
	if (e->to == ERRAND_WAITING)
	{
		if (d != NULL)
			(void) pg_atomic_add_fetch_u32(&d->dependencies, 1);
		w->now = true; /* its parents may be final by now */
	}
	/* Something to claim, or a new time to get up. */
	if (e->to == ERRAND_READY || e->to == ERRAND_SCHEDULED || e->to == ERRAND_RETRYING)
		w->workers = true;
	if (e->to == ERRAND_READY && OidIsValid(e->role))
	{
		w->role = !w->executors || w->role == e->role ? e->role : InvalidOid;
		w->executors = true;
	}
	if (!errand_state_is_final(e->to))
		return;
	errand_finals_note(&w->finals, e->id);
	/* Others may wait for it. */
	w->now |= d == NULL || pg_atomic_read_u32(&d->dependencies) != 0;
}

/* Nothing is claimed: new work need wake nobody, resuming does. */
static bool
paused(void)
{
	ErrandDatabase *d = errand_database_mine();

	return d != NULL && pg_atomic_read_u32(&d->paused) != 0;
}

/* An event that tells no more than its kind. */
static void
publish_plain(ErrandEventKind kind, Wakes *w)
{
	ErrandEvent e = {.kind = kind, .database = MyDatabaseId};

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	errand_ring_write(&e);
	LWLockRelease(errand_shared->event_lock);
	if (w != NULL)
		w->now = true;
}

static void
publish(void)
{
	ErrandDatabase *d = errand_database_mine();
	Wakes w;

	/* Who registers after this sees what has committed: it looks after registering. */
	memset(&w, 0, offsetof(Wakes, finals));
	errand_finals_begin(&w.finals);
	for (int i = 0; i < n_pending; i += PUBLISH_CHUNK)
	{
		int end = Min(i + PUBLISH_CHUNK, n_pending);

		LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
		for (int k = i; k < end; k++)
			publish_one(&pending[k].event, d, &w);
		if (end == n_pending)
			errand_finals_wake(&w.finals);
		LWLockRelease(errand_shared->event_lock);
	}
	if (touches_groups)
		publish_plain(ERRAND_EVENT_GROUP, &w);
	if (d != NULL)
		errand_wake_relay(d);
	/* The leader passes every change on to who listens. */
	if (w.now || errand_anybody_listens() || (w.workers && !paused()))
		errand_wake_workers(MyDatabaseId);
	if (w.streams)
		errand_tell_streams();
	if (w.executors && (w.now || !paused()))
		errand_wake_executors(MyDatabaseId, w.role);
}

/* A transaction that had locked ready rows is gone: others skipped them meanwhile. */
static void
publish_rewind(void)
{
	publish_plain(ERRAND_EVENT_REWIND, NULL);
	errand_wake_workers(MyDatabaseId);
	errand_wake_executors(MyDatabaseId, InvalidOid);
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
			if (n_pending > 0 || (touches_groups && errand_shared != NULL))
				publish();
			pending_forget();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
			if (locks_ready)
				publish_rewind();
			if (errand_wait_registered())
				errand_wait_unregister(); /* an error ended the wait */
			pending_forget();
			break;
		case XACT_EVENT_PREPARE:
			/* COMMIT PREPARED runs no callback of ours: the poll finds the tasks. */
			pending_forget();
			break;
		default:
			break;
	}
}

static void
subxact_callback(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (n_pending > 0 && pending[n_pending - 1].level >= level)
			pending_pop();
		if (locks_ready && errand_shared != NULL)
			publish_rewind();
		if (errand_wait_registered())
			errand_wait_unregister(); /* an error ended the wait, and was caught */
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = n_pending - 1; i >= 0 && pending[i].level >= level; i--)
			pending[i].level = level - 1;
	}
}

void
errand_events_init(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}
