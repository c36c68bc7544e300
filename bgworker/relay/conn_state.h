/*
 * conn_state.h
 *		What reading (conn.c), answering (answer.c) and counting (conns.c) share.  For these alone.
 */
#ifndef ERRAND_RELAY_CONN_STATE_H
#define ERRAND_RELAY_CONN_STATE_H

#include "relay/conn.h"

#define RELAY_WRITE_MS 30000

/* A connection without a socket yet; NULL: out of memory. */
extern RelayConn *relay_conn_create(uv_loop_t *loop, bool tls);

/* It has one: its first request is read. */
extern void relay_conn_begin(RelayConn *c);

/* The only setter of a connection's state; it has so long for it. */
extern void relay_conn_move(RelayConn *c, RelayConnState to, uint64 ms);

/* Writes a copy of the first piece, and the second, which must last; may close the connection. */
extern void relay_conn_write(RelayConn *c, const char *data, size_t len, const char *lasting,
							 size_t lasting_len);

/* Reads on; false if that cannot be. */
extern bool relay_conn_listen(RelayConn *c);

/* A connection comes; takes nobody's place any more; is gone. */
extern void relay_conns_add(RelayConn *c);
extern void relay_conns_go(RelayConn *c);
extern void relay_conns_drop(RelayConn *c);

/* Whether the relay is about to leave. */
extern bool relay_conns_leaving(void);

#endif
