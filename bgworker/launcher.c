/*
 * launcher.c
 *		errand launcher: finds databases with the extension and keeps their
 *		processes running.
 *
 * One a cluster, static.  It is connected to no database: a short-lived probe
 * visits each, one at a time.  It must never wait for a process it started,
 * and never be kept from starting one database by another.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/databases.h"
#include "base/process.h"
#include "base/start.h"
#include "compat.h"
#include "contract.h"
#include "launcher.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "settings.h"
#include "shared.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define LOOK_MS 60000				   /* databases that nobody told us of */
#define ATTACH_US INT64CONST(10000000) /* a process that has not attached by then never started */
#define DROP_HOLD_US INT64CONST(15000000)

static bool look_wanted = true;
static TimestampTz looked_at = 0;

/* Slots of processes that never came up. */
static void
collect_slots(void)
{
	TimestampTz now = errand_clock_now();

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind != ERRAND_PROCESS_NONE && s->pid == 0 && now - s->launched > ATTACH_US)
			s->kind = ERRAND_PROCESS_NONE;
	}
	LWLockRelease(errand_shared->slot_lock);
}

/* Is there a process of this kind and number, or one on its way? */
static bool
process_exists(ErrandKindOfProcess kind, Oid database, int number)
{
	bool found = false;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS && !found; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		found = s->kind == kind && (database == InvalidOid || s->database == database) &&
				s->number == number;
	}
	LWLockRelease(errand_shared->slot_lock);
	return found;
}

/* New databases get an entry and a probe; entries of dropped ones go. */
static void
look_at_databases(void)
{
	int n;
	Oid *oids = errand_databases_list(&n);

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < errand_shared->max_databases; i++)
	{
		ErrandDatabase *d = &errand_databases[i];
		bool alive = false;

		for (int k = 0; k < n && !alive; k++)
			alive = oids[k] == d->oid;
		if (d->oid != InvalidOid && !alive)
			d->oid = InvalidOid;
	}
	LWLockRelease(errand_shared->slot_lock);
	errand_databases_remember(oids, n);
	look_wanted = false;
	looked_at = errand_clock_now();
}

/* Copies the entries, to act on them without the lock. */
static int
copy_databases(ErrandDatabase *out)
{
	int n = 0;
	TimestampTz now = errand_clock_now();

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < errand_shared->max_databases; i++)
	{
		ErrandDatabase *d = &errand_databases[i];

		if (d->dropping && now - d->dropping_since > DROP_HOLD_US)
			d->dropping = false;
		if (d->oid != InvalidOid && !d->dropping)
			memcpy(&out[n++], d, sizeof(*d));
	}
	LWLockRelease(errand_shared->slot_lock);
	return n;
}

static void
note_start(Oid oid)
{
	ErrandDatabase *d;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(oid, false);
	if (d != NULL)
	{
		/* Grows with each start and is forgotten by a worker that lasts: see below. */
		pg_atomic_fetch_add_u64(&d->worker_starts, 1);
		d->failures = Min(d->failures + 1, 6);
		d->not_before = errand_clock_now() +
						(d->failures > 2 ? (INT64CONST(500000) << d->failures) : 0);
	}
	LWLockRelease(errand_shared->slot_lock);
}

/* A relay, where one is to be and none is. */
static void
start_relay(const ErrandDatabase *copy)
{
	ErrandDatabase *d;
	TimestampTz now = errand_clock_now();

	if (!copy->installed || copy->relay_port == 0 || now < copy->relay_not_before ||
		process_exists(ERRAND_PROCESS_RELAY, copy->oid, 1) ||
		!errand_start_process(ERRAND_PROCESS_RELAY, copy->oid, 1, InvalidOid))
		return;
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(copy->oid, false);
	if (d != NULL)
	{
		/* Forgotten by a relay that lasts. */
		d->relay_failures = Min(d->relay_failures + 1, 6);
		d->relay_not_before = now + (d->relay_failures > 2 ?
										 (INT64CONST(500000) << d->relay_failures) :
										 0);
	}
	LWLockRelease(errand_shared->slot_lock);
}

static void
start_missing(void)
{
	ErrandDatabase *databases = palloc(sizeof(ErrandDatabase) * errand_shared->max_databases);
	int n = copy_databases(databases);
	TimestampTz now = errand_clock_now();

	for (int i = 0; i < n; i++)
	{
		/* Somebody poked: the probe tells first whether the extension is still there. */
		if (errand_probe_wanted(&databases[i]) ||
			process_exists(ERRAND_PROCESS_PROBE, databases[i].oid, 0))
			continue;
		for (int k = 1; databases[i].installed && k <= errand_workers; k++)
		{
			if (process_exists(ERRAND_PROCESS_WORKER, databases[i].oid, k) ||
				now < databases[i].not_before)
				continue;
			if (errand_start_process(ERRAND_PROCESS_WORKER, databases[i].oid, k, InvalidOid))
				note_start(databases[i].oid);
		}
		start_relay(&databases[i]);
	}
}

/* One probe at a time, the next database that wants one. */
static void
start_probe(void)
{
	Oid next = errand_databases_next_probe();
	ErrandDatabase *d;

	if (!OidIsValid(next) || process_exists(ERRAND_PROCESS_PROBE, InvalidOid, 0))
		return;
	/* Who pokes from here on is not answered by this one: it may have begun already. */
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(next, false);
	if (d != NULL)
		d->probe_taken = d->probe_asked;
	LWLockRelease(errand_shared->slot_lock);
	if (errand_start_process(ERRAND_PROCESS_PROBE, next, 0, InvalidOid))
		errand_databases_probed(next);
}

/* A worker that lasted ten seconds has nothing to answer for. */
static bool
forgive(void)
{
	TimestampTz now = errand_clock_now();
	bool pending = false;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];
		ErrandDatabase *d;

		if (s->kind != ERRAND_PROCESS_WORKER || s->pid == 0)
			continue;
		d = errand_database_find(s->database, false);
		if (d == NULL || d->failures == 0)
			continue;
		if (now - s->started_at > 10 * USECS_PER_SEC)
			d->failures = 0;
		else
			pending = true;
	}
	LWLockRelease(errand_shared->slot_lock);
	return pending;
}

/* The configuration changed, perhaps the port of a relay: each database is asked. */
static void
probe_all(void)
{
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < errand_shared->max_databases; i++)
	{
		ErrandDatabase *d = &errand_databases[i];

		if (d->oid != InvalidOid && d->installed)
			d->probe_asked++;
	}
	LWLockRelease(errand_shared->slot_lock);
}

static void
launcher_exit(int code, Datum arg)
{
	errand_shared->launcher_procno = -1;
}

/* How long until something is to be looked at again. */
static long
sleep_ms(void)
{
	bool pending = OidIsValid(errand_databases_next_probe()) || forgive();
	TimestampTz now = errand_clock_now();
	long ms = LOOK_MS;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < errand_shared->max_databases && !pending; i++)
	{
		ErrandDatabase *d = &errand_databases[i];

		if (d->oid == InvalidOid || !d->installed)
			continue;
		pending = d->dropping || d->not_before > now;
		if (d->relay_port != 0 && d->relay_not_before > now)
			ms = Min(ms, (d->relay_not_before - now) / 1000 + 1);
	}
	LWLockRelease(errand_shared->slot_lock);
	return pending || errand_start_failed() ? Min(ms, 250) : ms;
}

static void
launcher_sleep(void)
{
	static uint32 wait_event = 0;
	long ms = sleep_ms();
	int rc;

	if (wait_event == 0)
		wait_event = ERRAND_WAIT_EVENT("ErrandLauncher");
	rc = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, ms, wait_event);
	ResetLatch(MyLatch);
	if ((rc & WL_LATCH_SET) || errand_clock_now() - looked_at >= LOOK_MS * INT64CONST(1000))
		look_wanted = true;
}

void
errand_launcher_main(Datum main_arg)
{
	MemoryContext context;

	errand_process_signals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	pgstat_report_appname("errand launcher");
	before_shmem_exit(launcher_exit, (Datum) 0);
	errand_shared->launcher_procno = ERRAND_MY_PROCNO;
	context = AllocSetContextCreate(TopMemoryContext, "errand launcher", ALLOCSET_DEFAULT_SIZES);
	while (!errand_process_must_leave())
	{
		MemoryContextSwitchTo(context);
		MemoryContextReset(context);
		CHECK_FOR_INTERRUPTS();
		if (errand_process_reload())
			probe_all();
		collect_slots();
		if (look_wanted)
			look_at_databases();
		start_probe();
		start_missing();
		launcher_sleep();
	}
	/* 1, not 0: with 0 the postmaster would never start it again. */
	proc_exit(1);
}
