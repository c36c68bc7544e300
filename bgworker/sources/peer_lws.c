/*
 * peer_lws.c
 *		The callbacks of libwebsockets for the client's end of a connection.
 *
 * Runs in the stream process.  Callbacks only record: they never call
 * PostgreSQL, never look a name up, and never touch a peer that was closed.
 * libwebsockets would follow redirects and use proxies by itself: it is told
 * not to.
 */
#include <arpa/inet.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/refusal.h"
#include "sources/peer_internal.h"

#define RX_BYTES 65536
#define SERVICE_BYTES 16384 /* room for the request's head */
#define LWS_SECONDS 30		/* of a handshake; our own patience ends before */

ErrandDialer *errand_peers_dialer = NULL;

static struct lws_context *context = NULL;
static char tls_error[200] = ""; /* what was last said of a certificate */
static int leaving = 0;

/* In the place of a peer: its owner let go, and it says goodbye by itself. */
static char goodbye;

int64_t
errand_peer_now(void)
{
	return (int64_t) (uv_hrtime() / 1000);
}

int
errand_peers_alive(void)
{
	return leaving;
}

bool
errand_peer_frame_make(ErrandPeerFrame *f, const char *text)
{
	f->len = strlen(text);
	f->room = malloc(LWS_PRE + f->len + 1);
	if (f->room != NULL)
		memcpy(f->room + LWS_PRE, text, f->len);
	return f->room != NULL;
}

void
errand_peer_frame_free(ErrandPeerFrame *f)
{
	explicit_bzero(f->room + LWS_PRE, f->len);
	free(f->room);
	f->room = NULL;
}

/* Why a certificate does not do is told to the log alone. */
static void
on_log(int level, const char *line)
{
	const char *error = strstr(line, "SSL error: ");
	const char *end;

	(void) level;
	if (error == NULL)
		return;
	error += strlen("SSL error: ");
	end = strstr(error, " (preverify");
	snprintf(tls_error, sizeof(tls_error), "%.*s",
			 end != NULL ? (int) (end - error) : (int) strcspn(error, "\n"), error);
}

/* The address at the other end is the one that was judged, and still may be connected to. */
static bool
peer_is_judged(struct lws *wsi, ErrandPeer *p)
{
	ErrandAddress a;

	memset(&a, 0, sizeof(a));
	a.len = sizeof(a.u);
	return getpeername(lws_get_socket_fd(wsi), &a.u.sa, &a.len) == 0 &&
		   errand_dialer_allows(errand_peers_dialer, &a) && errand_peer_allowed(p);
}

static int
append_head(struct lws *wsi, ErrandPeer *p, char **at, size_t room)
{
	size_t len = strlen(p->head);

	if (!peer_is_judged(wsi, p))
	{
		errand_peer_fail(p, ERRAND_PEER_BANNED,
						 "it is connected to an address that is not allowed");
		return -1;
	}
	if (len > room)
	{
		errand_peer_fail(p, ERRAND_PEER_FAILED, "its headers are too long");
		return -1;
	}
	memcpy(*at, p->head, len);
	*at += len;
	return 0;
}

/* The HTTP answer, before it is judged to be an upgrade. */
static void
take_answer(struct lws *wsi, ErrandPeer *p)
{
	char text[32];

	p->state.status = (int) lws_http_client_http_response(wsi);
	if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_RETRY_AFTER) > 0 &&
		strspn(text, "0123456789") == strlen(text) && strlen(text) < 8)
		p->state.retry_after_ms = atoll(text) * 1000;
}

static void
opened(struct lws *wsi, ErrandPeer *p)
{
	p->state.open = true;
	p->state.heard_us = errand_peer_now();
	if (p->next_frame < p->n_frames)
		lws_callback_on_writable(wsi);
	else
		errand_peer_forget(p);
}

/* The frames to begin with, one a turn; then pings. */
static int
write_next(struct lws *wsi, ErrandPeer *p)
{
	unsigned char room[LWS_PRE + 1];

	if (p->next_frame < p->n_frames)
	{
		ErrandPeerFrame *f = &p->to_send[p->next_frame];
		int written = lws_write(wsi, f->room + LWS_PRE, f->len, LWS_WRITE_TEXT);

		if (written < (int) f->len)
			return -1;
		errand_peer_frame_free(f);
		if (++p->next_frame < p->n_frames)
			lws_callback_on_writable(wsi);
		else
			errand_peer_forget(p);
	}
	else if (p->ping)
	{
		p->ping = false;
		if (lws_write(wsi, room + LWS_PRE, 0, LWS_WRITE_PING) < 0)
			return -1;
	}
	return 0;
}

static void
receive(struct lws *wsi, ErrandPeer *p, const void *in, size_t len)
{
	p->state.heard_us = errand_peer_now();
	(void) errand_frames_add(p->frames, in, len, lws_is_first_fragment(wsi) != 0,
							 lws_is_final_fragment(wsi) != 0, p->state.heard_us);
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	void *owner = wsi != NULL && context != NULL ? lws_get_opaque_user_data(wsi) : NULL;
	ErrandPeer *p = owner;

	(void) user;
	if (owner == NULL)
		return 0;
	if (owner == &goodbye)
	{
		leaving -= reason == LWS_CALLBACK_WSI_DESTROY;
		return 0;
	}
	switch (reason)
	{
		case LWS_CALLBACK_WSI_CREATE:
			p->connected = true;
			break;
		case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
			return append_head(wsi, p, (char **) in, len);
		case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
			take_answer(wsi, p);
			break;
		case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
			errand_peer_failed(p, in, len, tls_error);
			lws_set_opaque_user_data(wsi, NULL);
			break;
		case LWS_CALLBACK_CLIENT_ESTABLISHED:
			opened(wsi, p);
			break;
		case LWS_CALLBACK_CLIENT_WRITEABLE:
			return write_next(wsi, p);
		case LWS_CALLBACK_CLIENT_RECEIVE:
			receive(wsi, p, in, len);
			break;
		case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
			p->state.heard_us = errand_peer_now();
			break;
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			errand_peer_take_close(p, in, len);
			break;
		case LWS_CALLBACK_CLIENT_CLOSED:
		case LWS_CALLBACK_WSI_DESTROY:
			if (p->state.open)
				errand_peer_closed(p);
			else
				errand_peer_failed(p, NULL, 0, tls_error);
			lws_set_opaque_user_data(wsi, NULL);
			break;
		default:
			break;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {{.name = "errand-stream",
												  .callback = on_event,
												  .rx_buffer_size = RX_BYTES},
												 {.name = NULL}};

/* When to ping and when to give up is our business. */
static const lws_retry_bo_t no_keepalive = {0};

void
errand_peer_connect(ErrandPeer *p, const ErrandAddress *address)
{
	struct lws_client_connect_info i;
	char text[64];
	struct lws *wsi;

	memset(&i, 0, sizeof(i));
	p->address = *address;
	p->connected = p->ended = false;
	p->state.status = 0;
	tls_error[0] = '\0';
	errand_address_format(address, text, sizeof(text));
	i.context = context;
	i.address = text;
	i.port = p->port;
	i.path = p->path;
	i.host = p->host;
	i.protocol = p->protocol;
	i.local_protocol_name = protocols[0].name;
	i.alpn = "http/1.1";
	i.ietf_version_or_minus_one = -1;
	i.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (p->tls ? LCCSCF_USE_SSL : 0);
	i.opaque_user_data = p;
	i.retry_and_idle_policy = &no_keepalive;
	i.pwsi = &p->wsi;
	wsi = lws_client_connect_via_info(&i);
	if (wsi == NULL && !p->ended)
		errand_peer_failed(p, NULL, 0, tls_error);
	p->wsi = p->ended ? NULL : wsi;
}

void
errand_peer_ping(ErrandPeer *p)
{
	if (p->wsi == NULL || !p->state.open)
		return;
	p->ping = true;
	lws_callback_on_writable(p->wsi);
}

void
errand_peer_detach(ErrandPeer *p, int code)
{
	struct lws *wsi = p->wsi;
	bool polite = code != 0 && p->state.open && !p->state.over;

	p->wsi = NULL;
	lws_set_opaque_user_data(wsi, polite ? &goodbye : NULL);
	leaving += polite;
	if (polite)
		lws_close_reason(wsi, (enum lws_close_status) code, NULL, 0);
	/*
	 * "Now" with a reason still is a goodbye.  Returning -1 from a callback
	 * instead would not be one: a libwebsockets that was built for debugging, as
	 * Debian's is, closes twice then, if it runs on libuv.
	 */
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE,
					polite ? LWS_TO_KILL_SYNC : LWS_TO_KILL_ASYNC);
}

bool
errand_peers_start(uv_loop_t *loop, const ErrandPeersConfig *c, const char **why)
{
	struct lws_context_creation_info info;
	void *loops[1] = {loop};
	const bool own_ca = c->ca_file != NULL && c->ca_file[0] != '\0';

	errand_peers_dialer = errand_dialer_create(loop, c->dns_servers, c->dns_timeout_ms, c->allow,
											   c->n_allow, why);
	if (errand_peers_dialer == NULL)
		return false;
	unsetenv("http_proxy");
	unsetenv("socks_proxy");
	lws_set_log_level(LLL_ERR, on_log);
	memset(&info, 0, sizeof(info));
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.protocols = protocols;
	info.foreign_loops = loops;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
				   (own_ca ? LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS : 0);
	info.client_ssl_ca_filepath = own_ca ? c->ca_file : NULL;
	info.gid = (gid_t) -1;
	info.uid = (uid_t) -1;
	info.fd_limit_per_thread = (unsigned) c->max_peers;
	info.max_http_header_data2 = SERVICE_BYTES;
	info.max_http_header_pool2 = 64;
	info.pt_serv_buf_size = SERVICE_BYTES;
	info.timeout_secs = LWS_SECONDS;
	info.connect_timeout_secs = LWS_SECONDS;
	context = lws_create_context(&info);
	*why = "libwebsockets could not be set up; is libwebsockets-evlib-uv installed?";
	return context != NULL;
}

bool
errand_peers_configure(const ErrandPeersConfig *c)
{
	return errand_dialer_configure(errand_peers_dialer, c->dns_servers, c->dns_timeout_ms, c->allow,
								   c->n_allow);
}
