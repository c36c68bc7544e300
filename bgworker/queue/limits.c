/*
 * limits.c
 *		Queues' places and tokens at a claim, and everybody's places after it.
 *
 * Runs in every process of ours that claims.  What a run holds is given back
 * when its settle has committed.  What a process holds when it ends stays
 * taken until its leases are reaped.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "queue/limits.h"
#include "storage/ipc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define STARTS_US INT64CONST(10000) /* looks again whether claimed runs have started */
#define NOT_READY_US INT64CONST(50000)

/* How many places of an entry this process holds. */
typedef struct Hold
{
	ErrandLimit *entry; /* key */
	int n;
} Hold;

static HTAB *holds = NULL;
static uint32 seen_freed = 0;
static ErrandPair *open_claim[ERRAND_PAIRS_MAX]; /* with grants, until used or returned */
static int n_open_claim = 0;

/* The process ends, however it does: its places are the dead's until its leases are reaped. */
static void
leave_places(int code, Datum arg)
{
	HASH_SEQ_STATUS scan;
	Hold *h;

	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, holds);
	while ((h = hash_seq_search(&scan)) != NULL)
	{
		if (h->entry == &errand_limits->overflow) /* no database of its own to reap for */
			h->entry->running -= h->n;
		else
			h->entry->dead += h->n;
		h->n = 0;
	}
	LWLockRelease(errand_limits->limit_lock);
}

void
errand_limits_init(void)
{
	HASHCTL info = {0};

	errand_definitions_init();
	info.hcxt = TopMemoryContext;
	info.keysize = sizeof(ErrandLimit *);
	info.entrysize = sizeof(Hold);
	holds = hash_create("errand places", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	before_shmem_exit(leave_places, (Datum) 0);
}

/* Who was refused a place looks again. */
static void
place_freed(bool wake)
{
	if (!wake)
		return;
	pg_atomic_fetch_add_u32(&errand_limits->freed, 1);
	errand_wake_workers(MyDatabaseId);
	errand_wake_executors(MyDatabaseId, InvalidOid);
}

/* n places more, or less.  Returns whether somebody waits for what came free. */
static bool
places_add(ErrandLimit *e, int n)
{
	bool wake = n < 0 && e->refused;
	bool found;
	Hold *h = hash_search(holds, &e, HASH_ENTER, &found);

	h->n = (found ? h->n : 0) + n;
	e->running += n;
	e->touched = errand_limits_clock();
	if (h->n == 0)
		hash_search(holds, &e, HASH_REMOVE, NULL);
	if (wake)
		e->refused = false;
	return wake;
}

/* Up to limit places and tokens for a pair; 0 with the time to look again. */
static int
grant_one(ErrandPair *p, bool ready, int64 now, int64 *until)
{
	ErrandDefinition *d = p->limits;
	ErrandLimit *e = errand_limit_get(ERRAND_COUNT_QUEUE, p->key.queue, d->max_running,
									  d->per_second);
	int n = p->limit;

	*until = now + NOT_READY_US;
	if (d->max_running > 0 && !ready)
		return 0;
	p->entry = e;
	if (errand_limit_full(e))
	{
		e->refused = true;
		*until = ERRAND_UNTIL_FREED;
		return 0;
	}
	if (e->max_running > 0)
		n = Min(n, e->max_running - e->running);
	/* Tokens for what cannot start now would be spent at once later. */
	*until = now + STARTS_US;
	if (e->per_second > 0 && d->unstarted > 0)
		return 0;
	n = errand_limit_take_tokens(e, n, now);
	*until = now + Max(1, errand_limit_token_wait(e, now));
	if (n > 0 && e->max_running > 0)
		(void) places_add(e, n);
	return n;
}

int
errand_limits_grant(ErrandPair **pairs, int n)
{
	ErrandDatabase *db = errand_database_mine();
	bool ready = db != NULL && pg_atomic_read_u32(&db->limits_ready) != 0;
	int64 now;
	int left = 0;

	if (!errand_limits_of_queues())
		return n;
	n_open_claim = 0;
	now = errand_limits_clock();
	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	for (int i = 0; i < n; i++)
	{
		ErrandPair *p = pairs[i];
		int64 until = 0;

		p->granted = 0;
		p->entry = NULL;
		if (p->limits != NULL)
		{
			p->limit = p->granted = grant_one(p, ready, now, &until);
			if (p->granted == 0)
			{
				errand_pair_block(p, until);
				continue;
			}
		}
		pairs[left] = open_claim[left] = p;
		n_open_claim = ++left;
	}
	LWLockRelease(errand_limits->limit_lock);
	return left;
}

void
errand_limits_took(ErrandPair *p, ErrandRun *r)
{
	if (p->granted == 0)
		return;
	p->granted--;
	if (p->entry->max_running > 0)
		r->places[ERRAND_PLACE_QUEUE] = p->entry;
	if (p->entry->per_second > 0)
	{
		r->unstarted = &p->limits->unstarted;
		p->limits->unstarted++;
	}
}

void
errand_limits_give_back(ErrandPair **pairs, int n)
{
	bool wake = false;

	for (int i = 0; i < n; i++)
	{
		ErrandPair *p = pairs[i];

		if (p->granted == 0)
			continue;
		LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
		if (p->entry->max_running > 0)
			wake |= places_add(p->entry, -p->granted);
		errand_limit_return_tokens(p->entry, p->granted);
		LWLockRelease(errand_limits->limit_lock);
		p->granted = 0;
	}
	n_open_claim = 0;
	place_freed(wake);
}

void
errand_limits_claim_aborted(void)
{
	if (n_open_claim > 0)
		errand_limits_give_back(open_claim, n_open_claim);
}

void
errand_limits_look(void)
{
	uint32 freed;

	if (!errand_limits_of_queues())
		return;
	freed = pg_atomic_read_u32(&errand_limits->freed);
	errand_pairs_unblock(errand_limits_clock(), freed != seen_freed);
	seen_freed = freed;
}

void
errand_limits_place(ErrandRun *r, int which, ErrandLimit *e)
{
	(void) places_add(e, 1);
	r->places[which] = e;
}

static void
learn(ErrandLimit *e, const ErrandRun *r)
{
	if (r->started_at != 0 && r->finished_at > r->started_at)
		e->run_us += (r->finished_at - r->started_at - e->run_us) / 8;
}

void
errand_limits_release(ErrandRun *r)
{
	bool wake = false;

	if (r->probe)
	{
		/* It was let through alone and told nothing: the next may go. */
		LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
		errand_breaker_release(&r->places[ERRAND_PLACE_HOST]->breaker);
		LWLockRelease(errand_limits->limit_lock);
		r->probe = false;
	}
	for (int i = 0; i < ERRAND_PLACES; i++)
	{
		if (r->places[i] == NULL)
			continue;
		LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
		learn(r->places[i], r);
		wake |= places_add(r->places[i], -1);
		LWLockRelease(errand_limits->limit_lock);
		r->places[i] = NULL;
	}
	place_freed(wake);
}

void
errand_limits_reap_begin(void)
{
	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	errand_limits_reaping();
	LWLockRelease(errand_limits->limit_lock);
}

void
errand_limits_reap_done(void)
{
	ErrandDatabase *d = errand_database_mine();
	bool any;

	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	any = errand_limits_reaped();
	LWLockRelease(errand_limits->limit_lock);
	if (d != NULL && pg_atomic_exchange_u32(&d->limits_ready, 1) == 0)
		any = true;
	place_freed(any);
}

void
errand_limits_count(bool by_type)
{
	ErrandDatabase *d = errand_database_mine();

	if (d != NULL)
		pg_atomic_fetch_add_u64(by_type ? &d->limited_by_type : &d->limited_by_host, 1);
}
