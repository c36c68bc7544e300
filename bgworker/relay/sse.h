/*
 * sse.h
 *		Events as server-sent events: GET /api/v1/events.
 */
#ifndef ERRAND_RELAY_SSE_H
#define ERRAND_RELAY_SSE_H

#include "relay/conn.h"
#include "relay/wish.h"

#define RELAY_STREAM_PING_MS 25000

typedef struct RelayStream RelayStream;

/*
 * Makes the connection, whose principal is known, a stream of this; the wish's
 * texts are left to the caller.  False: an answer was written instead.
 */
extern bool relay_stream_begin(RelayConn *c, RelayWish *wish);

/* The connection takes more. */
extern void relay_stream_pump(RelayStream *s);

/* Says something, so that the other side is seen to be there. */
extern void relay_stream_ping(RelayStream *s);

/* The connection is gone. */
extern void relay_stream_gone(RelayStream *s);

/* Writes to those that have something to write; in the main loop, each turn. */
extern void relay_streams_turn(void);

/* Expired tokens, rights that changed: once a second. */
extern void relay_streams_check(void);

#endif
