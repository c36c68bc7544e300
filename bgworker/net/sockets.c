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
 * libcurl 7.88 closes a socket that did not get connected without calling the
 * closesocket callback.  It does say that it no longer waits for it, so there
 * we look whether the descriptor is still the socket it was: nothing here may
 * ever touch a descriptor that became something else of the process's.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/internal.h"

#define AGAIN_MS 100 /* after curl was out of memory */

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_timer(uv_timer_t *timer);

/*
 * Tell curl of a socket, or that time has passed.  Where its memory is out in
 * the middle, it forgets when it wants to be called next: what it had in hand
 * would wait for ever, past its own time-out.
 */
static void
call_curl(ErrandNet *n, curl_socket_t fd, int flags)
{
	int running;

	if (curl_multi_socket_action(n->multi, fd, flags, &running) != CURLM_OK)
		uv_timer_start(&n->curl_timer, on_timer, AGAIN_MS, 0);
}

static ErrandSocket *
find_socket(const ErrandNet *n, int fd)
{
	return fd >= 0 && fd < n->n_sockets ? n->sockets[fd] : NULL;
}

static bool
reserve_sockets(ErrandNet *n, int fd)
{
	int size = n->n_sockets > 0 ? n->n_sockets : 64;
	ErrandSocket **sockets;

	if (fd < n->n_sockets)
		return true;
	while (size <= fd)
		size *= 2;
	sockets = realloc(n->sockets, (size_t) size * sizeof(*sockets));
	if (sockets == NULL)
		return false;
	memset(sockets + n->n_sockets, 0, (size_t) (size - n->n_sockets) * sizeof(*sockets));
	n->sockets = sockets;
	n->n_sockets = size;
	return true;
}

/* Which socket is it?  Descriptors are used again, inodes are not that soon. */
static ino_t
socket_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) ? st.st_ino : 0;
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
	s->inode = socket_inode(fd);
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
	if (s->conns != NULL)
		s->conns->open--;
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
	ErrandNet *n = s->net;
	int flags = 0;
	int fd = s->fd;

	if (s->wanted == 0)
	{
		watch(s, 0); /* an idle connection ended; curl will see */
		return;
	}
	if (status < 0)
		s->polled = 0;
	if (status < 0 || (events & UV_READABLE))
		flags |= CURL_CSELECT_IN;
	if (status < 0 || (events & UV_WRITABLE))
		flags |= CURL_CSELECT_OUT;
	call_curl(n, fd, flags);
	if (find_socket(n, fd) == s && s->wanted != 0 && s->polled == 0)
		watch(s, s->wanted);
}

/* Curl waits for nothing on it any more: it is idle, or closed already. */
static void
unwanted(ErrandSocket *s)
{
	s->wanted = 0;
	if (s->polled == UV_READABLE && s->address.len > 0)
		return; /* the next transfer will want just that */
	if (s->address.len == 0 || socket_inode(s->fd) != s->inode)
		drop_socket(s);
	else
		watch(s, 0);
}

/* From curl: what it waits for on a socket. */
static int
on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	ErrandNet *n = arg;
	ErrandSocket *s = find_socket(n, fd);

	(void) easy;
	(void) unused;
	if (what == CURL_POLL_REMOVE)
	{
		if (s != NULL)
			unwanted(s);
		return 0;
	}
	if (s == NULL)
		s = add_socket(n, fd);
	if (s == NULL)
		return 0; /* the transfer will time out */
	s->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
	watch(s, s->wanted);
	return 0;
}

static int
open_socket(const struct curl_sockaddr *address)
{
	int type = address->socktype;
	int fd;

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

/* What the address is, for us and for a message should it come to that. */
static ErrandEgress
judge(ErrandTransfer *t, const struct curl_sockaddr *address)
{
	memset(&t->opened, 0, sizeof(t->opened));
	if (address->addrlen > sizeof(t->opened.u))
		return ERRAND_EGRESS_BAD_FAMILY;
	memcpy(&t->opened.u, &address->addr, address->addrlen);
	t->opened.len = address->addrlen;
	if (t->proxy != NULL)
		return ERRAND_EGRESS_LISTED; /* by the administrator, for this host */
	return errand_policy_classify(&t->opened.u.sa, t->opened.len, t->net->allow, t->net->n_allow);
}

/*
 * Open and know it.  If the descriptor is known, curl closed it a moment ago
 * without a word and may believe that it is watched as it was.
 */
static bool
open_and_add(ErrandTransfer *t, const struct curl_sockaddr *address, int *fd)
{
	ErrandNet *n = t->net;
	ErrandSocket *stale;
	ErrandSocket *s;
	int wanted = 0;

	*fd = open_socket(address);
	if (*fd < 0)
		return false;
	stale = find_socket(n, *fd);
	if (stale != NULL)
	{
		wanted = stale->wanted;
		drop_socket(stale);
	}
	s = add_socket(n, *fd);
	if (s == NULL)
	{
		close(*fd);
		errno = ENOMEM;
		return false;
	}
	s->address = t->opened;
	s->exempt = t->proxy != NULL;
	s->conns = t->conns;
	if (s->conns != NULL)
		s->conns->open++;
	errand_nethost_busy(t);
	s->wanted = wanted;
	watch(s, wanted);
	return true;
}

/* CURLOPT_OPENSOCKETFUNCTION, for a transfer. */
curl_socket_t
errand_netsocket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	ErrandTransfer *t = arg;
	ErrandEgress egress = judge(t, address);
	int fd;

	(void) purpose;
	if (!errand_egress_allowed(egress))
	{
		t->refused = t->opened;
		t->refused_as = egress;
		t->refusals++;
		return CURL_SOCKET_BAD;
	}
	if (!open_and_add(t, address, &fd))
	{
		t->socket_errno = errno;
		return CURL_SOCKET_BAD;
	}
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION, for the net: connections outlive transfers. */
int
errand_netsocket_close(void *arg, curl_socket_t fd)
{
	ErrandNet *n = arg;
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

		if (s != NULL && s->address.len > 0 && !s->exempt &&
			!errand_egress_allowed(
				errand_policy_classify(&s->address.u.sa, s->address.len, n->allow, n->n_allow)) &&
			socket_inode(fd) == s->inode)
			shutdown(fd, SHUT_RDWR);
	}
}

/* Once curl is gone: let go of what it closed without a word. */
void
errand_netsockets_close(ErrandNet *n)
{
	for (int fd = 0; fd < n->n_sockets; fd++)
		if (n->sockets[fd] != NULL)
			drop_socket(n->sockets[fd]);
}

static void
on_timer(uv_timer_t *timer)
{
	call_curl(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* From curl: when it wants to be called without an event. */
static int
on_timer_wanted(CURLM *multi, long ms, void *arg)
{
	ErrandNet *n = arg;

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
