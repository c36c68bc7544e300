/*
 * clients.c
 *		Connections of the load: a handshake with a token as subprotocol, a
 *		subscription, and the frames that a server sends.
 *
 * A server's frames are not masked; ours are few and short.  What a client has
 * of an unfinished frame is kept apart, so that ten thousand idle ones need
 * next to nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define READ_BYTES (1 << 20)
#define HEAD_END "\r\n\r\n"

enum
{
	OP_TEXT = 1,
	OP_CLOSE = 8,
	OP_PING = 9,
	OP_PONG = 10
};

static void
send_all(Client *c, const void *bytes, size_t length)
{
	if (send(c->fd, bytes, length, MSG_NOSIGNAL) != (ssize_t) length)
		fail("send", strerror(errno));
}

/* A masked frame of up to 125 bytes; the mask is zero, which changes nothing. */
static void
send_frame(Client *c, int op, const char *text, size_t length)
{
	char frame[6 + 125] = {(char) (0x80 | op), (char) (0x80 | length)};

	if (length > 125)
		fail("send_frame", "too long");
	memcpy(frame + 6, text, length);
	send_all(c, frame, 6 + length);
}

void
client_open(Load *load, int i)
{
	Client *c = &load->clients[i];
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(load->port)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	char head[4096];
	int one = 1;
	int length;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->number = i;
	c->state = CLIENT_CONNECTING;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *) &to, sizeof(to)) != 0)
		fail("connect", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	length = snprintf(
		head, sizeof(head),
		"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: errand.v1.json%s%s\r\n\r\n",
		load->port, load->token ? ", bearer." : "", load->token ? load->token : "");
	send_all(c, head, length);
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
		fail("epoll_ctl", strerror(errno));
}

static void
client_ready(Load *load, Client *c)
{
	c->state = CLIENT_READY;
	load->ready++;
}

static void
client_closed(Load *load, Client *c, const char *why, int code)
{
	if (c->state == CLIENT_CLOSED)
		return;
	if (load->closed < 5) /* the others tell the same */
		fprintf(stderr, "load: client %d: %s %d\n", c->number, why, code);
	if (c->state == CLIENT_READY)
		load->ready--;
	c->state = CLIENT_CLOSED;
	load->closed++;
	close(c->fd);
}

/* A whole text message: JSON objects, one a line. */
static void
client_text(Load *load, Client *c, const char *text, size_t length, int64_t now)
{
	const char *end = text + length;

	if (load->tee && c->number == 0 && c->state == CLIENT_READY)
	{
		fwrite(text, 1, length, stdout);
		if (end[-1] != '\n')
			putchar('\n');
		fflush(stdout);
	}
	while (text < end)
	{
		const char *newline = memchr(text, '\n', end - text);
		size_t bytes = (newline ? newline : end) - text;

		if (c->state == CLIENT_WELCOME && memmem(text, bytes, "\"type\":\"snapshot\"", 17) != NULL)
			client_ready(load, c);
		else if (bytes > 0)
			event_line(c, text, bytes, now);
		text += bytes + 1;
	}
}

static void
client_frame(Load *load, Client *c, int op, const char *body, size_t length, int64_t now)
{
	load->frames++;
	load->bytes += length;
	if (op == OP_TEXT)
		client_text(load, c, body, length, now);
	else if (op == OP_PING)
		send_frame(c, OP_PONG, body, length);
	else if (op == OP_CLOSE)
		client_closed(load, c, "closed by the server, code",
					  length >= 2 ? (unsigned char) body[0] << 8 | (unsigned char) body[1] : 0);
}

/* The frame at the head of the bytes: how long it is in all, 0 if it is not all there. */
static size_t
take_frame(Load *load, Client *c, const char *bytes, size_t length, int64_t now)
{
	const unsigned char *b = (const unsigned char *) bytes;
	size_t head = 2;
	size_t body;

	if (length < 2)
		return 0;
	body = b[1] & 0x7f;
	if (body >= 126)
	{
		size_t extra = body == 126 ? 2 : 8;

		if (length < 2 + extra)
			return 0;
		body = 0;
		for (size_t i = 0; i < extra; i++)
			body = body << 8 | b[2 + i];
		head += extra;
	}
	if (length < head + body)
		return 0;
	/* what is cut into fragments would need to be put together again: none is */
	if ((b[0] & 0x80) == 0 || (b[1] & 0x80) != 0)
		fail("frame", "a fragment, or masked");
	client_frame(load, c, b[0] & 0x0f, bytes + head, body, now);
	return head + body;
}

/* The answer to the handshake: its length, 0 if it is not all there. */
static size_t
take_handshake(Load *load, Client *c, const char *bytes, size_t length)
{
	const char *end = memmem(bytes, length, HEAD_END, 4);
	char message[128];
	int n;

	if (end == NULL)
		return 0;
	if (length < 12 || memcmp(bytes, "HTTP/1.1 101", 12) != 0)
	{
		client_closed(load, c, "the upgrade was refused", length >= 12 ? atoi(bytes + 9) : 0);
		return 0;
	}
	c->state = CLIENT_WELCOME;
	if (load->token == NULL)
		client_ready(load, c);
	else
	{
		n = snprintf(message, sizeof(message),
					 "{\"type\":\"subscribe\",\"id\":\"1\",\"channel\":\"%s\",\"batch\":true}",
					 load->channel);
		send_frame(c, OP_TEXT, message, n);
	}
	return end + 4 - bytes;
}

static void
keep(Client *c, const char *bytes, size_t length)
{
	char *fresh = NULL;

	if (length > 0)
	{
		fresh = malloc(length);
		if (fresh == NULL)
			fail("malloc", "no memory");
		memcpy(fresh, bytes, length);
	}
	free(c->kept);
	c->kept = fresh;
	c->kept_bytes = length;
}

void
client_read(Load *load, Client *c)
{
	static char buffer[READ_BYTES];
	size_t have = c->kept_bytes;
	size_t used = 0;
	int64_t now;
	ssize_t n;

	if (have >= READ_BYTES)
		fail("frame", "too large");
	if (have > 0)
		memcpy(buffer, c->kept, have);
	n = recv(c->fd, buffer + have, READ_BYTES - have, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
	{
		client_closed(load, c, "the connection ended", 0);
		return;
	}
	now = epoch_us();
	have += n;
	while (used < have && c->state != CLIENT_CLOSED)
	{
		size_t taken = c->state == CLIENT_CONNECTING ?
						   take_handshake(load, c, buffer + used, have - used) :
						   take_frame(load, c, buffer + used, have - used, now);

		if (taken == 0)
			break;
		used += taken;
	}
	keep(c, buffer + used, c->state == CLIENT_CLOSED ? 0 : have - used);
}
