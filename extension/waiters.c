/*
 * waiters.c
 *		Whom the end of tasks wakes: backends that wait for one of them.
 *
 * Runs in every backend; noting and waking in commit callbacks, where nothing
 * may fail or allocate.
 */
#include "postgres.h"

#include "compat.h"
#include "events.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "waiters.h"

static bool waiting = false; /* registered */

static inline uint32
id_hash(int64 id)
{
	return ((uint64) id * UINT64CONST(0x9E3779B97F4A7C15)) >> (64 - 16);
}

static inline bool
bit_get(const uint64 *words, uint32 bit)
{
	return (words[bit / 64] >> (bit % 64)) & 1;
}

static inline void
bit_set(uint64 *words, uint32 bit)
{
	words[bit / 64] |= UINT64CONST(1) << (bit % 64);
}

/* The bit of an id in a filter of 1,024. */
static inline uint32
filter_bit(int64 id)
{
	return id_hash(id) >> 6;
}

void
errand_finals_begin(ErrandFinals *f)
{
	f->any = false;
	memset(f->filter, 0, sizeof(f->filter));
	f->watched = pg_atomic_read_u32(&errand_shared->waiters) > 0;
	if (f->watched)
		memset(f->fine, 0, sizeof(f->fine));
}

void
errand_finals_note(ErrandFinals *f, int64 id)
{
	if (!f->watched)
		return;
	f->any = true;
	bit_set(f->filter, filter_bit(id));
	bit_set(f->fine, id_hash(id));
}

static bool
waiter_is_meant(const ErrandWaiter *waiter, const ErrandFinals *w)
{
	for (int k = 0; k < waiter->n_ids; k++)
	{
		if (bit_get(w->fine, id_hash((int64) waiter->filter[k])))
			return true;
	}
	if (waiter->n_ids > 0)
		return false;
	for (int k = 0; k < ERRAND_FILTER_WORDS; k++)
	{
		if (waiter->filter[k] & w->filter[k])
			return true;
	}
	return false;
}

/* Sets the latches of the waiters whose filter meets ours.  Under event_lock. */
void
errand_finals_wake(const ErrandFinals *w)
{
	uint32 left = pg_atomic_read_u32(&errand_shared->waiters);

	if (!w->any)
		return;
	for (int i = 0; i < errand_shared->max_waiters && left > 0; i++)
	{
		const ErrandWaiter *waiter = &errand_waiters[i];

		if (!waiter->active)
			continue;
		left--;
		if (waiter->database == MyDatabaseId && waiter_is_meant(waiter, w))
			errand_latch_set(i);
	}
}

static void
waiter_leave(int code, Datum arg)
{
	errand_wait_unregister();
}

void
errand_wait_register(const int64 *ids, int n)
{
	static bool leave_registered = false;
	ErrandWaiter *w = &errand_waiters[ERRAND_MY_PROCNO];

	if (!leave_registered)
	{
		before_shmem_exit(waiter_leave, (Datum) 0);
		leave_registered = true;
	}
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	if (!w->active)
		pg_atomic_fetch_add_u32(&errand_shared->waiters, 1);
	w->active = waiting = true;
	w->database = MyDatabaseId;
	w->n_ids = n <= ERRAND_FILTER_WORDS ? n : 0;
	memset(w->filter, 0, sizeof(w->filter));
	for (int i = 0; i < n; i++)
	{
		if (w->n_ids > 0)
			w->filter[i] = (uint64) ids[i];
		else
			bit_set(w->filter, filter_bit(ids[i]));
	}
	LWLockRelease(errand_shared->event_lock);
}

void
errand_wait_unregister(void)
{
	ErrandWaiter *w;

	if (errand_shared == NULL)
		return;
	w = &errand_waiters[ERRAND_MY_PROCNO];
	if (!w->active)
		return;
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	w->active = waiting = false;
	pg_atomic_fetch_sub_u32(&errand_shared->waiters, 1);
	LWLockRelease(errand_shared->event_lock);
}

bool
errand_wait_registered(void)
{
	return waiting;
}
