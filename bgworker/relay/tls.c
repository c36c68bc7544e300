/*
 * tls.c
 *		TLS connections, as pairs: what libwebsockets decrypts goes through a
 *		pair of sockets to conn.c, and back.
 *
 * Runs in the relay, in callbacks but for the start: it must never throw then.
 * Each direction holds a bounded number of bytes: who does not read is not read
 * from either.
 */
#include "postgres.h"

#include <libwebsockets.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "net/buffer.h"
#include "relay/log.h"
#include "relay/tls.h"
#include "settings.h"

#define QUEUE_BYTES 65536			  /* for the peer */
#define AHEAD_BYTES (2 * 1024 * 1024) /* of the peer, that conn.c has not taken */
#define PROTOCOL "errand-tls"

typedef struct Pair
{
	struct lws *wsi; /* NULL: it is gone */
	uv_pipe_t pipe;	 /* to conn.c */
	bool pipe_open;
	bool ended;		  /* conn.c says no more */
	bool heard;		  /* anything of the peer: the handshake is over */
	bool held;		  /* nothing is read of the peer */
	ErrandBuffer out; /* for the peer */
} Pair;

typedef struct PairWrite
{
	uv_write_t req;
	char bytes[];
} PairWrite;

static struct lws_vhost *vhost = NULL;
static uv_loop_t *loop = NULL;
static Pair *adopting = NULL;
static char scratch[QUEUE_BYTES];

bool
relay_tls_on(void)
{
	return vhost != NULL;
}

static void
pipe_closed(uv_handle_t *handle)
{
	Pair *p = handle->data;

	p->pipe_open = false;
	if (p->wsi != NULL)
	{
		p->ended = true;
		(void) lws_callback_on_writable(p->wsi);
		return;
	}
	errand_netbuf_free(&p->out);
	free(p);
}

static void
pipe_close(Pair *p)
{
	if (p->pipe_open && !uv_is_closing((uv_handle_t *) &p->pipe))
		uv_close((uv_handle_t *) &p->pipe, pipe_closed);
	else if (!p->pipe_open)
	{
		errand_netbuf_free(&p->out);
		free(p);
	}
}

static void
alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	*buf = uv_buf_init(scratch, sizeof(scratch));
}

/* Conn.c says something to the peer, or nothing any more. */
static void
read_cb(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	Pair *p = stream->data;

	if (p->wsi == NULL || n == 0)
		return;
	if (n < 0 || !errand_netbuf_append(&p->out, buf->base, (size_t) n))
		p->ended = true;
	if (p->ended || p->out.len >= QUEUE_BYTES)
		(void) uv_read_stop(stream);
	(void) lws_callback_on_writable(p->wsi);
}

static void
written(uv_write_t *req, int status)
{
	free(req);
}

/* The peer says something. */
static int
hear(Pair *p, const char *data, size_t len)
{
	PairWrite *w = p->pipe_open ? malloc(sizeof(PairWrite) + len) : NULL;
	uv_buf_t buf;

	if (w == NULL)
		return -1;
	memcpy(w->bytes, data, len);
	buf = uv_buf_init(w->bytes, (unsigned) len);
	if (uv_write(&w->req, (uv_stream_t *) &p->pipe, &buf, 1, written) != 0)
	{
		free(w);
		return -1;
	}
	/*
	 * Not lws_rx_flow_control() here: what OpenSSL has decrypted already would not
	 * be told of again.  So a peer may be as far ahead as a request is long.
	 */
	if (uv_stream_get_write_queue_size((uv_stream_t *) &p->pipe) > AHEAD_BYTES)
		return -1;
	if (!p->heard)
		lws_set_timeout(p->wsi, NO_PENDING_TIMEOUT, 0); /* that of the handshake */
	p->heard = true;
	return 0;
}

void
relay_tls_hold(struct lws *wsi, bool *held)
{
	bool hold = lws_partial_buffered(wsi) != 0;

	if (hold == *held)
		return;
	*held = hold;
	(void) lws_rx_flow_control(wsi, !hold);
	if (hold)
		(void) lws_callback_on_writable(wsi); /* to be let go when all is written */
}

/* The peer takes more. */
static int
tell(Pair *p)
{
	size_t len = Min(p->out.len, 16384);

	if (len > 0)
	{
		if (lws_write(p->wsi, (unsigned char *) p->out.data, len, LWS_WRITE_RAW) < 0)
			return -1;
		memmove(p->out.data, p->out.data + len, p->out.len - len);
		p->out.len -= len;
	}
	if (p->out.len > 0 || (p->ended && len > 0))
		(void) lws_callback_on_writable(p->wsi);
	else if (p->ended)
		return -1;
	else
	{
		errand_netbuf_free(&p->out);
		if (p->pipe_open && !uv_is_closing((uv_handle_t *) &p->pipe))
			(void) uv_read_start((uv_stream_t *) &p->pipe, alloc_cb, read_cb);
	}
	return 0;
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	Pair *p = lws_get_opaque_user_data(wsi);

	switch (reason)
	{
		case LWS_CALLBACK_RAW_ADOPT:
			if (adopting == NULL)
				return -1;
			adopting->wsi = wsi;
			lws_set_opaque_user_data(wsi, adopting);
			break;
		case LWS_CALLBACK_RAW_RX:
			return p != NULL ? hear(p, in, len) : -1;
		case LWS_CALLBACK_RAW_WRITEABLE:
			if (p == NULL || tell(p) != 0)
				return -1;
			relay_tls_hold(wsi, &p->held);
			break;
		case LWS_CALLBACK_WSI_DESTROY:
			if (p == NULL)
				break;
			lws_set_opaque_user_data(wsi, NULL);
			p->wsi = NULL;
			pipe_close(p);
			break;
		default:
			break;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {
	{.name = PROTOCOL, .callback = callback, .rx_buffer_size = 4096},
	{0},
};

/* PostgreSQL's own rule: nobody else may read it, but for root's, which our group may. */
static char *
key_problem(const char *file)
{
	struct stat st;

	if (stat(file, &st) != 0)
		return psprintf("%s: %s", file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return psprintf("%s is no file", file);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return psprintf("%s must belong to the server's user or root", file);
	if ((st.st_uid == geteuid() && st.st_mode & (S_IRWXG | S_IRWXO)) ||
		(st.st_uid == 0 && st.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)))
		return psprintf("%s may be read by others: its mode must be 0600, or 0640 if it is root's",
						file);
	return NULL;
}

char *
relay_tls_init(struct lws_context *context, uv_loop_t *uv)
{
	struct lws_context_creation_info info = {0};
	char *problem;

	loop = uv;
	if (errand_tls_cert[0] == '\0')
		return NULL;
	problem = key_problem(errand_tls_key);
	if (problem != NULL)
		return problem;
	info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.vhost_name = PROTOCOL;
	info.protocols = protocols;
	info.ssl_cert_filepath = errand_tls_cert;
	info.ssl_private_key_filepath = errand_tls_key;
	info.alpn = "http/1.1";
	vhost = lws_create_vhost(context, &info);
	return vhost != NULL ? NULL :
						   psprintf("%s and %s cannot be used", errand_tls_cert, errand_tls_key);
}

int
relay_tls_adopt(int fd)
{
	lws_sock_file_fd_type sock = {.sockfd = fd};
	Pair *p = calloc(1, sizeof(Pair));
	int ends[2];

	if (p == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
	{
		free(p);
		close(fd);
		return -1;
	}
	(void) uv_pipe_init(loop, &p->pipe, 0);
	p->pipe.data = p;
	p->pipe_open = true;
	(void) uv_pipe_open(&p->pipe, ends[0]);
	adopting = p;
	(void) lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_ALLOW_SSL, sock, PROTOCOL,
									  NULL);
	adopting = NULL;
	if (p->wsi == NULL)
	{
		pipe_close(p);
		close(ends[1]);
		return -1;
	}
	(void) uv_read_start((uv_stream_t *) &p->pipe, alloc_cb, read_cb);
	return ends[1];
}
