/*
 * ws.c
 *		libwebsockets on the relay's libuv loop.
 *
 * Runs in the relay.  The callback only passes on; it must never throw, and
 * nothing is written but when libwebsockets says that it can be.  Sockets are
 * accepted by listen.c and come here with a request of our own making: 4.1
 * spins when descriptors run out, and cannot read a list of subprotocols as
 * long as one with a token.  Its loop is a foreign one to it, so that it leaves
 * signals alone.
 */
#include "postgres.h"

#include <libwebsockets.h>

#include "relay/log.h"
#include "relay/session.h"
#include "relay/tls.h"
#include "relay/ws.h"
#include "settings.h"

#define HANDSHAKE_S 5

static struct lws_context *context = NULL;
static struct lws_vhost *vhost = NULL;
static RelaySession *adopting = NULL; /* whose socket is being taken over */
static bool fd_taken = false;		  /* there is a wsi now, which closes the socket */
static bool session_taken = false;	  /* and frees the session */

static RelaySession *
session_of(struct lws *wsi)
{
	return lws_get_opaque_user_data(wsi);
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	RelaySession *s;

	switch (reason)
	{
		case LWS_CALLBACK_WSI_CREATE:
			fd_taken = true;
			break;
		case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
			lws_set_opaque_user_data(wsi, adopting);
			session_taken = true;
			break;
		case LWS_CALLBACK_ESTABLISHED:
			relay_session_open(session_of(wsi), wsi);
			break;
		case LWS_CALLBACK_RECEIVE:
			relay_session_receive(session_of(wsi), in, len, lws_is_first_fragment(wsi) != 0,
								  lws_is_final_fragment(wsi) != 0,
								  lws_remaining_packet_payload(wsi), lws_frame_is_binary(wsi) != 0);
			break;
		case LWS_CALLBACK_RECEIVE_PONG:
			relay_session_pong(session_of(wsi));
			break;
		case LWS_CALLBACK_SERVER_WRITEABLE:
			return relay_session_writeable(session_of(wsi)) ? 0 : -1;
		case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
			/* the answer to ours; to its own libwebsockets answers */
			return relay_session_said_close(session_of(wsi)) ? -1 : 0;
		case LWS_CALLBACK_CLOSED:
			relay_session_closed(session_of(wsi));
			break;
		case LWS_CALLBACK_WSI_DESTROY:
			s = session_of(wsi);
			lws_set_opaque_user_data(wsi, NULL);
			if (s != NULL)
				relay_session_gone(s);
			break;
		case LWS_CALLBACK_HTTP:
			return -1; /* it comes here for an upgrade only */
		default:
			break;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {
	{.name = RELAY_SUBPROTOCOL,
	 .callback = callback,
	 .rx_buffer_size = 1024,
	 .tx_packet_size = 65536},
	{0},
};

/* No keepalive of libwebsockets': its timers lie in a list that is walked from its head. */
static const lws_retry_bo_t no_keepalive = {0};

char *
relay_ws_init(uv_loop_t *loop)
{
	struct lws_context_creation_info info = {0};
	void *loops[1] = {loop};

	lws_set_log_level(LLL_ERR | LLL_WARN, relay_log_lws);
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
				   LWS_SERVER_OPTION_VALIDATE_UTF8;
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.foreign_loops = loops;
	info.timeout_secs = HANDSHAKE_S;
	info.pt_serv_buf_size = 32768; /* a record of TLS whole: of what is left no socket tells */
	info.max_http_header_data = 1024;
	info.max_http_header_pool = 16;
	info.retry_and_idle_policy = &no_keepalive;
	info.gid = -1;
	info.uid = -1;
	if (errand_tls_cert[0] != '\0')
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	context = lws_create_context(&info);
	if (context != NULL)
		vhost = lws_create_vhost(context, &info);
	relay_log_flush();
	if (vhost == NULL)
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR),
						errmsg("could not start libwebsockets"),
						errhint("On Debian its libuv plugin is the package libwebsockets-evlib-uv.")));
	return relay_tls_init(context, loop);
}

bool
relay_ws_adopt(int fd, const char *key, RelaySession *session)
{
	char request[512];
	int len = snprintf(request, sizeof(request),
					   "GET /ws HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\n"
					   "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
					   "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: " RELAY_SUBPROTOCOL
					   "\r\n\r\n",
					   key);

	adopting = session;
	fd_taken = session_taken = false;
	(void) lws_adopt_socket_vhost_readbuf(vhost, fd, request, (size_t) len);
	adopting = NULL;
	/* It may be closed and freed by now, but then the session went with it. */
	if (!fd_taken)
		close(fd);
	return session_taken;
}

bool
relay_ws_accept(ErrandSpan key, char *out)
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	unsigned char text[128];
	unsigned char hash[20];

	if (key.len + sizeof(guid) > sizeof(text))
		return false;
	memcpy(text, key.p, key.len);
	memcpy(text + key.len, guid, sizeof(guid));
	(void) lws_SHA1(text, key.len + sizeof(guid) - 1, hash);
	return lws_b64_encode_string((const char *) hash, sizeof(hash), out, 32) > 0;
}

void
relay_ws_wake(struct lws *wsi)
{
	(void) lws_callback_on_writable(wsi);
}

bool
relay_ws_write(struct lws *wsi, const char *data, size_t len)
{
	/*
	 * As ready-made bytes: libwebsockets passes them on as they are.  So
	 * several frames, made once for many clients, take one send.
	 */
	return lws_write(wsi, (unsigned char *) data, len, LWS_WRITE_HTTP) >= 0;
}

bool
relay_ws_choked(struct lws *wsi)
{
	return lws_send_pipe_choked(wsi) != 0;
}

bool
relay_ws_ping(struct lws *wsi)
{
	unsigned char room[LWS_PRE + 1];

	/* an answer without a payload would not be told to us */
	room[LWS_PRE] = '.';
	return lws_write(wsi, room + LWS_PRE, 1, LWS_WRITE_PING) >= 0;
}

bool
relay_ws_say_close(struct lws *wsi, int code, const char *reason)
{
	char frame[4 + 124]; /* a reason has at most 123 bytes */
	size_t len = Min(strlen(reason), sizeof(frame) - 5);

	/*
	 * Not lws_close_reason(): on libuv Debian's 4.1.6 closes a connection
	 * twice, since it is built with _DEBUG, and the second time no frame goes
	 * out.
	 */
	frame[0] = (char) 0x88;
	frame[1] = (char) (2 + len);
	frame[2] = (char) (code >> 8);
	frame[3] = (char) code;
	strlcpy(frame + 4, reason, sizeof(frame) - 4);
	return relay_ws_write(wsi, frame, 4 + len);
}

void
relay_ws_kill(struct lws *wsi, int seconds)
{
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, seconds);
}
