/*
 * relay.c
 *		errand relay: tells clients over WebSocket and HTTP what happens, and
 *		does what they ask.
 *
 * One loop: read the ring, answer what was asked of the database, tell who is
 * subscribed, turn libuv's loop.  Everything foreign runs in the last step, and
 * nothing throws there.  It must never hold up a worker: it takes no lock that
 * they wait for, and its end changes nothing for them.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/loop.h"
#include "base/process.h"
#include "commands/dbcommands.h"
#include "compat.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "relay.h"
#include "relay/check.h"
#include "relay/conn.h"
#include "relay/counters.h"
#include "relay/feed.h"
#include "relay/hub.h"
#include "relay/limits.h"
#include "relay/listen.h"
#include "relay/log.h"
#include "relay/notify.h"
#include "relay/request.h"
#include "relay/session.h"
#include "relay/sse.h"
#include "relay/ws.h"
#include "settings.h"
#include "storage/ipc.h"
#include "utils/memutils.h"

#define MAX_SLEEP_MS 60000
#define HELD_MS 20
#define TICK_US INT64CONST(1000000)
#define PORT_RETRY_US INT64CONST(30000000)
#define LASTED_US INT64CONST(10000000)
#define DRAIN_US INT64CONST(3000000)
#define DRAIN_STEPS 20

ErrandRelayStats *relay_counters = NULL;

static MemoryContext turn_context = NULL;
static uv_loop_t *loop = NULL;
static uint64 settings = 0; /* what it was started with */
static int64 started_at = 0;
static int64 tick_at = 0;	  /* when the next one is */
static bool lasted = false;	  /* long enough to be forgiven earlier failures */
static bool outdated = false; /* its settings have changed */
static uint64 told = 0;		  /* of the history */

/* What the launcher is to know. */
static void
note_settings(void)
{
	ErrandDatabase *d;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(MyDatabaseId, false);
	if (d != NULL)
	{
		d->relay_port = errand_port;
		d->relay_settings = settings;
	}
	LWLockRelease(errand_shared->slot_lock);
}

/* When the next relay may begin: at once, or some time after a port that is taken. */
static void
note_next(bool warned, int64 wait_us)
{
	ErrandDatabase *d;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(MyDatabaseId, false);
	if (d != NULL)
	{
		d->relay_warned = warned;
		d->relay_failures = 0;
		d->relay_not_before = wait_us > 0 ? errand_clock_now() + wait_us : 0;
	}
	LWLockRelease(errand_shared->slot_lock);
}

static void
relay_exit(int code, Datum arg)
{
	relay_feed_follow(false);
}

/* The files of TLS cannot be used: nobody is served without it. */
static void
tls_failed(const char *problem)
{
	ErrandDatabase *d = errand_database_mine();
	bool warned = d != NULL && d->relay_warned;

	note_next(true, PORT_RETRY_US);
	ereport(warned ? DEBUG1 : WARNING,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("the relay cannot speak TLS: %s", problem),
			 errdetail("It is tried again every %d s.", (int) (PORT_RETRY_US / USECS_PER_SEC)),
			 errhint("errand.tls_cert and errand.tls_key name files in PEM format.")));
	errand_db_end();
	proc_exit(0);
}

/* The port is taken, perhaps by the relay of another database. */
static void
listen_failed(int rc, const char *address)
{
	ErrandDatabase *d = errand_database_mine();
	bool warned = d != NULL && d->relay_warned;

	note_next(true, PORT_RETRY_US);
	ereport(warned ? DEBUG1 : WARNING,
			(errcode(ERRCODE_OBJECT_IN_USE),
			 errmsg("the relay of database \"%s\" cannot listen on %s, port %d: %s",
					get_database_name(MyDatabaseId), address, errand_port, uv_strerror(rc)),
			 errdetail("It is tried again every %d s.", (int) (PORT_RETRY_US / USECS_PER_SEC)),
			 errhint("Set errand.port for each database: ALTER DATABASE ... SET errand.port = ...")));
	errand_db_end();
	proc_exit(0);
}

static void
relay_init(Datum main_arg)
{
	char address[64] = "";
	char *problem;
	ErrandDatabase *d;
	int rc;

	errand_process_start(main_arg, ERRAND_PROCESS_RELAY);
	turn_context = AllocSetContextCreate(TopMemoryContext, "errand turn", ALLOCSET_DEFAULT_SIZES);
	ERRAND_FAULT_MEMORY("relay");
	settings = errand_relay_settings_hash();
	d = errand_database_mine();
	note_settings();
	if (errand_port == 0 || d == NULL)
		proc_exit(0);
	relay_counters = &d->relay;
	errand_relay_stats_begin(relay_counters);
	loop = errand_loop_create();
	errand_db_transaction();
	relay_token_init(get_database_name(MyDatabaseId));
	relay_limits_init();
	rc = relay_listen_start(loop, address, sizeof(address));
	if (rc != 0)
		listen_failed(rc, address);
	problem = relay_ws_init(loop);
	if (problem != NULL)
		tls_failed(problem);
	relay_feed_init();
	relay_notify_init(loop);
	ereport(LOG, (errmsg("relay of database \"%s\" listens on %s, port %d",
						 get_database_name(MyDatabaseId), errand_listen_address, errand_port)));
	errand_db_end();
	before_shmem_exit(relay_exit, (Datum) 0);
	started_at = errand_clock_monotonic();
}

static void
tick(int64 now)
{
	if (now < tick_at)
		return;
	tick_at = now + TICK_US;
	relay_sessions_tick();
	relay_listen_tick();
	relay_check_tick(now);
	if (!lasted && now - started_at > LASTED_US)
	{
		lasted = true;
		note_next(false, 0);
	}
	pgstat_report_stat(true);
}

static void
turn(void)
{
	int64 now = errand_clock_monotonic();
	bool anew = false;

	errand_my_slot->last_seen = errand_clock_now();
	errand_my_slot->running = relay_sessions();
	if (relay_subs() > relay_stats_subs())
		relay_feed_follow(true);
	else
		relay_feed_rest(now);
	if (relay_feed_follows())
		anew = relay_feed_read();
	if (anew || relay_feed_head() != told)
		relay_hub_advance(anew);
	told = relay_feed_head();
	relay_requests_run();
	relay_sessions_tell();
	tick(now);
	relay_streams_turn();
	errand_loop_turn();
	relay_log_flush();
}

static long
sleep_ms(void)
{
	int64 now = errand_clock_monotonic();

	if (relay_requests_any())
		return errand_db_held() || relay_requests_held() ? HELD_MS : 0;
	if (relay_feed_behind() || relay_feed_head() != told)
		return 0;
	if (lasted && relay_sessions() + relay_conns() == 0 && !relay_feed_follows() &&
		!relay_listen_waits())
		return MAX_SLEEP_MS;
	return Max(0, (tick_at - now + 999) / 1000);
}

/* Is there a reason to make room for another relay, with other settings? */
static bool
must_leave(void)
{
	ErrandDatabase *d = errand_database_mine();

	if (errand_process_reload())
		outdated = errand_relay_settings_hash() != settings;
	return outdated || errand_process_must_leave() || errand_db_gone() || d == NULL ||
		   !d->installed || d->relay_settings != settings;
}

/* Clients are told, a part of them each step, and have a moment to go. */
static void
leave(void)
{
	int64 end = errand_clock_monotonic() + DRAIN_US;
	int step;

	note_next(false, 0);
	relay_listen_stop();
	relay_notify_stop();
	relay_conns_leave();
	step = relay_sessions() / DRAIN_STEPS + 1;
	while (relay_sessions() + relay_conns() > 0 && errand_clock_monotonic() < end)
	{
		relay_sessions_leave(step);
		errand_loop_turn();
		errand_loop_wait(DRAIN_US / 1000 / DRAIN_STEPS / 4);
	}
}

void
errand_relay_main(Datum main_arg)
{
	relay_init(main_arg);
	while (!must_leave())
	{
		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		CHECK_FOR_INTERRUPTS();
		turn();
		if (!must_leave())
			errand_loop_wait(sleep_ms());
	}
	leave();
	proc_exit(0);
}
