/*
 * notify.c
 *		LISTENs to errand.relay_channels and puts what comes into the history.
 *
 * Runs in the relay, on its loop, without ever waiting: a background worker
 * cannot LISTEN by itself.  Its callbacks must never throw.  Without the
 * connection the relay goes on, /readyz says so, and it is tried again.
 */
#include "postgres.h"

#include <libpq-fe.h>

#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "core/http_head.h"
#include "core/origin.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "relay/counters.h"
#include "relay/feed.h"
#include "relay/log.h"
#include "relay/notify.h"
#include "relay/text.h"
#include "settings.h"
#include "utils/memutils.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MOST_MS 60000
#define CONNECT_MS 10000

static uv_loop_t *loop = NULL;
static uv_timer_t timer;		  /* to try again, or to give up trying */
static uv_poll_t *watcher = NULL; /* freed when it is closed */
static PGconn *conn = NULL;
static bool listening = false; /* it is made, and LISTEN was sent */
static int retry_ms = RETRY_FIRST_MS;
static char socket_dir[MAXPGPATH];
static char port[16];
static char *database = NULL;
static char *user = NULL;

static void connect_begin(uv_timer_t *t);
static void ready(uv_poll_t *p, int status, int events);

bool
relay_channel_listed(const RelayWish *w)
{
	const char *list = errand_relay_channels;
	const char *item;
	size_t len;

	if (w->kind != RELAY_CHANNEL_NOTIFY)
		return true;
	while (errand_list_next(&list, &item, &len))
	{
		if (strlen(w->name) == len && memcmp(w->name, item, len) == 0)
			return true;
	}
	return false;
}

static void
state(ErrandNotifyState to)
{
	pg_atomic_write_u32(&relay_counters->notify_state, to);
}

static void
poll_closed(uv_handle_t *handle)
{
	free(handle);
}

static void
forget(void)
{
	if (watcher != NULL)
	{
		(void) uv_poll_stop(watcher);
		uv_close((uv_handle_t *) watcher, poll_closed);
	}
	watcher = NULL;
	PQfinish(conn);
	conn = NULL;
	listening = false;
}

/* It broke, or could not be made: once more, later. */
static void
failed(void)
{
	if (retry_ms == RETRY_FIRST_MS || listening)
		relay_log("no connection for errand.relay_channels, it is tried again: %s",
				  conn != NULL ? PQerrorMessage(conn) : "out of memory");
	forget();
	state(ERRAND_NOTIFY_DOWN);
	(void) uv_timer_start(&timer, connect_begin, retry_ms, 0);
	retry_ms = Min(retry_ms * 2, RETRY_MOST_MS);
}

/* Waits for the socket, which changes while a connection is made. */
static bool
watch(int events)
{
	if (watcher == NULL)
	{
		watcher = malloc(sizeof(uv_poll_t));
		if (watcher == NULL)
			return false;
		if (uv_poll_init(loop, watcher, PQsocket(conn)) != 0)
		{
			free(watcher);
			watcher = NULL;
			return false;
		}
	}
	return uv_poll_start(watcher, events, ready) == 0;
}

static void
unwatch(void)
{
	if (watcher == NULL)
		return;
	(void) uv_poll_stop(watcher);
	uv_close((uv_handle_t *) watcher, poll_closed);
	watcher = NULL;
}

static bool
send_listen(void)
{
	RelayText t = {0};
	const char *list = errand_relay_channels;
	const char *item;
	size_t len;
	bool good;

	while (errand_list_next(&list, &item, &len))
	{
		char *name = PQescapeIdentifier(conn, item, len);

		relay_text(&t, "LISTEN ");
		relay_text(&t, name != NULL ? name : "");
		relay_text(&t, "; ");
		PQfreemem(name);
	}
	good = !t.failed && PQsendQuery(conn, t.b.data) == 1;
	relay_text_free(&t);
	return good;
}

static void
heard(void)
{
	PGnotify *n;
	PGresult *result;

	while (!PQisBusy(conn) && (result = PQgetResult(conn)) != NULL)
	{
		if (PQresultStatus(result) == PGRES_COMMAND_OK)
		{
			state(ERRAND_NOTIFY_UP);
			retry_ms = RETRY_FIRST_MS;
		}
		PQclear(result);
	}
	while ((n = PQnotifies(conn)) != NULL)
	{
		pg_atomic_fetch_add_u64(&relay_counters->notify_in, 1);
		/* client_encoding is UTF8, but the server cannot check SQL_ASCII */
		if (errand_utf8_ok(n->extra, strlen(n->extra)))
			relay_feed_notify(n->relname, n->extra);
		PQfreemem(n);
	}
}

static void
connecting(void)
{
	PostgresPollingStatusType s = PQconnectPoll(conn);

	unwatch();
	if (s == PGRES_POLLING_FAILED)
		failed();
	else if (s != PGRES_POLLING_OK)
	{
		if (!watch(s == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE))
			failed();
	}
	else if (PQsetnonblocking(conn, 1) != 0 || !send_listen() || PQflush(conn) < 0 ||
			 !watch(UV_READABLE))
		failed();
	else
	{
		listening = true;
		(void) uv_timer_stop(&timer);
	}
}

static void
ready(uv_poll_t *p, int status, int events)
{
	if (p != watcher)
		return;
	if (!listening)
		connecting();
	else if (status < 0 || PQconsumeInput(conn) != 1 || PQstatus(conn) != CONNECTION_OK)
		failed();
	else
		heard();
}

static void
gave_up(uv_timer_t *t)
{
	failed();
}

static void
connect_begin(uv_timer_t *t)
{
	const char *keys[] = {"host", "port", "dbname", "user", "client_encoding", "application_name",
						  NULL};
	const char *values[] = {socket_dir, port, database, user, "UTF8", "errand relay notify", NULL};

	conn = PQconnectStartParams(keys, values, 0);
	(void) uv_timer_start(&timer, gave_up, CONNECT_MS, 0);
	if (conn == NULL || PQstatus(conn) == CONNECTION_BAD || !watch(UV_WRITABLE))
		failed();
}

void
relay_notify_init(uv_loop_t *uv)
{
	const char *list = errand_relay_channels;
	const char *dirs = Unix_socket_directories;
	const char *item;
	size_t len;
	bool any = errand_list_next(&list, &item, &len);

	state(any ? ERRAND_NOTIFY_DOWN : ERRAND_NOTIFY_OFF);
	loop = uv;
	(void) uv_timer_init(loop, &timer);
	if (!any)
		return;
	if (errand_list_next(&dirs, &item, &len))
		snprintf(socket_dir, sizeof(socket_dir), "%.*s", (int) len, item);
	else
		strlcpy(socket_dir, "127.0.0.1", sizeof(socket_dir));
	snprintf(port, sizeof(port), "%d", PostPortNumber);
	database = MemoryContextStrdup(TopMemoryContext, get_database_name(MyDatabaseId));
	user = MemoryContextStrdup(TopMemoryContext, GetUserNameFromId(BOOTSTRAP_SUPERUSERID, false));
	(void) uv_timer_start(&timer, connect_begin, 0, 0);
}

void
relay_notify_stop(void)
{
	if (loop == NULL)
		return;
	(void) uv_timer_stop(&timer);
	forget();
}
