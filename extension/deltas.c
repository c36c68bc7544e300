/*
 * deltas.c
 *		What the counters have counted since a rollup last took it.
 *
 * Runs in every backend; only the leader takes.  A difference is taken after
 * the transaction that wrote it down has committed: an error loses nothing.
 */
#include "postgres.h"

#include "deltas.h"
#include "events.h"
#include "utils/memutils.h"
#include "miscadmin.h"

static bool
counts_tasks(const ErrandCounter *c, char kind)
{
	if (c->key.database != MyDatabaseId || (kind != 0 && c->key.kind != kind))
		return false;
	return c->key.kind == ERRAND_COUNT_QUEUE || c->key.kind == ERRAND_COUNT_TASK ||
		   c->key.kind == ERRAND_COUNT_ALL;
}

/* False if there is nothing to tell. */
static bool
delta_of(const ErrandCounter *c, ErrandDelta *d)
{
	const ErrandCounted *b = &c->before;
	uint32 runs = 0;

	d->depth = Max(0, c->ready) + Max(0, c->scheduled) + Max(0, c->waiting);
	d->n.submitted = c->submitted - b->submitted;
	d->n.succeeded = c->succeeded - b->succeeded;
	d->n.failed = c->failed - b->failed;
	d->n.cancelled = c->cancelled - b->cancelled;
	d->n.retried = c->retried - b->retried;
	d->n.unknown = c->unknown - b->unknown;
	for (int i = 0; i < ERRAND_FINALS; i++)
	{
		d->n.retaken[i] = c->retaken[i] - b->retaken[i];
		runs |= (uint32) d->n.retaken[i];
	}
	for (int i = 0; i < ERRAND_HISTOGRAM_BUCKETS; i++)
	{
		d->n.wait[i] = (uint32) c->wait.bucket[i] - b->wait[i];
		d->n.run[i] = (uint32) c->run.bucket[i] - b->run[i];
		runs |= d->n.run[i];
	}
	if (d->depth == 0 && d->n.submitted == 0 && d->n.succeeded == 0 && d->n.failed == 0 &&
		d->n.cancelled == 0 && d->n.retried == 0 && runs == 0 && c->key.kind != ERRAND_COUNT_ALL)
		return false;
	d->kind = c->key.kind;
	strlcpy(d->name, c->key.name, sizeof(d->name));
	d->n.at = b->at;
	d->oldest_at = c->ready > 0 ? c->oldest_at : 0;
	return true;
}

ErrandDelta *
errand_deltas(char kind, int *n)
{
	ErrandDelta *d = NULL;
	int room = 0;
	int need = 16;

	do
	{
		HASH_SEQ_STATUS scan;
		ErrandCounter *c;

		room = need;
		d = d ? repalloc_huge(d, sizeof(ErrandDelta) * room) :
				palloc_extended(sizeof(ErrandDelta) * room, MCXT_ALLOC_HUGE);
		*n = need = 0;
		LWLockAcquire(errand_shared->event_lock, LW_SHARED);
		hash_seq_init(&scan, errand_counters);
		while ((c = hash_seq_search(&scan)) != NULL)
		{
			if (!counts_tasks(c, kind))
				continue;
			if (*n < room && delta_of(c, &d[*n]))
				(*n)++;
			need++;
		}
		LWLockRelease(errand_shared->event_lock);
	} while (need > room);
	return d;
}

static void
counted_add(ErrandCounted *to, const ErrandCounted *more)
{
	to->submitted += more->submitted;
	to->succeeded += more->succeeded;
	to->failed += more->failed;
	to->cancelled += more->cancelled;
	to->retried += more->retried;
	to->unknown += more->unknown;
	for (int i = 0; i < ERRAND_FINALS; i++)
		to->retaken[i] += more->retaken[i];
	for (int b = 0; b < ERRAND_HISTOGRAM_BUCKETS; b++)
	{
		to->wait[b] += more->wait[b];
		to->run[b] += more->run[b];
	}
}

void
errand_deltas_taken(const ErrandDelta *d, int n, TimestampTz at)
{
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	for (int i = 0; i < n; i++)
	{
		ErrandCounter *c = errand_counter_find(MyDatabaseId, d[i].kind, d[i].name);

		if (c == NULL)
			continue;
		counted_add(&c->before, &d[i].n);
		c->before.at = at;
	}
	LWLockRelease(errand_shared->event_lock);
}

void
errand_counted_keep(ErrandCounter *c)
{
	c->before.submitted -= c->submitted;
	c->before.succeeded -= c->succeeded;
	c->before.failed -= c->failed;
	c->before.cancelled -= c->cancelled;
	c->before.retried -= c->retried;
	c->before.unknown -= c->unknown;
	for (int i = 0; i < ERRAND_FINALS; i++)
		c->before.retaken[i] -= c->retaken[i];
	for (int b = 0; b < ERRAND_HISTOGRAM_BUCKETS; b++)
	{
		c->before.wait[b] -= (uint32) c->wait.bucket[b];
		c->before.run[b] -= (uint32) c->run.bucket[b];
	}
}

bool
errand_counters_based(void)
{
	ErrandCounter *c;
	bool based;

	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	c = errand_counter_find(MyDatabaseId, ERRAND_COUNT_ALL, "");
	based = c != NULL && c->before.at != 0;
	LWLockRelease(errand_shared->event_lock);
	return based;
}

void
errand_counters_base(const ErrandCounted *sums)
{
	ErrandCounter *c;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	c = errand_counter(MyDatabaseId, ERRAND_COUNT_ALL, "");
	if (c != NULL && c->before.at == 0)
	{
		counted_add(&c->before, sums);
		c->before.at = sums->at;
		c->submitted += sums->submitted;
		c->succeeded += sums->succeeded;
		c->failed += sums->failed;
		c->cancelled += sums->cancelled;
		c->retried += sums->retried;
		c->unknown += sums->unknown;
		for (int i = 0; i < ERRAND_FINALS; i++)
			c->retaken[i] += sums->retaken[i];
	}
	LWLockRelease(errand_shared->event_lock);
}

void
errand_oldest_set(char *const *queues, const TimestampTz *at, int n)
{
	HASH_SEQ_STATUS scan;
	ErrandCounter *c;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, errand_counters);
	while ((c = hash_seq_search(&scan)) != NULL)
	{
		if (c->key.database == MyDatabaseId && c->key.kind == ERRAND_COUNT_QUEUE)
			c->oldest_at = 0;
	}
	for (int i = 0; i < n; i++)
	{
		c = errand_counter_find(MyDatabaseId, ERRAND_COUNT_QUEUE, queues[i]);
		if (c != NULL)
			c->oldest_at = at[i];
	}
	LWLockRelease(errand_shared->event_lock);
}

void
errand_paused_set(char *const *queues, int n)
{
	HASH_SEQ_STATUS scan;
	ErrandCounter *c;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, errand_counters);
	while ((c = hash_seq_search(&scan)) != NULL)
	{
		if (c->key.database == MyDatabaseId && c->key.kind == ERRAND_COUNT_QUEUE)
			c->paused = false;
	}
	for (int i = 0; i < n; i++)
	{
		c = errand_counter(MyDatabaseId, ERRAND_COUNT_QUEUE, queues[i]);
		if (c != NULL)
			c->paused = true;
	}
	LWLockRelease(errand_shared->event_lock);
}
