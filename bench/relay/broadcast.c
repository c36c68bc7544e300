/*
 * broadcast.c
 *		A minimal broadcaster on libwebsockets: what the relay is compared with.
 *
 *	broadcast PORT
 *
 * Every line of standard input goes to every client.  It does what the relay
 * has to do at least, the way the relay does it: libwebsockets on a foreign
 * libuv loop, nested in another wait; what one look at the input brings is one
 * frame, which all share; who lags behind gets several in one, up to 64 KB.
 * There is no token, filter, history, position or limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>
#include <uv.h>

#define KEPT_FRAMES 65536
#define FRAME_BYTES 65536

typedef struct Frame
{
	unsigned char *bytes; /* LWS_PRE of room, then the text */
	size_t length;
} Frame;

typedef struct Session
{
	uint64_t next; /* the frame it gets next */
} Session;

static Frame frames[KEPT_FRAMES];
static uint64_t head; /* the number of the next frame */

static void
fail(const char *what)
{
	fprintf(stderr, "broadcast: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The frames from *next on as one text, as many as fit; one alone is not copied. */
static unsigned char *
gather(uint64_t *next, size_t *length)
{
	static unsigned char scratch[LWS_PRE + FRAME_BYTES];
	Frame *f = &frames[*next % KEPT_FRAMES];

	*length = f->length;
	if (*next + 1 == head || f->length + frames[(*next + 1) % KEPT_FRAMES].length > FRAME_BYTES)
	{
		(*next)++;
		return f->bytes + LWS_PRE;
	}
	*length = 0;
	while (*next < head && *length + frames[*next % KEPT_FRAMES].length <= FRAME_BYTES)
	{
		f = &frames[(*next)++ % KEPT_FRAMES];
		memcpy(scratch + LWS_PRE + *length, f->bytes + LWS_PRE, f->length);
		*length += f->length;
	}
	return scratch + LWS_PRE;
}

static int
on_writeable(struct lws *wsi, Session *s)
{
	unsigned char *text;
	size_t length;

	if (s->next == head)
		return 0;
	if (head - s->next > KEPT_FRAMES)
	{
		fprintf(stderr, "broadcast: a client is too slow\n");
		return -1;
	}
	text = gather(&s->next, &length);
	if (lws_write(wsi, text, length, LWS_WRITE_TEXT) < 0)
		return -1;
	if (s->next != head)
		lws_callback_on_writable(wsi);
	return 0;
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	Session *s = user;

	switch (reason)
	{
		case LWS_CALLBACK_ESTABLISHED:
			s->next = head;
			return 0;
		case LWS_CALLBACK_SERVER_WRITEABLE:
			return on_writeable(wsi, s);
		default:
			return lws_callback_http_dummy(wsi, reason, user, in, length);
	}
}

static const struct lws_protocols protocols[] = {{"errand.v1.json", callback, sizeof(Session), 1024,
												  0, NULL, FRAME_BYTES},
												 {0}};

static struct lws_context *
listen_on(int port, uv_loop_t *loop)
{
	void *loops[1] = {loop};
	struct lws_context_creation_info info = {
		.port = port,
		.iface = "127.0.0.1",
		.protocols = protocols,
		.options = LWS_SERVER_OPTION_LIBUV,
		.foreign_loops = loops,
		.gid = -1,
		.uid = -1,
		.max_http_header_pool = 128,
	};
	struct lws_context *context = lws_create_context(&info);

	if (context == NULL)
		fail("no context");
	return context;
}

/* One look at the input: the whole lines of it, the begin of the last one kept for the next. */
static bool
take_input(void)
{
	static unsigned char buffer[FRAME_BYTES];
	static size_t have;
	ssize_t n = read(STDIN_FILENO, buffer + have, sizeof(buffer) - have);
	unsigned char *end;
	Frame *f = &frames[head % KEPT_FRAMES];

	if (n == 0)
		exit(0);
	if (n < 0)
		return false;
	have += n;
	end = memrchr(buffer, '\n', have);
	if (end == NULL)
		return false;
	f->length = end + 1 - buffer;
	free(f->bytes);
	f->bytes = malloc(LWS_PRE + f->length);
	if (f->bytes == NULL)
		fail("malloc");
	memcpy(f->bytes + LWS_PRE, buffer, f->length);
	have -= f->length;
	memmove(buffer, end + 1, have);
	head++;
	return true;
}

int
main(int argc, char **argv)
{
	uv_loop_t loop;
	struct lws_context *context;
	struct epoll_event event = {.events = EPOLLIN};
	struct rlimit files;
	int set = epoll_create1(EPOLL_CLOEXEC);

	if (argc < 2 || set < 0)
		fail("usage: broadcast PORT");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	lws_set_log_level(LLL_ERR, NULL);
	uv_loop_init(&loop);
	context = listen_on(atoi(argv[1]), &loop);
	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	epoll_ctl(set, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	epoll_ctl(set, EPOLL_CTL_ADD, uv_backend_fd(&loop), &event);
	for (;;)
	{
		struct epoll_event woken[2];
		int timeout = uv_backend_timeout(&loop);

		epoll_wait(set, woken, 2, timeout < 0 || timeout > 1000 ? 1000 : timeout);
		uv_update_time(&loop);
		if (take_input())
			lws_callback_on_writable_all_protocol(context, &protocols[0]);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
}
