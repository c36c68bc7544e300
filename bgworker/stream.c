/*
 * stream.c
 *		errand stream: the WebSocket sources of a database.
 *
 * One a database, started by the leader when such a source is started, gone
 * when none is.  It must never wait for anything but its one wait, never hold a
 * transaction open while it does, and never connect to what the egress policy
 * refuses.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/loop.h"
#include "base/process.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "sources/stream.h"
#include "sources/streams.h"
#include "storage/ipc.h"
#include "stream.h"
#include "utils/memutils.h"

#define MAX_SLEEP_MS 5000
#define HELD_MS 20 /* to look whether DROP or ALTER EXTENSION is over */
#define BYE_US INT64CONST(500000)
#define FAILURES_MAX 8

static MemoryContext turn_context = NULL;
static uint32 seen_changes = 0;
static int failures = 0;	 /* turns in a row that ended in an error */
static int64 not_before = 0; /* backoff after them, monotonic */

/* Somebody changed a definition, or the engine's pause. */
static void
hear(void)
{
	ErrandDatabase *d = errand_database_mine();
	uint32 changes = d != NULL ? pg_atomic_read_u32(&d->changes) : 0;

	if (changes == seen_changes)
		return;
	seen_changes = changes;
	errand_streams_changed();
}

static void
report(void)
{
	int open;
	int all = errand_streams_count(&open);

	errand_my_slot->running = open;
	errand_my_slot->queued = all - open;
	errand_my_slot->last_seen = errand_clock_now();
	errand_process_report(open > 0,
						  open > 0 ? psprintf("errand: streams open: %d", open) : "errand: idle");
	pgstat_report_stat(false);
}

static void
turn(void)
{
	hear();
	errand_loop_turn();
	if (errand_clock_monotonic() >= not_before)
		errand_streams_turn();
	report();
}

static void
turn_failed(void)
{
	MemoryContextSwitchTo(turn_context);
	errand_db_recover();
	errand_streams_aborted();
	failures = Min(failures + 1, FAILURES_MAX);
	not_before = errand_clock_monotonic() + (INT64CONST(10000) << failures);
}

static long
sleep_ms(void)
{
	int64 now = errand_clock_monotonic();
	long ms = Min(MAX_SLEEP_MS, errand_streams_wait_ms());

	if (now < not_before)
		ms = Max(ms, (not_before - now) / 1000);
	if (errand_db_held())
		ms = Max(ms, HELD_MS);
	return ms;
}

/* What came is stored, who is connected hears a goodbye. */
static void
leave(void)
{
	int64 until = errand_clock_monotonic() + BYE_US;

	errand_process_leaving();
	PG_TRY();
	{
		errand_streams_leave();
	}
	PG_CATCH();
	{
		turn_failed();
	}
	PG_END_TRY();
	while (errand_peers_alive() > 0 && errand_clock_monotonic() < until)
	{
		errand_loop_turn();
		errand_loop_wait(20);
	}
}

static void
stream_init(Datum main_arg)
{
	errand_process_start(main_arg, ERRAND_PROCESS_STREAM);
	turn_context = AllocSetContextCreate(TopMemoryContext, "errand turn", ALLOCSET_DEFAULT_SIZES);
	ERRAND_FAULT_MEMORY("stream");
	errand_streams_init();
	errand_streams_network(errand_loop_create());
	ereport(LOG, (errmsg("stream process started in database %u", MyDatabaseId)));
}

void
errand_stream_main(Datum main_arg)
{
	stream_init(main_arg);
	for (;;)
	{
		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		CHECK_FOR_INTERRUPTS();
		if (errand_process_must_leave() || errand_streams_none())
			break;
		if (errand_process_reload())
		{
			if (!errand_streams_network_configure())
				break; /* the next one begins with the new settings */
			errand_streams_recheck();
		}
		PG_TRY();
		{
			turn();
			failures = errand_clock_monotonic() > not_before ? 0 : failures;
		}
		PG_CATCH();
		{
			turn_failed();
		}
		PG_END_TRY();
		if (errand_db_gone())
			break;
		errand_loop_wait(sleep_ms());
	}
	leave();
	proc_exit(0);
}
