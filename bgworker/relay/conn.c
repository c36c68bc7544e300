/*
 * conn.c
 *		HTTP connections on the loop.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.  One request
 * at a time: while it is answered nothing is read, so what a client sends ahead
 * waits in its socket.  All that comes is bounded, and each state has a time.
 */
#include "postgres.h"

#include "base/fault.h"
#include "relay/conn_state.h"
#include "relay/counters.h"
#include "relay/log.h"
#include "relay/sse.h"
#include "relay/web.h"

#define HEAD_MS 5000
#define BODY_MS 30000
#define IDLE_MS 15000 /* between requests */
#define LINGER_MS 2000
#define ASK_MS 60000
#define STREAM_QUEUE (256 * 1024) /* bytes a stream may have in its socket's queue */

/* One piece of writing. */
typedef struct Write
{
	uv_write_t req;
	RelayConn *conn;
	bool last; /* of an answer */
	char bytes[];
} Write;

static char scratch[65536]; /* read_cb copies out of it at once */

static void request_next(RelayConn *c);

static void
state_time(uv_timer_t *timer)
{
	RelayConn *c = timer->data;

	if (c->state == CONN_BODY || (c->state == CONN_HEAD && c->in.len > 0))
	{
		if (c->state == CONN_HEAD)
			memset(&c->head, 0, sizeof(c->head)); /* that of the request before */
		c->close = true;
		relay_conn_problem(c, 408, "the request did not come in time", NULL, NULL, NULL);
	}
	else if (c->state == CONN_STREAM)
		relay_stream_ping(c->stream);
	else
		relay_conn_close(c);
}

void
relay_conn_move(RelayConn *c, RelayConnState to, uint64 ms)
{
	Assert(c->state != CONN_CLOSED);
	c->state = to;
	ms /= (uint64) ERRAND_HASTE("relay_clock");
	if (to == CONN_ASKED || to == CONN_ANSWERING)
		(void) uv_read_stop(&c->handle.stream); /* one request at a time */
	(void) uv_timer_start(&c->timer, state_time, ms, to == CONN_STREAM ? ms : 0);
}

static void
handle_closed(uv_handle_t *handle)
{
	RelayConn *c = handle->data;

	if (--c->handles > 0)
		return;
	errand_netbuf_free(&c->in);
	free(c);
	relay_count_connections(-1);
}

void
relay_conn_close(RelayConn *c)
{
	if (c->state == CONN_CLOSED)
		return;
	if (c->stream != NULL)
		relay_stream_gone(c->stream);
	c->stream = NULL;
	if (c->request != NULL)
		relay_request_forget(c->request);
	c->request = NULL;
	relay_principal_drop(c->who);
	c->who = NULL;
	relay_conns_drop(c);
	c->state = CONN_CLOSED;
	uv_close((uv_handle_t *) &c->handle, handle_closed);
	uv_close((uv_handle_t *) &c->timer, handle_closed);
}

static void
shut(uv_shutdown_t *req, int status)
{
	free(req);
}

/* All is said: ours is closed, and what still comes is thrown away until theirs is. */
static void
linger(RelayConn *c)
{
	uv_shutdown_t *req = malloc(sizeof(uv_shutdown_t));

	if (req == NULL || uv_shutdown(req, &c->handle.stream, shut) != 0)
	{
		free(req);
		relay_conn_close(c);
		return;
	}
	c->in.len = 0;
	relay_conns_go(c);
	relay_conn_move(c, CONN_LINGERING, LINGER_MS);
}

static void
alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	*buf = uv_buf_init(scratch, sizeof(scratch));
}

static void
read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	RelayConn *c = stream->data;

	if (n == 0)
		return;
	if (n < 0)
		relay_conn_close(c);
	else if (c->state == CONN_STREAM || c->state == CONN_LINGERING)
		return; /* nothing is expected of it */
	else if (!errand_netbuf_append(&c->in, buf->base, (size_t) n))
		relay_conn_close(c);
	else
		request_next(c);
}

bool
relay_conn_listen(RelayConn *c)
{
	return uv_read_start(&c->handle.stream, alloc_cb, read_cb) == 0;
}

/* An answer is out: the next request, or the end. */
static void
answered(RelayConn *c)
{
	size_t used = c->head_len + (size_t) c->head.content_length;

	relay_principal_drop(c->who);
	c->who = NULL;
	if (c->close || relay_conns_leaving() || used > c->in.len)
	{
		(void) relay_conn_listen(c);
		linger(c);
		return;
	}
	memmove(c->in.data, c->in.data + used, c->in.len - used);
	c->in.len -= used;
	if (c->in.len == 0)
		errand_netbuf_free(&c->in);
	relay_conn_move(c, CONN_HEAD, c->in.len > 0 ? HEAD_MS : IDLE_MS);
	if (!relay_conn_listen(c))
		relay_conn_close(c);
	else
		request_next(c);
}

static void
written(uv_write_t *req, int status)
{
	Write *w = (Write *) req;
	RelayConn *c = w->conn;
	bool last = w->last;

	free(w);
	if (c->state == CONN_CLOSED)
		return;
	if (status != 0)
		relay_conn_close(c);
	else if (c->state == CONN_STREAM)
		relay_stream_pump(c->stream);
	else if (c->state == CONN_ANSWERING && last)
		answered(c);
	else if (c->state == CONN_LINGERING)
		return;
}

void
relay_conn_write(RelayConn *c, const char *data, size_t len, const char *lasting,
				 size_t lasting_len)
{
	Write *w = malloc(sizeof(Write) + len);
	uv_buf_t bufs[2];

	if (w == NULL)
	{
		relay_conn_close(c);
		return;
	}
	memcpy(w->bytes, data, len);
	w->conn = c;
	w->last = true;
	bufs[0] = uv_buf_init(w->bytes, (unsigned) len);
	bufs[1] = uv_buf_init((char *) lasting, (unsigned) lasting_len);
	if (uv_write(&w->req, &c->handle.stream, bufs, lasting_len > 0 ? 2 : 1, written) == 0)
		return;
	free(w);
	relay_conn_close(c);
}

bool
relay_conn_send(RelayConn *c, const char *data, size_t len)
{
	if (c->state == CONN_CLOSED || uv_stream_get_write_queue_size(&c->handle.stream) > STREAM_QUEUE)
		return false;
	relay_conn_write(c, data, len, NULL, 0);
	return c->state != CONN_CLOSED;
}

void
relay_conn_farewell(RelayConn *c, const char *data, size_t len)
{
	c->close = true;
	relay_conns_go(c);
	relay_conn_move(c, CONN_ANSWERING, RELAY_WRITE_MS);
	relay_conn_write(c, data, len, NULL, 0);
}

int
relay_conn_release(RelayConn *c)
{
	uv_os_fd_t fd;
	int copy = -1;

	if (uv_fileno((uv_handle_t *) &c->handle, &fd) == 0)
		copy = dup(fd);
	relay_conn_close(c);
	return copy;
}

void
relay_conn_wait(RelayConn *c)
{
	relay_conn_move(c, CONN_ASKED, ASK_MS);
}

/* The body is there as far as it goes. */
static void
body_next(RelayConn *c)
{
	if (c->in.len - c->head_len < (size_t) c->head.content_length)
		return;
	relay_conn_wait(c);
	relay_web_body(c);
}

static void
head_next(RelayConn *c)
{
	int n;

	if (c->in.len == 0)
		return;
	n = errand_request_head(c->in.data, c->in.len, &c->head);
	if (n == 0)
	{
		/* from its first byte on it has so long */
		if (uv_timer_get_due_in(&c->timer) > HEAD_MS)
			relay_conn_move(c, CONN_HEAD, HEAD_MS);
		return;
	}
	c->route = ERRAND_ROUTE_OTHER;
	c->api = NULL;
	c->head_len = n > 0 ? (size_t) n : 0;
	if (n < 0)
	{
		memset(&c->head, 0, sizeof(c->head));
		c->close = true;
		relay_conn_problem(c, -n, "the request cannot be read", NULL, NULL, NULL);
		return;
	}
	if (!relay_web_head(c))
		return;
	relay_conn_move(c, CONN_BODY, BODY_MS);
	if (c->head.expect_continue && c->in.len == c->head_len)
	{
		uv_buf_t buf = uv_buf_init("HTTP/1.1 100 Continue\r\n\r\n", 25);

		(void) uv_try_write(&c->handle.stream, &buf, 1);
	}
	body_next(c);
}

/* The buffer moves as it grows: the head's pieces with it. */
static void
head_again(RelayConn *c)
{
	ErrandHttpHead head;

	if (errand_request_head(c->in.data, c->in.len, &head) > 0)
		c->head = head;
}

static void
request_next(RelayConn *c)
{
	if (c->state == CONN_HEAD)
		head_next(c);
	else if (c->state == CONN_BODY)
	{
		head_again(c);
		body_next(c);
	}
}

RelayConn *
relay_conn_create(uv_loop_t *loop, bool tls)
{
	RelayConn *c = calloc(1, sizeof(RelayConn));

	if (c == NULL)
		return NULL;
	c->tls = tls;
	if (tls)
		(void) uv_pipe_init(loop, &c->handle.pipe, 0);
	else
		(void) uv_tcp_init(loop, &c->handle.tcp);
	(void) uv_timer_init(loop, &c->timer);
	c->handle.stream.data = c->timer.data = c;
	c->handles = 2;
	relay_conns_add(c);
	relay_count_connections(1);
	return c;
}

void
relay_conn_begin(RelayConn *c)
{
	relay_conn_move(c, CONN_HEAD, HEAD_MS);
	if (!relay_conn_listen(c))
		relay_conn_close(c);
}
