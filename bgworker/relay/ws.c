/*
 * ws.c
 *		The sockets of WebSockets, which libwebsockets serves on the relay's
 *		libuv loop.
 *
 * Runs in the relay.  The callback only passes on; it must never throw.  What a
 * socket does not take of a write libwebsockets keeps, and writes when it can:
 * until then nothing more is written.  The sockets
 * come here when the handshake is over, and bytes go both ways as they are:
 * 4.1 would take frames without a mask, does not see a text end within a
 * character, and on libuv closes before the close frame is out.  Its loop is a
 * foreign one to it, so that it leaves signals alone.
 */
#include "postgres.h"

#include <libwebsockets.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "relay/log.h"
#include "relay/session.h"
#include "relay/tls.h"
#include "relay/ws.h"
#include "settings.h"

#define HANDSHAKE_S 5 /* of TLS */

static struct lws_context *context = NULL;
static struct lws_vhost *vhost = NULL;

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	RelaySession *s = lws_get_opaque_user_data(wsi);

	if (s == NULL)
		return 0; /* it is about to be ours */
	switch (reason)
	{
		case LWS_CALLBACK_RAW_RX:
			return relay_session_receive(s, in, len) ? 0 : -1;
		case LWS_CALLBACK_RAW_WRITEABLE:
			if (!relay_session_writeable(s))
				return -1;
			relay_tls_hold(wsi, relay_session_held(s));
			break;
		case LWS_CALLBACK_RAW_CLOSE:
			relay_session_closed(s);
			break;
		case LWS_CALLBACK_WSI_DESTROY:
			lws_set_opaque_user_data(wsi, NULL);
			relay_session_gone(s);
			break;
		default:
			break;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {
	{.name = RELAY_SUBPROTOCOL, .callback = callback, .tx_packet_size = 65536},
	{0},
};

/* No keepalive of libwebsockets': its timers lie in a list that is walked from its head. */
static const lws_retry_bo_t no_keepalive = {0};

char *
relay_ws_init(uv_loop_t *loop)
{
	struct lws_context_creation_info info = {0};
	void *loops[1] = {loop};

	ERRAND_FAULT_ALLOCATOR(lws_set_allocator);
	lws_set_log_level(LLL_ERR | LLL_WARN, relay_log_lws);
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
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
relay_ws_adopt(int fd, RelaySession *session)
{
	lws_sock_file_fd_type sock = {.sockfd = fd};
	struct lws *wsi = lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_SOCKET, sock, RELAY_SUBPROTOCOL,
												 NULL);

	if (wsi == NULL)
		return false;
	lws_set_opaque_user_data(wsi, session);
	relay_session_open(session, wsi);
	return true;
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
	RelaySession *s = lws_get_opaque_user_data(wsi);

	if (lws_write(wsi, (unsigned char *) data, len, LWS_WRITE_RAW) < 0)
		return false;
	relay_tls_hold(wsi, relay_session_held(s));
	return true;
}

bool
relay_ws_choked(struct lws *wsi)
{
	return lws_partial_buffered(wsi) != 0;
}

bool
relay_ws_eager(struct lws *wsi)
{
	return !lws_is_ssl(wsi) && !relay_ws_choked(wsi);
}

void
relay_ws_end(struct lws *wsi, int seconds)
{
	(void) shutdown(lws_get_socket_fd(wsi), SHUT_WR);
	relay_ws_kill(wsi, seconds);
}

void
relay_ws_gone(struct lws *wsi)
{
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

void
relay_ws_kill(struct lws *wsi, int seconds)
{
	lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, seconds);
}
