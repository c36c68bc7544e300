/*-------------------------------------------------------------------------
 *
 * hostile_server.c
 *	  What a server can do wrong, by path.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

static char *bomb; /* 100 MB of zeros, gzipped */
static size_t bomb_len;

static void
send_headers(Conn *c, int n)
{
	size_t size = (size_t) n * 32 + 100;
	char *text = malloc(size);
	size_t len = (size_t) snprintf(text, size, "HTTP/1.1 200 OK\r\n");

	for (int i = 0; i < n; i++)
		len += (size_t) snprintf(text + len, size - len, "X-%d: y\r\n", i);
	len += (size_t) snprintf(text + len, size - len, "Content-Length: 0\r\n\r\n");
	conn_send(c, text, len);
	free(text);
}

static void
send_long_header(Conn *c, size_t n)
{
	char *text = malloc(n);

	memset(text, 'a', n);
	conn_printf(c, "HTTP/1.1 200 OK\r\nX-Long: ");
	conn_send(c, text, n);
	conn_printf(c, "\r\nContent-Length: 0\r\n\r\n");
	free(text);
}

static void
send_chunks(Conn *c)
{
	static char chunk[4096 + 8];

	memset(chunk, 'x', sizeof(chunk));
	memcpy(chunk, "1000\r\n", 6);
	memcpy(chunk + 4096 + 6, "\r\n", 2);
	conn_printf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	conn_repeat(c, chunk, sizeof(chunk));
}

static void
handle_heads(Conn *c, const char *path)
{
	static const char again[] = "HTTP/1.1 100 Continue\r\n\r\n";

	if (strcmp(path, "/headers") == 0)
		send_headers(c, 100000);
	else if (strcmp(path, "/headers150") == 0)
		send_headers(c, 150);
	else if (strcmp(path, "/longheader") == 0)
		send_long_header(c, 70000);
	else if (strcmp(path, "/endlessheader") == 0)
		send_long_header(c, 5000000);
	else if (strcmp(path, "/interim") == 0)
		conn_repeat(c, again, sizeof(again) - 1);
	else if (strcmp(path, "/hints") == 0)
		conn_printf(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
					   "HTTP/1.1 200 OK\r\nX-Final: 1\r\nContent-Length: 2\r\n\r\nok");
	else if (strcmp(path, "/folded") == 0)
		conn_printf(c, "HTTP/1.1 200 OK\r\nX-Folded: one\r\n  two\r\n\tthree\r\n"
					   "Content-Length: 2\r\n\r\nok");
	else if (strcmp(path, "/bare") == 0)
		conn_printf(c, "HTTP/1.1 200 OK\nX-Bare: 1\nContent-Length: 2\n\nok");
	else if (strcmp(path, "/nul") == 0)
		conn_send(c, "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", 27);
	else if (strcmp(path, "/trailer") == 0)
		conn_printf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
					   "Trailer: X-T\r\n\r\n2\r\nok\r\n0\r\nX-T: evil\r\n\r\n");
}

static void
handle_bodies(Conn *c, const char *path)
{
	if (strcmp(path, "/half") == 0)
	{
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
		conn_close(c);
	}
	else if (strcmp(path, "/halfhead") == 0)
	{
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Cut: of");
		conn_close(c);
	}
	else if (strcmp(path, "/halfchunk") == 0)
	{
		conn_printf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc");
		conn_close(c);
	}
	else if (strcmp(path, "/endless") == 0)
		send_chunks(c);
	else if (strcmp(path, "/announced") == 0)
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc");
	else if (strcmp(path, "/bomb") == 0)
	{
		conn_printf(c,
					"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
					"Content-Length: %zu\r\n\r\n",
					bomb_len);
		conn_send(c, bomb, bomb_len);
	}
	else if (strcmp(path, "/badgzip") == 0)
		conn_answer(c, 200, "Content-Encoding: gzip\r\n", "this is no gzip at all");
	else if (strcmp(path, "/badlength") == 0)
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nabc");
	else if (strcmp(path, "/drip") == 0)
	{
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
		conn_drip(c, 'x', 200);
	}
	else if (strcmp(path, "/stall") == 0)
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
}

void
hostile_handle(Conn *c, const ServerRequest *r)
{
	if (strcmp(r->path, "/ok") == 0)
		conn_answer(c, 200, "", "fine");
	else if (strcmp(r->path, "/first") == 0 && conn_number(c) == 1)
		conn_answer(c, 200, "", "first");
	else if (strcmp(r->path, "/goodbye") == 0)
	{
		conn_answer(c, 200, "", "fine");
		conn_close(c);
	}
	else if (strcmp(r->path, "/close") == 0 || strcmp(r->path, "/first") == 0)
		conn_close(c);
	else if (strcmp(r->path, "/reset") == 0)
		conn_reset(c);
	else if (strcmp(r->path, "/garbage") == 0)
	{
		conn_printf(c, "SSH-2.0-OpenSSH_9.2\r\n");
		conn_close(c);
	}
	else if (strcmp(r->path, "/late") == 0)
		conn_drip(c, 'H', 60000); /* nothing for a minute */
	else
	{
		handle_heads(c, r->path);
		handle_bodies(c, r->path);
	}
}

void
hostile_make_bomb(void)
{
	FILE *f = popen("head -c 100000000 /dev/zero | gzip -1", "r");

	bomb = malloc(1000000);
	bomb_len = fread(bomb, 1, 1000000, f);
	pclose(f);
	assert_true(bomb_len > 50000 && bomb_len < 1000000);
}

void
hostile_free_bomb(void)
{
	free(bomb);
}
