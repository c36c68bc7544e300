/*
 * shared.c
 *		Asks for, lays out and looks up the shared memory.
 *
 * Runs in the postmaster (hooks) and in every process.  It must never hold a
 * pointer that only one process can follow, and never wait under a lock.
 */
#include "postgres.h"

#include "compat.h"
#include "settings.h"
#include "shared.h"
#include "events.h"
#include "limit_table.h"
#include "letter.h"
#include "mailbox.h"
#include "meters.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

ErrandShared *errand_shared = NULL;
ErrandDatabase *errand_databases = NULL;
ErrandWaiter *errand_waiters = NULL;
char *errand_ring_cells = NULL;
HTAB *errand_counters = NULL;

static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
#ifdef ERRAND_HAS_SHMEM_REQUEST_HOOK
static shmem_request_hook_type prev_shmem_request_hook = NULL;
#endif

static Size
shared_bytes(void)
{
	Size n = MAXALIGN(sizeof(ErrandShared));

	n = add_size(n, MAXALIGN(mul_size(sizeof(ErrandDatabase), errand_max_databases)));
	n = add_size(n, MAXALIGN(mul_size(sizeof(ErrandWaiter), errand_max_backends())));
	n = add_size(n, MAXALIGN(errand_mailbox_bytes()));
	n = add_size(n, MAXALIGN(errand_letters_bytes()));
	n = add_size(n, mul_size(mul_size(ERRAND_CELL, ERRAND_CELLS_AN_EVENT), errand_ring_size));
	return n;
}

static void
shared_request(void)
{
#ifdef ERRAND_HAS_SHMEM_REQUEST_HOOK
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
#endif
	RequestAddinShmemSpace(shared_bytes());
	RequestAddinShmemSpace(hash_estimate_size(errand_max_keys, sizeof(ErrandCounter)));
	RequestNamedLWLockTranche("errand", 2);
	RequestAddinShmemSpace(errand_meters_bytes());
	errand_limits_request();
}

/* First process after a (re)start: everything begins empty. */
static void
shared_clear(void)
{
	LWLockPadded *locks = GetNamedLWLockTranche("errand");

	memset(errand_shared, 0, shared_bytes());
	errand_shared->slot_lock = &locks[0].lock;
	errand_shared->event_lock = &locks[1].lock;
	errand_shared->launcher_procno = -1;
	errand_shared->max_databases = errand_max_databases;
	errand_shared->max_waiters = errand_max_backends();
	errand_shared->n_cells = (uint64) errand_ring_size * ERRAND_CELLS_AN_EVENT;
	pg_atomic_init_u32(&errand_shared->generation, 1);
	pg_atomic_init_u32(&errand_shared->waiters, 0);
	for (int i = 0; i < ERRAND_LISTENER_SLOTS; i++)
		pg_atomic_init_u32(&errand_shared->listeners[i], 0);
	if (!pg_strong_random(&errand_shared->epoch, sizeof(uint64)))
		errand_shared->epoch = (uint64) GetCurrentTimestamp() * UINT64CONST(6364136223846793005);
	errand_shared->epoch &= PG_INT64_MAX; /* it is stored as bigint */
	errand_shared->began_at = GetCurrentTimestamp();
}

static void
shared_startup(void)
{
	bool found;
	HASHCTL info = {0};
	char *p;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	errand_shared = ShmemInitStruct("pg_errand", shared_bytes(), &found);
	p = (char *) errand_shared + MAXALIGN(sizeof(ErrandShared));
	errand_databases = (ErrandDatabase *) p;
	p += MAXALIGN(sizeof(ErrandDatabase) * errand_max_databases);
	errand_waiters = (ErrandWaiter *) p;
	p += MAXALIGN(sizeof(ErrandWaiter) * errand_max_backends());
	errand_mailbox_attach(p);
	p += MAXALIGN(errand_mailbox_bytes());
	errand_letters_attach(p);
	p += MAXALIGN(errand_letters_bytes());
	errand_ring_cells = p;
	if (!found)
	{
		shared_clear();
		for (int i = 0; i < errand_max_databases; i++)
		{
			pg_atomic_init_u32(&errand_databases[i].reap_wanted, 0);
			pg_atomic_init_u32(&errand_databases[i].quarantine, 0);
			pg_atomic_init_u32(&errand_databases[i].resumed, 0);
			pg_atomic_init_u32(&errand_databases[i].paused, 0);
			pg_atomic_init_u32(&errand_databases[i].changes, 0);
			pg_atomic_init_u64(&errand_databases[i].lost_settles, 0);
			pg_atomic_init_u64(&errand_databases[i].worker_starts, 0);
			pg_atomic_init_u64(&errand_databases[i].limited_by_type, 0);
			pg_atomic_init_u64(&errand_databases[i].limited_by_host, 0);
			pg_atomic_init_u64(&errand_databases[i].cache_hits, 0);
			pg_atomic_init_u64(&errand_databases[i].cache_stale, 0);
			pg_atomic_init_u64(&errand_databases[i].cache_misses, 0);
			pg_atomic_init_u32(&errand_databases[i].queue_limits, 1);
			pg_atomic_init_u32(&errand_databases[i].dependencies, 1);
			pg_atomic_init_u32(&errand_databases[i].limits_ready, 0);
			pg_atomic_init_u32(&errand_databases[i].relay_procno, 0);
			errand_relay_stats_init(&errand_databases[i].relay);
		}
	}
	info.keysize = sizeof(ErrandCounterKey);
	info.entrysize = sizeof(ErrandCounter);
	errand_counters = ShmemInitHash("pg_errand counters", errand_max_keys, errand_max_keys, &info,
									HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	errand_meters_startup();
	errand_limits_startup();
	LWLockRelease(AddinShmemInitLock);
}

void
errand_shared_init(void)
{
#ifdef ERRAND_HAS_SHMEM_REQUEST_HOOK
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = shared_request;
#else
	shared_request();
#endif
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = shared_startup;
}

void
errand_shared_require(void)
{
	if (errand_shared != NULL)
		return;
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("pg_errand is not preloaded"),
					errhint("Add this line to postgresql.conf and restart the server: "
							"shared_preload_libraries = 'pg_errand'")));
}

ErrandDatabase *
errand_database_find(Oid oid, bool create)
{
	ErrandDatabase *vacant = NULL;

	for (int i = 0; i < errand_shared->max_databases; i++)
	{
		ErrandDatabase *d = &errand_databases[i];

		if (d->oid == oid)
			return d;
		if (vacant == NULL && d->oid == InvalidOid)
			vacant = d;
	}
	if (!create || vacant == NULL)
		return NULL;
	vacant->oid = oid;
	vacant->installed = vacant->dropping = false;
	vacant->probe_asked = vacant->probe_taken = vacant->probe_done = 0;
	vacant->not_before = 0;
	vacant->failures = 0;
	pg_atomic_write_u32(&vacant->reap_wanted, 0);
	pg_atomic_write_u32(&vacant->quarantine, 0);
	pg_atomic_write_u32(&vacant->resumed, 0);
	pg_atomic_write_u32(&vacant->paused, 0);
	pg_atomic_write_u32(&vacant->queue_limits, 1);
	pg_atomic_write_u32(&vacant->dependencies, 1);
	pg_atomic_write_u32(&vacant->limits_ready, 0);
	vacant->relay_port = 0;
	vacant->relay_settings = 0;
	vacant->relay_failures = 0;
	vacant->relay_not_before = 0;
	vacant->relay_warned = false;
	pg_atomic_write_u32(&vacant->relay_procno, 0);
	errand_relay_stats_init(&vacant->relay);
	return vacant;
}

ErrandDatabase *
errand_database_mine(void)
{
	static ErrandDatabase *mine = NULL;

	if (mine != NULL && mine->oid == MyDatabaseId)
		return mine;
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	mine = errand_database_find(MyDatabaseId, false);
	LWLockRelease(errand_shared->slot_lock);
	return mine;
}

void
errand_latch_set(int procno)
{
	if (procno >= 0 && procno < (int) ProcGlobal->allProcCount)
		SetLatch(&ProcGlobal->allProcs[procno].procLatch);
}

void
errand_wake_workers(Oid database)
{
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind == ERRAND_PROCESS_WORKER && s->database == database && s->pid != 0)
			errand_latch_set(s->procno);
	}
	LWLockRelease(errand_shared->slot_lock);
}

void
errand_wake_executors(Oid database, Oid role)
{
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind == ERRAND_PROCESS_EXECUTOR && s->database == database && s->pid != 0 &&
			(!OidIsValid(role) || s->role == role))
			errand_latch_set(s->procno);
	}
	LWLockRelease(errand_shared->slot_lock);
}

void
errand_wake_relay(ErrandDatabase *d)
{
	errand_latch_set((int) pg_atomic_read_u32(&d->relay_procno) - 1);
}

void
errand_tell_streams(void)
{
	ErrandDatabase *d = errand_database_mine();

	if (d != NULL)
		(void) pg_atomic_fetch_add_u32(&d->changes, 1);
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind == ERRAND_PROCESS_STREAM && s->database == MyDatabaseId && s->pid != 0)
			errand_latch_set(s->procno);
	}
	LWLockRelease(errand_shared->slot_lock);
}

void
errand_wake_launcher(void)
{
	errand_latch_set(errand_shared->launcher_procno);
}

/* The counter nothing has changed for longest, and that has nothing alive: makes room. */
static bool
counter_evict(void)
{
	HASH_SEQ_STATUS scan;
	ErrandCounter *c;
	ErrandCounter *oldest = NULL;

	hash_seq_init(&scan, errand_counters);
	while ((c = hash_seq_search(&scan)) != NULL)
	{
		if (c->key.kind != ERRAND_COUNT_ALL && c->ready == 0 && c->scheduled == 0 &&
			c->waiting == 0 && c->running == 0 && (oldest == NULL || c->touched < oldest->touched))
			oldest = c;
	}
	if (oldest == NULL)
		return false;
	hash_search(errand_counters, &oldest->key, HASH_REMOVE, NULL);
	errand_shared->evictions++;
	return true;
}

/* The counters used last: a batch is mostly of one queue, one type, one host. */
#define RECENT 6
static ErrandCounter *recent[RECENT];
static uint64 recent_evictions = 0;
static int recent_next = 0;

static ErrandCounter *
counter_recent(Oid database, ErrandCounterKind kind, const char *name)
{
	if (recent_evictions != errand_shared->evictions)
	{
		memset(recent, 0, sizeof(recent));
		recent_evictions = errand_shared->evictions;
	}
	for (int i = 0; i < RECENT; i++)
	{
		ErrandCounter *c = recent[i];

		if (c != NULL && c->key.kind == (int) kind && c->key.database == database &&
			strcmp(c->key.name, name) == 0)
			return c;
	}
	return NULL;
}

static ErrandCounter *
counter_keep(ErrandCounter *c)
{
	recent[recent_next++ % RECENT] = c;
	return c;
}

ErrandCounter *
errand_counter(Oid database, ErrandCounterKind kind, const char *name)
{
	ErrandCounterKey key;
	ErrandCounter *c;
	bool found;

	c = counter_recent(database, kind, name);
	if (c != NULL)
		return c;
	memset(&key, 0, sizeof(key));
	key.database = database;
	key.kind = kind;
	strlcpy(key.name, name, sizeof(key.name));
	c = hash_search(errand_counters, &key, HASH_FIND, NULL);
	if (c != NULL)
		return counter_keep(c);
	if (hash_get_num_entries(errand_counters) >= errand_max_keys && !counter_evict())
		return NULL;
	c = hash_search(errand_counters, &key, HASH_ENTER_NULL, &found);
	if (c != NULL && !found)
		memset((char *) c + sizeof(ErrandCounterKey), 0,
			   sizeof(ErrandCounter) - sizeof(ErrandCounterKey));
	return c != NULL ? counter_keep(c) : NULL;
}

ErrandCounter *
errand_counter_find(Oid database, ErrandCounterKind kind, const char *name)
{
	ErrandCounterKey key;
	ErrandCounter *c = counter_recent(database, kind, name);

	if (c != NULL)
		return c;
	memset(&key, 0, sizeof(key));
	key.database = database;
	key.kind = kind;
	strlcpy(key.name, name, sizeof(key.name));
	c = hash_search(errand_counters, &key, HASH_FIND, NULL);
	return c != NULL ? counter_keep(c) : NULL;
}

void
errand_role_key(Oid role, char *name)
{
	snprintf(name, ERRAND_ROLE_KEY, "%u", role);
}
