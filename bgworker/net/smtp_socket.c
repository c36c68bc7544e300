/*-------------------------------------------------------------------------
 *
 * smtp_socket.c
 *	  The sockets of mail connections, and curl's timer, on the libuv loop.
 *
 * Runs in the errand worker.  While curl opens a connection it says what it
 * waits for; afterwards smtp_talk.c does.  What curl calls here only records,
 * opens and closes.  sockets.c tells why a descriptor may be known already.
 *
 *-------------------------------------------------------------------------
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/smtp_internal.h"

#define AGAIN_MS 100 /* after curl was out of memory */

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_curl_timer(uv_timer_t *timer);

static ErrandSmtpSocket *
find_socket(const ErrandSmtp *s, int fd)
{
	for (ErrandLink *l = s->sockets.next; l != &s->sockets; l = l->next)
	{
		ErrandSmtpSocket *k = errand_container(l, ErrandSmtpSocket, link);

		if (k->fd == fd)
			return k;
	}
	return NULL;
}

static ErrandSmtpSocket *
add_socket(ErrandSmtp *s, int fd)
{
	ErrandSmtpSocket *k = calloc(1, sizeof(ErrandSmtpSocket));

	if (k == NULL || uv_poll_init(s->loop, &k->poll, fd) != 0)
	{
		free(k);
		return NULL;
	}
	k->poll.data = k;
	k->smtp = s;
	k->handles = &s->handles;
	k->fd = fd;
	errand_list_init(&k->link);
	errand_list_push(&s->sockets, &k->link);
	errand_handle_opened(&s->handles);
	return k;
}

static void
on_socket_closed(uv_handle_t *handle)
{
	ErrandSmtpSocket *k = handle->data;
	ErrandHandles *handles = k->handles;

	free(k);
	errand_handle_closed(handles);
}

/* libuv lets go of the descriptor at once, of the memory later. */
void
errand_smtp_socket_drop(ErrandSmtpSocket *k)
{
	errand_list_remove(&k->link);
	if (k->line != NULL)
		k->line->socket = NULL;
	k->line = NULL;
	k->wanted = 0;
	uv_poll_stop(&k->poll);
	uv_close((uv_handle_t *) &k->poll, on_socket_closed);
}

void
errand_smtp_socket_watch(ErrandSmtpSocket *k, int events)
{
	k->wanted = events;
	if (k->polled == events)
		return;
	k->polled = events;
	if (events == 0)
		uv_poll_stop(&k->poll);
	else
		uv_poll_start(&k->poll, events, on_poll);
}

/* As in sockets.c: curl forgets when to be called once its memory was out. */
static void
call_curl(ErrandSmtp *s, curl_socket_t fd, int flags)
{
	int running;

	if (curl_multi_socket_action(s->multi, fd, flags, &running) != CURLM_OK)
		uv_timer_start(&s->curl_timer, on_curl_timer, AGAIN_MS, 0);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	ErrandSmtpSocket *k = poll->data;
	ErrandSmtp *s = k->smtp;
	int flags = 0;
	int fd = k->fd;

	if (status < 0)
		k->polled = 0; /* libuv stops by itself then */
	if (k->line != NULL)
	{
		errand_smtp_talk(k->line);
		return;
	}
	if (status < 0 || (events & UV_READABLE))
		flags |= CURL_CSELECT_IN;
	if (status < 0 || (events & UV_WRITABLE))
		flags |= CURL_CSELECT_OUT;
	call_curl(s, fd, flags);
	if (find_socket(s, fd) == k && k->wanted != 0)
		errand_smtp_socket_watch(k, k->wanted);
}

/* From curl: what it waits for on a socket. */
static int
on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	ErrandSmtp *s = arg;
	ErrandSmtpSocket *k = find_socket(s, fd);

	(void) easy;
	(void) unused;
	if (what == CURL_POLL_REMOVE)
	{
		if (k != NULL && k->line == NULL)
			errand_smtp_socket_drop(k);
		return 0;
	}
	if (k == NULL)
		k = add_socket(s, fd);
	if (k != NULL) /* else the message will time out */
		errand_smtp_socket_watch(k, (what & CURL_POLL_IN ? UV_READABLE : 0) |
										(what & CURL_POLL_OUT ? UV_WRITABLE : 0));
	return 0;
}

/*
 * CURLOPT_OPENSOCKETFUNCTION.  If the descriptor is known, curl closed it a
 * moment ago without a word and may believe that it is watched as it was.
 */
curl_socket_t
errand_smtp_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	ErrandSmtpLine *l = arg;
	ErrandSmtpSocket *stale;
	ErrandSmtpSocket *k;
	int wanted;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

	(void) purpose;
	if (fd < 0)
		return CURL_SOCKET_BAD;
	stale = find_socket(l->smtp, fd);
	if (stale == NULL)
		return fd;
	wanted = stale->wanted;
	errand_smtp_socket_drop(stale);
	k = add_socket(l->smtp, fd);
	if (k != NULL)
		errand_smtp_socket_watch(k, wanted);
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
int
errand_smtp_socket_close(void *arg, curl_socket_t fd)
{
	ErrandSmtpSocket *k = find_socket(arg, fd);

	if (k != NULL)
		errand_smtp_socket_drop(k);
	return close(fd);
}

/* The connection is open: from now on it is the line's. */
ErrandSmtpSocket *
errand_smtp_socket_adopt(ErrandSmtpLine *l, int fd)
{
	ErrandSmtpSocket *k = find_socket(l->smtp, fd);

	if (k != NULL)
		errand_smtp_socket_drop(k);
	k = add_socket(l->smtp, fd);
	if (k != NULL)
		k->line = l;
	return k;
}

static void
on_curl_timer(uv_timer_t *timer)
{
	call_curl(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* From curl: when it wants to be called without an event. */
static int
on_timer_wanted(CURLM *multi, long ms, void *arg)
{
	ErrandSmtp *s = arg;

	(void) multi;
	s->curl_now = ms == 0;
	if (ms > 0)
		uv_timer_start(&s->curl_timer, on_curl_timer, (uint64_t) ms, 0);
	else
		uv_timer_stop(&s->curl_timer);
	if (ms == 0)
		errand_smtp_wake(s);
	return 0;
}

bool
errand_smtp_sockets_kick(ErrandSmtp *s)
{
	if (!s->curl_now)
		return false;
	s->curl_now = false;
	on_curl_timer(&s->curl_timer);
	return true;
}

bool
errand_smtp_sockets_create(ErrandSmtp *s)
{
	s->multi = curl_multi_init();
	if (s->multi == NULL)
		return false;
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
	return true;
}

/* Once curl is gone: let go of what it closed without a word. */
void
errand_smtp_sockets_close(ErrandSmtp *s)
{
	while (!errand_list_empty(&s->sockets))
		errand_smtp_socket_drop(errand_container(s->sockets.next, ErrandSmtpSocket, link));
}
