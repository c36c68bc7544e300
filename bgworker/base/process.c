/*
 * process.c
 *		Start, slot, signals and end of our processes.
 *
 * Runs in worker, executor, relay, stream and probe; the launcher uses the
 * signals alone.  A process that leaves in good order detaches its slot; one
 * that is killed takes all processes, and the slots, with it.
 */
#include "postgres.h"

#include <signal.h>

#include "base/clock.h"
#include "base/process.h"
#include "compat.h"
#include "contract.h"
#include "libpq/pqsignal.h"
#include "mailbox.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

ErrandSlot *errand_my_slot = NULL;

static volatile sig_atomic_t in_statement = false;
static volatile sig_atomic_t leaving = false;

/*
 * A statement under way is cancelled, not the process ended: it shall settle
 * what it has in hand.  Signals that come while it does so change nothing.
 */
static void
handle_sigterm(SIGNAL_ARGS)
{
	int save_errno = errno;

	ShutdownRequestPending = true;
	if (in_statement && !leaving)
	{
		InterruptPending = true;
		QueryCancelPending = true;
	}
	SetLatch(MyLatch);
	errno = save_errno;
}

#ifdef ERRAND_COVERAGE
extern void __gcov_dump(void);

/* What was counted is written where else all would be lost (make coverage). */
static void
count_and_quit(SIGNAL_ARGS)
{
	__gcov_dump();
	_exit(2);
}
#endif

void
errand_process_signals(void)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_sigterm);
	pqsignal(SIGPIPE, SIG_IGN);
#ifdef ERRAND_COVERAGE
	pqsignal(SIGQUIT, count_and_quit);
#endif
	BackgroundWorkerUnblockSignals();
}

bool
errand_process_must_leave(void)
{
	return ShutdownRequestPending;
}

void
errand_process_in_statement(bool in)
{
	in_statement = in;
	if (in)
		return;
	if (ShutdownRequestPending)
		QueryCancelPending = false; /* it came too late for the statement */
	if (ProcDiePending)
		CHECK_FOR_INTERRUPTS();
}

void
errand_process_leaving(void)
{
	leaving = true;
	SetConfigOption("lock_timeout", "2s", PGC_SUSET, PGC_S_OVERRIDE);
}

/* The slot goes back; whoever is left looks for what we had in hand. */
static void
slot_detach(int code, Datum arg)
{
	ErrandSlot *s = errand_my_slot;
	Oid database;
	int64 died = 0;
	bool works;

	if (s == NULL)
		return;
	database = s->database;
	works = s->kind == ERRAND_PROCESS_WORKER || s->kind == ERRAND_PROCESS_EXECUTOR;
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	if (s->pid == MyProcPid)
	{
		ErrandDatabase *d = errand_database_find(database, false);

		if (d != NULL && works)
			pg_atomic_write_u32(&d->reap_wanted, 1);
		/* Who was told to leave has nothing to answer for: the next one may start at once. */
		if (d != NULL && works && ShutdownRequestPending)
		{
			d->failures = 0;
			d->not_before = 0;
		}
		died = s->task;
		s->kind = ERRAND_PROCESS_NONE;
		s->pid = 0;
		s->task = 0;
		s->leader = false;
	}
	LWLockRelease(errand_shared->slot_lock);
	errand_my_slot = NULL;
	/* In the middle of a task: it ended its process, and must not do so for ever. */
	if (died != 0)
		(void) errand_mailbox_put(ERRAND_MAIL_DIED, died, InvalidOid, true, NULL);
	if (works)
		errand_wake_workers(database);
	errand_wake_launcher();
}

/* Slot and generation travel in one Datum: a slot given anew is not ours. */
static void
slot_attach(Datum main_arg, ErrandKindOfProcess kind)
{
	uint64 packed = DatumGetUInt64(main_arg);
	uint32 index = packed & 0xffffffff;
	uint32 generation = packed >> 32;
	ErrandSlot *s = &errand_shared->slots[index % ERRAND_MAX_SLOTS];
	bool ours;

	before_shmem_exit(slot_detach, (Datum) 0);
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	ours = s->kind == kind && s->generation == generation && s->pid == 0;
	if (ours)
	{
		s->pid = MyProcPid;
		s->procno = ERRAND_MY_PROCNO;
		if (!pg_strong_random(&s->identity, sizeof(s->identity)))
			s->identity = (uint64) errand_clock_now() ^ ((uint64) MyProcPid << 32);
		s->identity &= PG_INT64_MAX;
		s->leader = s->leaving = false;
		s->started_at = s->last_seen = errand_clock_now();
		s->running = s->queued = 0;
		s->task = 0;
		s->progress = -1;
		s->claimed = s->settled = s->succeeded = s->failed = 0;
		s->busy = false;
		errand_my_slot = s;
	}
	LWLockRelease(errand_shared->slot_lock);
	if (!ours)
		proc_exit(0);
}

/*
 * ALTER DATABASE and ALTER ROLE settings reach background workers; those that
 * our own statements depend on are set again, above them.
 */
static const char *const fixed[][2] = {
	{"default_transaction_isolation", "read committed"},
	{"default_transaction_read_only", "off"},
	{"default_transaction_deferrable", "off"},
	{"synchronous_commit", "on"},
	{"search_path", "pg_catalog, pg_temp"},
	{"session_replication_role", "origin"},
	{"row_security", "on"},
	{"statement_timeout", "0"},
	{"idle_in_transaction_session_timeout", "0"},
	{"lock_timeout", "100ms"},
	{"enable_seqscan", "off"},
	{"enable_hashjoin", "off"},
	{"enable_mergejoin", "off"},
	{"enable_indexscan", "on"},
	{"enable_nestloop", "on"},
	{"plan_cache_mode", "force_generic_plan"},
	{"jit", "off"},
	{"max_parallel_workers_per_gather", "0"},
};

static void
settings_fix(void)
{
	for (int i = 0; i < (int) lengthof(fixed); i++)
		SetConfigOption(fixed[i][0], fixed[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

void
errand_process_settings_local(void)
{
	for (int i = 0; i < (int) lengthof(fixed); i++)
		(void) set_config_option(fixed[i][0], fixed[i][1], PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

/* A handler has its role's own settings, but for what makes or breaks the engine's part. */
static void
handler_settings_fix(void)
{
	static const char *const own[][2] = {
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
		{"synchronous_commit", "on"},
		{"statement_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"client_min_messages", "notice"},
	};

	for (int i = 0; i < (int) lengthof(own); i++)
		SetConfigOption(own[i][0], own[i][1], PGC_SUSET, PGC_S_OVERRIDE);
}

void
errand_process_start(Datum main_arg, ErrandKindOfProcess kind)
{
	Oid database;
	Oid role;

	if (errand_shared == NULL)
		proc_exit(0);
	database = errand_shared->slots[DatumGetUInt64(main_arg) % ERRAND_MAX_SLOTS].database;
	errand_process_signals();
	slot_attach(main_arg, kind);
	role = errand_my_slot->role;
	BackgroundWorkerInitializeConnectionByOid(database, role,
											  OidIsValid(role) ? ERRAND_BYPASS_LOGIN_CHECK : 0);
	if (!OidIsValid(role))
		settings_fix();
	else
		handler_settings_fix();
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_USERSET, PGC_S_OVERRIDE);
}

bool
errand_process_lead(void)
{
	ErrandSlot *me = errand_my_slot;
	bool taken = false;

	if (me->leader)
		return true;
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAX_SLOTS && !taken; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		taken = s->kind == ERRAND_PROCESS_WORKER && s->database == me->database && s->leader;
	}
	if (!taken && !me->leaving)
		me->leader = true;
	LWLockRelease(errand_shared->slot_lock);
	return me->leader;
}

int64 *
errand_process_live(int *n)
{
	int64 *live = palloc(sizeof(int64) * ERRAND_MAX_SLOTS);

	*n = 0;
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if ((s->kind == ERRAND_PROCESS_WORKER || s->kind == ERRAND_PROCESS_EXECUTOR) &&
			s->database == MyDatabaseId && s->pid != 0)
			live[(*n)++] = s->identity;
	}
	LWLockRelease(errand_shared->slot_lock);
	return live;
}

bool
errand_process_all_at_rest(int mine)
{
	bool rest = mine == 0;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS && rest; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s != errand_my_slot && s->database == MyDatabaseId && s->pid != 0 &&
			(s->kind == ERRAND_PROCESS_WORKER || s->kind == ERRAND_PROCESS_EXECUTOR))
			rest = s->running + s->queued == 0;
	}
	LWLockRelease(errand_shared->slot_lock);
	return rest;
}

bool
errand_process_cancel_task(int64 id, TimestampTz if_until_before)
{
	bool found = false;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind != ERRAND_PROCESS_EXECUTOR || s->database != MyDatabaseId || s->task == 0)
			continue;
		if (id != 0 ? s->task != id : s->task_until >= if_until_before)
			continue;
		found = true;
		s->cancel_asked |= id != 0;
		(void) kill(s->pid, SIGINT);
	}
	LWLockRelease(errand_shared->slot_lock);
	return found;
}

void
errand_process_task(int64 id, int32 attempt, TimestampTz until)
{
	ErrandSlot *me = errand_my_slot;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	me->task = id;
	me->attempt = attempt;
	me->task_until = until;
	me->cancel_asked = false;
	me->progress = -1;
	me->progress_text[0] = '\0';
	/* A signal that came too late for the last task is not meant for this one. */
	if (!ShutdownRequestPending)
		QueryCancelPending = false;
	LWLockRelease(errand_shared->slot_lock);
}

bool
errand_process_reload(void)
{
	if (!ConfigReloadPending)
		return false;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	return true;
}

void
errand_process_report(bool busy, const char *what)
{
	static bool was_busy = true;

	errand_my_slot->busy = busy;
	if (busy == was_busy && !busy)
		return;
	was_busy = busy;
	pgstat_report_activity(busy ? STATE_RUNNING : STATE_IDLE, what);
}
