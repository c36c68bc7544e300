/*-------------------------------------------------------------------------
 *
 * smtp_server.c
 *	  A mail server in the test's own loop.
 *
 *-------------------------------------------------------------------------
 */
#include "smtp_server.h"

SmtpServer S;

static void
on_peer_closed(uv_handle_t *handle)
{
	if (S.last == handle->data)
		S.last = NULL;
	free(handle->data);
}

static void
peer_close(Peer *p)
{
	if (!uv_is_closing((uv_handle_t *) &p->tcp))
		uv_close((uv_handle_t *) &p->tcp, on_peer_closed);
}

static void
peer_say(Peer *p, const char *text)
{
	uv_buf_t buf = uv_buf_init((char *) text, (unsigned) strlen(text));

	if (text[0] != '\0' && !uv_is_closing((uv_handle_t *) &p->tcp))
		uv_try_write((uv_stream_t *) &p->tcp, &buf, 1);
}

static const char *
usual_answer(Peer *p, const char *line)
{
	if (strncmp(line, "EHLO", 4) == 0)
		return "250-test\r\n250 8BITMIME\r\n";
	if (strncmp(line, "DATA", 4) != 0)
		return "250 fine\r\n";
	p->data = true;
	return "354 go on\r\n";
}

static void
command(Peer *p, const char *line)
{
	if (S.commands < LINES)
		snprintf(S.seen[S.commands++], sizeof(S.seen[0]), "%s", line);
	if (S.script.times > 0 && strncmp(line, S.script.command, strlen(S.script.command)) == 0)
	{
		S.script.times--;
		if (S.script.answer == NULL)
			peer_close(p);
		else
			peer_say(p, S.script.answer);
	}
	else if (strncmp(line, "QUIT", 4) == 0)
		peer_close(p);
	else
		peer_say(p, usual_answer(p, line));
}

static void
take_line(Peer *p, char *line, size_t len)
{
	line[len] = '\0';
	if (!p->data)
		command(p, line);
	else if (strcmp(line, ".") == 0)
	{
		p->data = false;
		S.messages++;
		command(p, "the end");
	}
	else
		S.body += len + 2;
}

static void
on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	Peer *p = stream->data;
	char *end;

	(void) buf;
	if (n < 0)
	{
		peer_close(p);
		return;
	}
	p->len += (size_t) n;
	while (!uv_is_closing((uv_handle_t *) stream) &&
		   (end = memmem(p->in, p->len, "\r\n", 2)) != NULL)
	{
		size_t len = (size_t) (end - p->in);

		take_line(p, p->in, len);
		p->len -= len + 2;
		memmove(p->in, end + 2, p->len);
	}
}

static void
on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	Peer *p = handle->data;

	(void) size;
	*buf = uv_buf_init(p->in + p->len, (unsigned) (sizeof(p->in) - p->len));
}

static void
on_connection(uv_stream_t *server, int status)
{
	Peer *p = calloc(1, sizeof(Peer));

	(void) status;
	p->tcp.data = p;
	uv_tcp_init(&H.loop, &p->tcp);
	assert_int_equal(uv_accept(server, (uv_stream_t *) &p->tcp), 0);
	uv_read_start((uv_stream_t *) &p->tcp, on_alloc, on_read);
	S.connections++;
	S.last = p;
	peer_say(p, S.greeting);
}

void
smtp_server_open(void)
{
	struct sockaddr_in address;
	int size = sizeof(address);

	memset(&S, 0, sizeof(S));
	S.greeting = "220 test\r\n";
	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&H.loop, &S.listener);
	uv_tcp_bind(&S.listener, (struct sockaddr *) &address, 0);
	uv_listen((uv_stream_t *) &S.listener, 64, on_connection);
	uv_tcp_getsockname(&S.listener, (struct sockaddr *) &address, &size);
	S.port = ntohs(address.sin_port);
}

/* End the connection that was opened last. */
void
smtp_server_hang_up(void)
{
	peer_close(S.last);
	WAIT_FOR(S.last == NULL);
}

void
smtp_server_close(void)
{
	uv_close((uv_handle_t *) &S.listener, NULL);
	WAIT_FOR(S.last == NULL);
}
