/*-------------------------------------------------------------------------
 *
 * server.c
 *	  A small HTTP server in the test's own process and loop, which does with
 *	  a connection whatever its handler says.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#include <arpa/inet.h>
#include <strings.h>

struct Server
{
	uv_tcp_t listener;
	ServerHandler handler;
	int port;
	int accepted;
	int requests;
	int open;
	Conn *first;
	char *last_head;
	char *last_body;
	size_t last_body_len;
	bool closed;
};

struct Conn
{
	uv_tcp_t tcp;
	uv_timer_t timer; /* conn_drip */
	int handles;
	Server *server;
	Conn *next;
	Conn *prev;
	char *in;
	size_t in_len;
	const void *repeat;
	size_t repeat_len;
	char drip;
	bool closing;
	int requests;
};

typedef struct Write
{
	uv_write_t req;
	Conn *conn;
	char *data;
} Write;

static void
on_part_closed(uv_handle_t *h)
{
	Conn *c = h->data;

	if (--c->handles > 0)
		return;
	c->server->open--;
	if (c->next)
		c->next->prev = c->prev;
	if (c->prev)
		c->prev->next = c->next;
	else
		c->server->first = c->next;
	free(c->in);
	free(c);
}

static void
drop(Conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_close((uv_handle_t *) &c->tcp, on_part_closed);
	uv_close((uv_handle_t *) &c->timer, on_part_closed);
}

int
conn_number(const Conn *c)
{
	return c->requests;
}

void
conn_reset(Conn *c)
{
	if (c->closing)
		return;
	c->closing = true;
	uv_tcp_close_reset(&c->tcp, on_part_closed);
	uv_close((uv_handle_t *) &c->timer, on_part_closed);
}

static void
on_written(uv_write_t *req, int status)
{
	Write *w = (Write *) req;
	Conn *c = w->conn;

	free(w->data);
	free(w);
	if (status < 0)
		drop(c);
	else if (c->repeat && !c->closing)
		conn_send(c, c->repeat, c->repeat_len);
}

void
conn_send(Conn *c, const void *data, size_t len)
{
	Write *w = malloc(sizeof(Write));
	uv_buf_t buf;

	if (c->closing)
	{
		free(w);
		return;
	}
	w->conn = c;
	w->data = malloc(len + 1);
	memcpy(w->data, data, len);
	buf = uv_buf_init(w->data, (unsigned) len);
	if (uv_write(&w->req, (uv_stream_t *) &c->tcp, &buf, 1, on_written) != 0)
	{
		free(w->data);
		free(w);
		drop(c);
	}
}

void
conn_printf(Conn *c, const char *format, ...)
{
	char text[8192];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	conn_send(c, text, strlen(text));
}

void
conn_answer(Conn *c, int status, const char *headers, const char *body)
{
	conn_printf(c, "HTTP/1.1 %d Test\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(body),
				headers, body);
}

void
conn_repeat(Conn *c, const void *data, size_t len)
{
	c->repeat = data;
	c->repeat_len = len;
	conn_send(c, data, len);
}

static void
on_shutdown(uv_shutdown_t *req, int status)
{
	Conn *c = req->data;

	(void) status;
	free(req);
	drop(c);
}

void
conn_close(Conn *c)
{
	uv_shutdown_t *req = malloc(sizeof(*req));

	req->data = c;
	if (c->closing || uv_shutdown(req, (uv_stream_t *) &c->tcp, on_shutdown) != 0)
	{
		free(req);
		drop(c);
	}
}

static void
on_drip(uv_timer_t *timer)
{
	Conn *c = timer->data;

	conn_send(c, &c->drip, 1);
}

void
conn_drip(Conn *c, char byte, int every_ms)
{
	c->drip = byte;
	uv_timer_start(&c->timer, on_drip, (uint64_t) every_ms, (uint64_t) every_ms);
}

static void
remember(Server *s, const ServerRequest *r)
{
	s->requests++;
	free(s->last_head);
	free(s->last_body);
	s->last_head = strdup(r->head);
	s->last_body = malloc(r->body_len + 1);
	memcpy(s->last_body, r->body, r->body_len);
	s->last_body_len = r->body_len;
}

/* Is there a whole request in the buffer?  Then handle it and take it out. */
static bool
take_request(Conn *c)
{
	char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
	char *length;
	size_t head_len;
	size_t body_len = 0;
	char method[64] = "";
	char path[9000] = "";
	ServerRequest r;
	char *head;

	if (end == NULL)
		return false;
	head_len = (size_t) (end - c->in) + 4;
	head = strndup(c->in, head_len);
	length = strcasestr(head, "\r\ncontent-length:");
	if (length != NULL)
		body_len = strtoul(length + 17, NULL, 10);
	if (c->in_len < head_len + body_len)
	{
		free(head);
		return false;
	}
	sscanf(head, "%63s %8999s", method, path);
	r = (ServerRequest){method, path, head, c->in + head_len, body_len};
	remember(c->server, &r);
	c->requests++;
	c->server->handler(c, &r);
	memmove(c->in, c->in + head_len + body_len, c->in_len - head_len - body_len);
	c->in_len -= head_len + body_len;
	free(head);
	return !c->closing;
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	static char space[65536];

	(void) h;
	(void) suggested;
	*buf = uv_buf_init(space, sizeof(space));
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	Conn *c = stream->data;

	if (n < 0 || (n > 0 && c->server->handler == NULL))
	{
		drop(c);
		return;
	}
	c->in = realloc(c->in, c->in_len + (size_t) n + 1);
	memcpy(c->in + c->in_len, buf->base, (size_t) n);
	c->in_len += (size_t) n;
	while (take_request(c))
		;
}

static void
on_connection(uv_stream_t *listener, int status)
{
	Server *s = listener->data;
	Conn *c = calloc(1, sizeof(Conn));

	assert_int_equal(status, 0);
	s->accepted++;
	s->open++;
	c->server = s;
	c->next = s->first;
	if (c->next)
		c->next->prev = c;
	s->first = c;
	uv_tcp_init(&H.loop, &c->tcp);
	uv_timer_init(&H.loop, &c->timer);
	c->tcp.data = c->timer.data = c;
	c->handles = 2;
	assert_int_equal(uv_accept(listener, (uv_stream_t *) &c->tcp), 0);
	uv_read_start((uv_stream_t *) &c->tcp, on_alloc, on_read);
}

Server *
server_open(const char *address, int port, ServerHandler handler)
{
	Server *s = calloc(1, sizeof(Server));
	struct sockaddr_storage sa;
	int len = sizeof(sa);

	s->handler = handler;
	if (strchr(address, ':'))
		assert_int_equal(uv_ip6_addr(address, port, (struct sockaddr_in6 *) &sa), 0);
	else
		assert_int_equal(uv_ip4_addr(address, port, (struct sockaddr_in *) &sa), 0);
	uv_tcp_init(&H.loop, &s->listener);
	s->listener.data = s;
	assert_int_equal(uv_tcp_bind(&s->listener, (struct sockaddr *) &sa, 0), 0);
	assert_int_equal(uv_listen((uv_stream_t *) &s->listener, 512, on_connection), 0);
	assert_int_equal(uv_tcp_getsockname(&s->listener, (struct sockaddr *) &sa, &len), 0);
	s->port = ntohs(((struct sockaddr_in *) &sa)->sin_port);
	return s;
}

int
server_port(const Server *s)
{
	return s->port;
}

int
server_accepted(const Server *s)
{
	return s->accepted;
}

int
server_requests(const Server *s)
{
	return s->requests;
}

int
server_connections(const Server *s)
{
	return s->open;
}

const char *
server_last_head(const Server *s)
{
	return s->last_head ? s->last_head : "";
}

size_t
server_last_body(const Server *s, const char **body)
{
	*body = s->last_body;
	return s->last_body_len;
}

static void
on_listener_closed(uv_handle_t *h)
{
	((Server *) h->data)->closed = true;
}

void
server_close(Server *s)
{
	for (Conn *c = s->first; c; c = c->next)
		drop(c);
	uv_close((uv_handle_t *) &s->listener, on_listener_closed);
	WAIT_FOR(s->closed && s->open == 0);
	free(s->last_head);
	free(s->last_body);
	free(s);
}
