/*
 * ws.h
 *		The WebSocket connections of libwebsockets: taking over a socket, and
 *		writing to it.  Nothing else of the relay knows libwebsockets.
 */
#ifndef ERRAND_RELAY_WS_H
#define ERRAND_RELAY_WS_H

#include "postgres.h"

#include <uv.h>

#include "core/http_head.h"

#define RELAY_SUBPROTOCOL "errand.v1.json"

struct lws;
typedef struct RelaySession RelaySession;

/*
 * Makes the context on the process's loop; raises if it cannot.  Returns NULL,
 * or what is wrong with the files of TLS, palloc'd.
 */
extern char *relay_ws_init(uv_loop_t *loop);

/*
 * Hands a connected socket over, with the key of its upgrade request; the
 * session hears of it from here on and is freed with it.  False: the socket is
 * closed, and the session is not taken.
 */
extern bool relay_ws_adopt(int fd, const char *key, RelaySession *session);

/* "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" of a key: out has room for 32 bytes. */
extern bool relay_ws_accept(ErrandSpan key, char *out);

/* Asks for relay_session_writeable(). */
extern void relay_ws_wake(struct lws *wsi);

/* Writes ready-made frames, in relay_session_writeable() only; false: it is gone. */
extern bool relay_ws_write(struct lws *wsi, const char *data, size_t len);

/* Whether the socket takes no more just now. */
extern bool relay_ws_choked(struct lws *wsi);

/* Sends a ping, in relay_session_writeable() only. */
extern bool relay_ws_ping(struct lws *wsi);

/* Sends a close frame, in relay_session_writeable() only; its peer is to answer and to be gone. */
extern bool relay_ws_say_close(struct lws *wsi, int code, const char *reason);

/* Ends it after so many seconds, however it is. */
extern void relay_ws_kill(struct lws *wsi, int seconds);

#endif
