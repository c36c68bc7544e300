/*
 * session.h
 *		One WebSocket connection: who it is, what it follows, and what it is to
 *		be told.
 */
#ifndef ERRAND_RELAY_SESSION_H
#define ERRAND_RELAY_SESSION_H

#include "postgres.h"

#include "core/ws_frame.h"
#include "relay/limits.h"
#include "relay/token.h"
#include "relay/ws.h"

/* Close codes of our own; README.md and docs/relay.md say what they mean. */
#define RELAY_CLOSE_RESTART 1001
#define RELAY_CLOSE_PROTOCOL ERRAND_WS_PROTOCOL_ERROR
#define RELAY_CLOSE_NO_UTF8 ERRAND_WS_NO_UTF8
#define RELAY_CLOSE_ORIGIN 1008
#define RELAY_CLOSE_TOO_BIG 1009
#define RELAY_CLOSE_FULL 1013
#define RELAY_CLOSE_BAD_MESSAGE 4400
#define RELAY_CLOSE_TOKEN 4401
#define RELAY_CLOSE_FORBIDDEN 4403
#define RELAY_CLOSE_SUBPROTOCOL 4406
#define RELAY_CLOSE_NO_AUTH 4408
#define RELAY_CLOSE_SLOW 4008
#define RELAY_CLOSE_TOO_MANY 4429

/*
 * A session for a connection that is about to be made; who, if it brought a
 * token, and address pass to it.  NULL: out of memory, they stay the caller's.
 */
extern RelaySession *relay_session_create(RelayPrincipal *who, RelayAddress *address);

/* What libwebsockets tells; ws.c calls these. */
extern void relay_session_open(RelaySession *s, struct lws *wsi);
extern bool relay_session_receive(RelaySession *s, char *data, size_t len); /* false: as below */
extern bool relay_session_writeable(RelaySession *s); /* false: close it now */
extern void relay_session_closed(RelaySession *s);	  /* nothing is written to it any more */
extern void relay_session_gone(RelaySession *s);	  /* frees it */

/*
 * Where it is noted that nothing is read of it now.  Not in libwebsockets' user
 * space: where there is no memory for that, it goes on without.
 */
extern bool *relay_session_held(RelaySession *s);

/* Closes it in good order, with this code. */
extern void relay_session_close(RelaySession *s, int code, const char *reason);

/* How many there are; how many of them are not being closed. */
extern int relay_sessions(void);
extern int relay_sessions_staying(void);

/* Writes events to those for whom the hub has some. */
extern void relay_sessions_tell(void);

/* Pings, timeouts, expired tokens: once a second. */
extern void relay_sessions_tick(void);

/* The database was asked about all principals again. */
extern void relay_sessions_check(void);

/* Closes up to so many, as the relay leaves. */
extern void relay_sessions_leave(int most);

#endif
