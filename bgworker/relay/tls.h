/*
 * tls.h
 *		TLS in front of the relay: libwebsockets does it, and passes the bytes on
 *		to a connection of ours by a pair of sockets.
 */
#ifndef ERRAND_RELAY_TLS_H
#define ERRAND_RELAY_TLS_H

#include "postgres.h"

#include <uv.h>

struct lws;
struct lws_context;

/*
 * Reads errand.tls_cert and errand.tls_key, if there are any.  Returns NULL, or
 * what is wrong with them, palloc'd.
 */
extern char *relay_tls_init(struct lws_context *context, uv_loop_t *loop);

/* Whether connections speak TLS. */
extern bool relay_tls_on(void);

/*
 * Takes a connected socket; returns our end of what is said on it, or -1.  The
 * socket is taken in any case.
 */
extern int relay_tls_adopt(int fd);

/*
 * To be called when a raw connection has been written to: nothing is read of it
 * while something is left to write, for libwebsockets does not do so either, but
 * wakes for it again and again.  held: whether that is so now.
 */
extern void relay_tls_hold(struct lws *wsi, bool *held);

#endif
