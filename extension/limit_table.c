/*
 * limit_table.c
 *		The table of limits in shared memory: look-up, eviction, tokens.
 *
 * Runs in every process, most of it under limit_lock: must never wait, log or
 * read a table.
 */
#include "postgres.h"

#include <time.h>

#include "limit_table.h"
#include "miscadmin.h"
#include "settings.h"
#include "shared.h"
#include "storage/shmem.h"
#include "utils/hsearch.h"

#define NO_RATE_OVERFLOW 1.0 /* of the entry that names without room share, per second */
#define LATE_US INT64CONST(20000)
#define SLACK_S 0.03
#define FAST_RATE 10.0
#define RUN_US_DEFAULT INT64CONST(100000)

ErrandLimits *errand_limits = NULL;
static HTAB *table = NULL;

void
errand_limits_request(void)
{
	RequestAddinShmemSpace(MAXALIGN(sizeof(ErrandLimits)));
	RequestAddinShmemSpace(hash_estimate_size(errand_max_keys, sizeof(ErrandLimit)));
	RequestNamedLWLockTranche("errand limits", 1);
}

static void
entry_clear(ErrandLimit *e, int64 now)
{
	memset((char *) e + sizeof(ErrandCounterKey), 0, sizeof(*e) - sizeof(ErrandCounterKey));
	e->run_us = RUN_US_DEFAULT;
	errand_breaker_init(&e->breaker, errand_breaker_failures, (int64) errand_breaker_open * 1000,
						INT64CONST(30000000));
	e->touched = now;
}

void
errand_limits_startup(void)
{
	HASHCTL info = {0};
	bool found;

	errand_limits = ShmemInitStruct("pg_errand limits", sizeof(ErrandLimits), &found);
	if (!found)
	{
		memset(errand_limits, 0, sizeof(ErrandLimits));
		errand_limits->limit_lock = &GetNamedLWLockTranche("errand limits")[0].lock;
		pg_atomic_init_u32(&errand_limits->hosts, 0);
		pg_atomic_init_u32(&errand_limits->freed, 0);
		pg_atomic_init_u32(&errand_limits->shut, 0);
		pg_atomic_init_u32(&errand_limits->quotas, 0);
		entry_clear(&errand_limits->overflow, 0);
	}
	info.keysize = sizeof(ErrandCounterKey);
	info.entrysize = sizeof(ErrandLimit);
	table = ShmemInitHash("pg_errand limit table", errand_max_keys, errand_max_keys, &info,
						  HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
}

int64
errand_limits_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * The rate that the bucket gets.  What arrives at a server has travelled for
 * unequal times, so a slow rate is stretched by a little: otherwise the first
 * and the last of a second's tokens could come a moment too close.
 */
static double
fit_rate(double per_second)
{
	if (per_second >= FAST_RATE)
		return per_second;
	return 1.0 / (1.0 / per_second + SLACK_S / Max(per_second, 1.0));
}

static void
set_limits(ErrandLimit *e, int max_running, double per_second, int64 now)
{
	e->max_running = max_running;
	e->touched = now;
	if (e->per_second == per_second)
		return;
	if (per_second > 0 && e->per_second == 0)
		errand_bucket_init(&e->bucket, fit_rate(per_second), now);
	else if (per_second > 0)
		errand_bucket_set_rate(&e->bucket, fit_rate(per_second), now);
	e->per_second = per_second;
}

static void
make_key(ErrandCounterKey *key, ErrandCounterKind kind, const char *name)
{
	memset(key, 0, sizeof(*key));
	key->database = MyDatabaseId;
	key->kind = kind;
	strlcpy(key->name, name, sizeof(key->name));
}

ErrandLimit *
errand_limit_find(ErrandCounterKind kind, const char *name)
{
	ErrandCounterKey key;

	make_key(&key, kind, name);
	return hash_search(table, &key, HASH_FIND, NULL);
}

/* Nothing would be forgotten, or let through too early, if this one went. */
static bool
is_idle(const ErrandLimit *e, int64 now)
{
	return e->running == 0 && e->breaker.state == ERRAND_BREAKER_CLOSED &&
		   errand_breaker_wait(&e->breaker, now) == 0 &&
		   (e->per_second == 0 || errand_limit_token_wait(e, now) == 0);
}

static void
entry_remove(ErrandLimit *e)
{
	if (e->key.kind == ERRAND_COUNT_HOST)
		pg_atomic_fetch_sub_u32(&errand_limits->hosts, 1);
	hash_search(table, &e->key, HASH_REMOVE, NULL);
}

/* The idle entry that was not used for longest makes room. */
static bool
evict(int64 now)
{
	HASH_SEQ_STATUS scan;
	ErrandLimit *e;
	ErrandLimit *oldest = NULL;

	hash_seq_init(&scan, table);
	while ((e = hash_seq_search(&scan)) != NULL)
	{
		if ((oldest == NULL || e->touched < oldest->touched) && is_idle(e, now))
			oldest = e;
	}
	if (oldest != NULL)
		entry_remove(oldest);
	return oldest != NULL;
}

/* One at a time, and no faster than the slowest of those that share it. */
static ErrandLimit *
overflow_get(double per_second, int64 now)
{
	ErrandLimit *e = &errand_limits->overflow;
	double rate = per_second > 0 ? Min(per_second, NO_RATE_OVERFLOW) : NO_RATE_OVERFLOW;

	set_limits(e, 1, e->per_second > 0 ? Min(e->per_second, rate) : rate, now);
	return e;
}

ErrandLimit *
errand_limit_get(ErrandCounterKind kind, const char *name, int max_running, double per_second)
{
	int64 now = errand_limits_clock();
	ErrandCounterKey key;
	ErrandLimit *e;
	bool found;

	make_key(&key, kind, name);
	e = hash_search(table, &key, HASH_FIND, NULL);
	if (e == NULL)
	{
		if (hash_get_num_entries(table) >= errand_max_keys && !evict(now))
			return overflow_get(per_second, now);
		e = hash_search(table, &key, HASH_ENTER_NULL, &found);
		if (e == NULL)
			return overflow_get(per_second, now);
		entry_clear(e, now);
		if (kind == ERRAND_COUNT_HOST)
			pg_atomic_fetch_add_u32(&errand_limits->hosts, 1);
	}
	set_limits(e, max_running, per_second, now);
	return e;
}

bool
errand_limit_full(const ErrandLimit *e)
{
	return e->max_running > 0 && e->running >= e->max_running;
}

bool
errand_limit_idle(const ErrandLimit *e)
{
	return e->max_running > 0 && e->running == 0 && e->per_second <= 0;
}

int64
errand_limit_token_wait(const ErrandLimit *e, int64 now)
{
	return e->per_second > 0 ? errand_bucket_wait(&e->bucket, now) : 0;
}

/*
 * The bucket by itself lets who comes late catch up by all of the tenth that
 * a sliding second may exceed the rate; a part of that is left for what
 * happens between here and the server.
 */
static void
forget_lateness(ErrandLimit *e, int64 now)
{
	int64 earliest = now - (e->per_second < FAST_RATE ? 0 : LATE_US);

	if (e->bucket.next_free_us >= earliest)
		return;
	e->bucket.next_free_us = earliest;
	e->bucket.next_free_frac = 0;
}

int
errand_limit_take_tokens(ErrandLimit *e, int n, int64 now)
{
	if (e->per_second == 0 || n <= 0)
		return n;
	forget_lateness(e, now);
	e->before = e->bucket;
	e->before_at = now;
	e->before_n = errand_bucket_take_many(&e->bucket, n, now);
	e->before_pid = MyProcPid;
	return e->before_n;
}

void
errand_limit_return_tokens(ErrandLimit *e, int n)
{
	if (e->per_second == 0 || n <= 0 || e->before_pid != MyProcPid || e->before_n < n)
		return;
	e->bucket = e->before;
	e->before_n = errand_bucket_take_many(&e->bucket, e->before_n - n, e->before_at);
}

void
errand_limit_forget_host(ErrandLimit *e)
{
	if (e != &errand_limits->overflow && e->max_running == 0 && e->per_second == 0 &&
		e->breaker.failures == 0 && is_idle(e, errand_limits_clock()))
		entry_remove(e);
}

void
errand_limits_reaping(void)
{
	HASH_SEQ_STATUS scan;
	ErrandLimit *e;

	hash_seq_init(&scan, table);
	while ((e = hash_seq_search(&scan)) != NULL)
	{
		if (e->key.database == MyDatabaseId)
			e->reaping = e->dead;
	}
}

bool
errand_limits_reaped(void)
{
	HASH_SEQ_STATUS scan;
	ErrandLimit *e;
	bool any = false;

	hash_seq_init(&scan, table);
	while ((e = hash_seq_search(&scan)) != NULL)
	{
		if (e->key.database != MyDatabaseId || e->reaping == 0)
			continue;
		e->running -= e->reaping;
		e->dead -= e->reaping;
		e->reaping = 0;
		any = true;
	}
	return any;
}

ErrandLimit *
errand_limits_copy(ErrandCounterKind kind, int *n)
{
	ErrandLimit *copy = palloc_extended(sizeof(ErrandLimit) * (Size) errand_max_keys,
										MCXT_ALLOC_HUGE);
	HASH_SEQ_STATUS scan;
	ErrandLimit *e;

	*n = 0;
	LWLockAcquire(errand_limits->limit_lock, LW_SHARED);
	hash_seq_init(&scan, table);
	while ((e = hash_seq_search(&scan)) != NULL)
	{
		if (e->key.database == MyDatabaseId && e->key.kind == (int) kind && *n < errand_max_keys)
			copy[(*n)++] = *e;
	}
	LWLockRelease(errand_limits->limit_lock);
	return copy;
}
