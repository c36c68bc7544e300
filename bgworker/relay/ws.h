/*
 * ws.h
 *		The sockets of WebSocket connections: handed to libwebsockets, and written
 *		to.  Nothing else of the relay but tls.c knows libwebsockets.
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
 * Hands a socket over whose handshake is done; the session hears of it from here
 * on and is freed with it.  False: the socket is closed, and the session is not
 * taken.
 */
extern bool relay_ws_adopt(int fd, RelaySession *session);

/* "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" of a key: out has room for 32 bytes. */
extern bool relay_ws_accept(ErrandSpan key, char *out);

/* Asks for relay_session_writeable(). */
extern void relay_ws_wake(struct lws *wsi);

/* Writes ready-made frames, unless it is choked; false: it is gone. */
extern bool relay_ws_write(struct lws *wsi, const char *data, size_t len);

/* Whether part of what was written waits for the socket to take it. */
extern bool relay_ws_choked(struct lws *wsi);

/* Whether it may be written to outside of relay_session_writeable(), just now. */
extern bool relay_ws_eager(struct lws *wsi);

/* It is gone, a write said so outside of relay_session_writeable(): ends it in the loop's next turn. */
extern void relay_ws_gone(struct lws *wsi);

/* All is written: says so, and ends it after so many seconds if its peer does not. */
extern void relay_ws_end(struct lws *wsi, int seconds);

/* Ends it after so many seconds, however it is. */
extern void relay_ws_kill(struct lws *wsi, int seconds);

#endif
