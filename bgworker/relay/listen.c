/*
 * listen.c
 *		Accepts connections.
 *
 * Runs in the relay.  The callback must never throw.  When descriptors run out,
 * libuv closes who comes with one it keeps for that, and does not spin; our own
 * limits come before that.  Until it is taken, libuv holds who came and lets nobody
 * else in: where memory is out, it is tried again at each tick.
 */
#include "postgres.h"

#include "core/origin.h"
#include "relay/conn.h"
#include "relay/counters.h"
#include "relay/limits.h"
#include "relay/listen.h"
#include "relay/log.h"
#include "settings.h"

#define LISTEN_MAX 16
#define BACKLOG 1024

static uv_tcp_t listeners[LISTEN_MAX];
static bool waits[LISTEN_MAX]; /* somebody came who could not be taken */
static int n_listeners = 0;

static void
too_many_closed(uv_handle_t *handle)
{
	free(handle);
}

/* Takes it and lets it go. */
static bool
turn_away(uv_stream_t *server)
{
	uv_tcp_t *tcp = malloc(sizeof(uv_tcp_t));

	if (tcp == NULL)
		return false;
	(void) uv_tcp_init(server->loop, tcp);
	(void) uv_accept(server, (uv_stream_t *) tcp);
	uv_close((uv_handle_t *) tcp, too_many_closed);
	relay_count_refused();
	return true;
}

static void
on_connection(uv_stream_t *server, int status)
{
	bool taken = true;

	if (status != 0)
		relay_log("a connection could not be taken: %s", uv_strerror(status));
	else if (relay_limits_exceeded() && !relay_conns_make_room())
		taken = turn_away(server);
	else
		taken = relay_conn_accept(server);
	waits[(uv_tcp_t *) server - listeners] = !taken;
}

void
relay_listen_tick(void)
{
	for (int i = 0; i < n_listeners; i++)
	{
		if (waits[i])
			on_connection((uv_stream_t *) &listeners[i], 0);
	}
}

bool
relay_listen_waits(void)
{
	for (int i = 0; i < n_listeners; i++)
	{
		if (waits[i])
			return true;
	}
	return false;
}

static int
listen_on(uv_loop_t *loop, const char *address)
{
	struct sockaddr_storage a;
	uv_tcp_t *tcp = &listeners[n_listeners];
	bool v6 = strchr(address, ':') != NULL;
	int rc;

	if (n_listeners == LISTEN_MAX)
		return UV_ENOMEM;
	rc = v6 ? uv_ip6_addr(address, errand_port, (struct sockaddr_in6 *) &a) :
			  uv_ip4_addr(address, errand_port, (struct sockaddr_in *) &a);
	if (rc == 0)
		rc = uv_tcp_init(loop, tcp);
	if (rc != 0)
		return rc;
	waits[n_listeners++] = false;
	rc = uv_tcp_bind(tcp, (struct sockaddr *) &a, v6 ? UV_TCP_IPV6ONLY : 0);
	return rc != 0 ? rc : uv_listen((uv_stream_t *) tcp, BACKLOG, on_connection);
}

int
relay_listen_start(uv_loop_t *loop, char *address, size_t size)
{
	const char *list = errand_listen_address;
	const char *item;
	size_t len;
	int rc = 0;

	while (rc == 0 && errand_list_next(&list, &item, &len))
	{
		bool all = errand_ascii_equals(item, len, "*");
		bool local = errand_ascii_equals(item, len, "localhost");

		snprintf(address, size, "%.*s", (int) len, item);
		if (!all && !local)
		{
			rc = listen_on(loop, address);
			continue;
		}
		rc = listen_on(loop, all ? "0.0.0.0" : "127.0.0.1");
		/* a machine without IPv6 has no such address */
		if (rc == 0 && (rc = listen_on(loop, all ? "::" : "::1")) != UV_EADDRINUSE)
			rc = 0;
	}
	return rc;
}

void
relay_listen_stop(void)
{
	for (int i = 0; i < n_listeners; i++)
	{
		if (!uv_is_closing((uv_handle_t *) &listeners[i]))
			uv_close((uv_handle_t *) &listeners[i], NULL);
	}
	n_listeners = 0;
}
