/*
 * accept.c
 *		New connections: who they are, and what is between us.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.
 */
#include "postgres.h"

#include "relay/conn_state.h"
#include "relay/tls.h"

#define SEND_BUFFER (128 * 1024)

/* Whom we talk to, as text. */
static bool
addresses(RelayConn *c, const uv_tcp_t *tcp)
{
	struct sockaddr_storage a;
	int len = sizeof(a);

	if (uv_tcp_getpeername(tcp, (struct sockaddr *) &a, &len) != 0 ||
		uv_ip_name((struct sockaddr *) &a, c->peer, sizeof(c->peer)) != 0)
		return false;
	len = sizeof(a);
	if (uv_tcp_getsockname(tcp, (struct sockaddr *) &a, &len) != 0 ||
		uv_ip_name((struct sockaddr *) &a, c->local, sizeof(c->local)) != 0)
		return false;
	c->loopback = strncmp(c->peer, "127.", 4) == 0 || strcmp(c->peer, "::1") == 0;
	c->address = c->loopback ? NULL : relay_address_enter(c->peer);
	return true;
}

static void
socket_tune(uv_tcp_t *tcp)
{
	int size = SEND_BUFFER;

	(void) uv_tcp_nodelay(tcp, 1);
	/* what a slow client has not read shall lie in the history, not in the kernel */
	(void) uv_send_buffer_size((uv_handle_t *) tcp, &size);
}

static void
socket_closed(uv_handle_t *handle)
{
	free(handle);
}

/* The socket goes to tls.c, and we have what it passes on. */
static bool
accept_tls(RelayConn *c, uv_stream_t *server, uv_tcp_t *tcp)
{
	uv_os_fd_t fd;
	int end = -1;

	(void) uv_tcp_init(server->loop, tcp);
	if (uv_accept(server, (uv_stream_t *) tcp) == 0 && addresses(c, tcp) &&
		uv_fileno((uv_handle_t *) tcp, &fd) == 0)
	{
		socket_tune(tcp);
		fd = dup(fd);
		end = fd >= 0 ? relay_tls_adopt(fd) : -1;
	}
	uv_close((uv_handle_t *) tcp, socket_closed);
	if (end >= 0 && uv_pipe_open(&c->handle.pipe, end) == 0)
		return true;
	if (end >= 0)
		close(end);
	return false;
}

static bool
accept_plain(RelayConn *c, uv_stream_t *server)
{
	if (uv_accept(server, &c->handle.stream) != 0 || !addresses(c, &c->handle.tcp))
		return false;
	socket_tune(&c->handle.tcp);
	return true;
}

bool
relay_conn_accept(uv_stream_t *server)
{
	bool tls = relay_tls_on();
	uv_tcp_t *tcp = tls ? malloc(sizeof(uv_tcp_t)) : NULL;
	RelayConn *c = tls && tcp == NULL ? NULL : relay_conn_create(server->loop, tls);

	if (c == NULL)
	{
		free(tcp);
		return false;
	}
	if (tls ? accept_tls(c, server, tcp) : accept_plain(c, server))
		relay_conn_begin(c);
	else
		relay_conn_close(c);
	return true;
}
