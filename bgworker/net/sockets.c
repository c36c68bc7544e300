/*-------------------------------------------------------------------------
 *
 * sockets.c
 *	  Curl's sockets and timer on the libuv loop, and the last word of the
 *	  egress policy: it is spoken on the address really connected to.
 *
 * Runs in the errand worker.  What curl calls here only records, opens and
 * closes; what libuv calls hands the event to curl.  Must never call the
 * transfer's owner: net.c does, in its turn.
 *
 * A socket stays watched for reading after its transfer is over, since the
 * next one on the connection wants just that: it saves two or three epoll_ctl
 * calls a request.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/internal.h"

static void on_poll(uv_poll_t *poll, int status, int events);

static ErrandSocket *
find_socket(const ErrandNet *n, int fd)
{
	return fd >= 0 && fd < n->n_sockets ? n->sockets[fd] : NULL;
}

static bool
reserve_sockets(ErrandNet *n, int fd)
{
	int			size = n->n_sockets > 0 ? n->n_sockets : 64;
	ErrandSocket **sockets;

	if (fd < n->n_sockets)
		return true;
	while (size <= fd)
		size *= 2;
	sockets = realloc(n->sockets, (size_t) size * sizeof(*sockets));
	if (sockets == NULL)
		return false;
	memset(sockets + n->n_sockets, 0,
		   (size_t) (size - n->n_sockets) * sizeof(*sockets));
	n->sockets = sockets;
	n->n_sockets = size;
	return true;
}

static ErrandSocket *
add_socket(ErrandNet *n, int fd)
{
	ErrandSocket *s;

	if (!reserve_sockets(n, fd) || (s = calloc(1, sizeof(ErrandSocket))) == NULL)
		return NULL;
	if (uv_poll_init(n->loop, &s->poll, fd) != 0)
	{
		free(s);
		return NULL;
	}
	s->poll.data = s;
	s->net = n;
	s->handles = &n->handles;
	s->fd = fd;
	n->sockets[fd] = s;
	errand_handle_opened(&n->handles);
	return s;
}

static void
on_socket_closed(uv_handle_t *handle)
{
	ErrandSocket *s = handle->data;
	ErrandHandles *handles = s->handles;

	free(s);
	errand_handle_closed(handles);
}

/* libuv lets go of the descriptor at once, of the memory later. */
static void
drop_socket(ErrandSocket *s)
{
	s->net->sockets[s->fd] = NULL;
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *) &s->poll, on_socket_closed);
}

static void
watch(ErrandSocket *s, int events)
{
	if (s->polled == events)
		return;
	s->polled = events;
	if (events == 0)
		uv_poll_stop(&s->poll);
	else
		uv_poll_start(&s->poll, events, on_poll);
}

/*
 * libuv stops watching by itself when it reports an error, so that has to
 * begin again if curl still wants to hear of the socket.
 */
static void
on_poll(uv_poll_t *poll, int status, int events)
{
	ErrandSocket *s = poll->data;
	ErrandNet  *n = s->net;
	int			flags = 0;
	int			fd = s->fd;
	int			running;

	if (s->wanted == 0)
	{
		watch(s, 0);			/* an idle connection ended; curl will see */
		return;
	}
	if (status < 0)
		s->polled = 0;
	if (status < 0 || (events & UV_READABLE))
		flags |= CURL_CSELECT_IN;
	if (status < 0 || (events & UV_WRITABLE))
		flags |= CURL_CSELECT_OUT;
	curl_multi_socket_action(n->multi, fd, flags, &running);
	if (find_socket(n, fd) == s && s->wanted != 0 && s->polled == 0)
		watch(s, s->wanted);
}

/* From curl: what it waits for on a socket. */
static int
on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg,
				 void *unused)
{
	ErrandNet  *n = arg;
	ErrandSocket *s = find_socket(n, fd);

	(void) easy;
	(void) unused;
	if (what == CURL_POLL_REMOVE)
	{
		if (s == NULL)
			return 0;
		s->wanted = 0;
		if (s->address.len == 0)
			drop_socket(s);		/* nobody tells when it is closed */
		else if (s->polled != UV_READABLE)
			watch(s, 0);
		return 0;
	}
	if (s == NULL)
		s = add_socket(n, fd);
	if (s == NULL)
		return 0;				/* the transfer will time out */
	s->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) |
		(what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	watch(s, s->wanted);
	return 0;
}

static int
open_socket(const struct curl_sockaddr *address)
{
	int			type = address->socktype;
	int			fd;

#ifdef SOCK_CLOEXEC
	type |= SOCK_CLOEXEC;
#endif
	fd = socket(address->family, type, address->protocol);
#ifndef SOCK_CLOEXEC
	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	return fd;
}

/* CURLOPT_OPENSOCKETFUNCTION, for a transfer. */
curl_socket_t
errand_netsocket_open(void *arg, curlsocktype purpose,
				   struct curl_sockaddr *address)
{
	ErrandTransfer *t = arg;
	ErrandNet  *n = t->net;
	ErrandEgress egress;
	ErrandSocket *s = NULL;
	int			fd;

	(void) purpose;
	egress = errand_policy_classify(&address->addr, address->addrlen,
									n->allow, n->n_allow);
	memset(&t->opened, 0, sizeof(t->opened));
	if (address->addrlen <= sizeof(t->opened.u))
	{
		memcpy(&t->opened.u, &address->addr, address->addrlen);
		t->opened.len = address->addrlen;
	}
	if (!errand_egress_allowed(egress) || t->opened.len == 0)
	{
		t->refused = t->opened;
		t->refused_as = egress;
		t->refusals++;
		return CURL_SOCKET_BAD;
	}
	fd = open_socket(address);
	if (fd >= 0 && (s = add_socket(n, fd)) == NULL)
	{
		close(fd);
		errno = ENOMEM;
	}
	if (s == NULL)
	{
		t->socket_errno = errno;
		return CURL_SOCKET_BAD;
	}
	s->address = t->opened;
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION, for the net: connections outlive transfers. */
int
errand_netsocket_close(void *arg, curl_socket_t fd)
{
	ErrandNet  *n = arg;
	ErrandSocket *s = find_socket(n, fd);

	if (s != NULL)
		drop_socket(s);
	return close(fd);
}

/*
 * The allow list changed: cut the connections that it refuses now, whoever
 * uses them.  Curl finds them dead; failure.c says why.
 */
void
errand_netsockets_recheck(ErrandNet *n)
{
	for (int fd = 0; fd < n->n_sockets; fd++)
	{
		ErrandSocket *s = n->sockets[fd];

		if (s != NULL && s->address.len > 0 &&
			!errand_egress_allowed(errand_policy_classify(&s->address.u.sa,
														  s->address.len,
														  n->allow,
														  n->n_allow)))
			shutdown(fd, SHUT_RDWR);
	}
}

static void
on_timer(uv_timer_t *timer)
{
	ErrandNet  *n = timer->data;
	int			running;

	curl_multi_socket_action(n->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

/* From curl: when it wants to be called without an event. */
static int
on_timer_wanted(CURLM *multi, long ms, void *arg)
{
	ErrandNet  *n = arg;

	(void) multi;
	n->curl_now = ms == 0;
	if (ms > 0)
		uv_timer_start(&n->curl_timer, on_timer, (uint64_t) ms, 0);
	else
		uv_timer_stop(&n->curl_timer);
	if (ms == 0)
		errand_net_wake(n);
	return 0;
}

/*
 * If curl wants to be called at once, do it without another turn.  True if it
 * was: there may be something to collect.
 */
bool
errand_netsockets_kick(ErrandNet *n)
{
	if (!n->curl_now)
		return false;
	n->curl_now = false;
	on_timer(&n->curl_timer);
	return true;
}

bool
errand_netsockets_create(ErrandNet *n)
{
	n->multi = curl_multi_init();
	if (n->multi == NULL)
		return false;
	curl_multi_setopt(n->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(n->multi, CURLMOPT_SOCKETDATA, n);
	curl_multi_setopt(n->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(n->multi, CURLMOPT_TIMERDATA, n);
	return true;
}
