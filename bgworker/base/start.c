/*
 * start.c
 *		Asks the postmaster for our processes.
 *
 * Runs in the launcher (workers, probes) and in each database's leader
 * (executors, streams).  It must never wait for a process it started.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/start.h"
#include "compat.h"
#include "contract.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "shared.h"

#define FULL_WARN_US INT64CONST(60000000)

static TimestampTz full_warned = 0;

/* Takes a free slot; -1 if there is none. */
static int
slot_allocate(ErrandKindOfProcess kind, Oid database, int number, Oid role, uint64 *packed)
{
	int index = -1;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAX_SLOTS && index < 0; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind != ERRAND_PROCESS_NONE)
			continue;
		index = i;
		s->kind = kind;
		s->database = database;
		s->number = number;
		s->generation = pg_atomic_fetch_add_u32(&errand_shared->generation, 1);
		s->launched = errand_clock_now();
		s->pid = 0;
		s->procno = -1;
		s->leader = s->leaving = false;
		s->role = role;
		s->task = 0;
		s->served_at = s->launched;
		*packed = ((uint64) s->generation << 32) | (uint32) i;
	}
	LWLockRelease(errand_shared->slot_lock);
	return index;
}

static void
warn_full(void)
{
	TimestampTz now = errand_clock_now();

	if (full_warned != 0 && now - full_warned < FULL_WARN_US)
		return;
	full_warned = now;
	ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					  errmsg("no background worker slot is free for pg_errand"),
					  errdetail("It is tried again."),
					  errhint("Raise it in postgresql.conf and restart the server: max_worker_processes = %d",
							  Max(16, max_worker_processes * 2))));
}

bool
errand_start_process(ErrandKindOfProcess kind, Oid database, int number, Oid role)
{
	BackgroundWorker w;
	uint64 packed = 0;
	int index = slot_allocate(kind, database, number, role, &packed);
	const char *name = kind == ERRAND_PROCESS_PROBE	   ? "probe" :
					   kind == ERRAND_PROCESS_EXECUTOR ? "executor" :
					   kind == ERRAND_PROCESS_STREAM   ? "stream" :
														 "worker";

	if (index < 0)
		return false;
	memset(&w, 0, sizeof(w));
	w.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	w.bgw_start_time = BgWorkerStart_RecoveryFinished;
	w.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(w.bgw_library_name, ERRAND_EXTENSION, sizeof(w.bgw_library_name));
	snprintf(w.bgw_function_name, sizeof(w.bgw_function_name), "errand_%s_main", name);
	snprintf(w.bgw_name, sizeof(w.bgw_name), "errand %s %d", name, number);
	snprintf(w.bgw_type, sizeof(w.bgw_type), "errand %s", name);
	w.bgw_main_arg = UInt64GetDatum(packed);
	w.bgw_notify_pid = MyProcPid;
	if (RegisterDynamicBackgroundWorker(&w, NULL))
	{
		full_warned = 0;
		return true;
	}
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	errand_shared->slots[index].kind = ERRAND_PROCESS_NONE;
	LWLockRelease(errand_shared->slot_lock);
	warn_full();
	return false;
}

bool
errand_start_failed(void)
{
	return full_warned != 0;
}
