/*
 * session_state.h
 *		A WebSocket connection's state.  For session*.c alone.
 */
#ifndef ERRAND_RELAY_SESSION_STATE_H
#define ERRAND_RELAY_SESSION_STATE_H

#include "postgres.h"

#include "core/ws_frame.h"
#include "relay/hub.h"
#include "relay/message.h"
#include "relay/session.h"
#include "relay/text.h"

#define RELAY_KILL_S 10 /* for a close in good order */
#define RELAY_END_S 2	/* for the end of a socket on which all is said */

typedef enum SessionState
{
	SESSION_CONNECTING, /* not yet a WebSocket */
	SESSION_ASKING,		/* for a token */
	SESSION_CHECKING,	/* the database is asked about it */
	SESSION_READY,
	SESSION_CLOSING,
	SESSION_GONE
} SessionState;

/* A message of ours that waits to be written: bytes, then a shared text. */
typedef struct SessionOut
{
	ErrandLink node;
	RelayBlob *data;
	size_t len;
	char bytes[];
} SessionOut;

struct RelaySession
{
	ErrandLink node; /* of all */
	ErrandLink beat; /* of those that are to be pinged, or have been */
	ErrandLink due;	 /* of those for which there are events, until relay_sessions_tell() */
	struct lws *wsi; /* NULL while connecting */
	SessionState state;
	bool asked; /* to be called back for writing */
	bool ping_due;
	bool held; /* nothing is read of it */
	bool deaf; /* its close frame has come, or no frame: what follows is not looked at */
	short n_out;
	short n_subs;
	short close_code;
	const char *close_reason; /* static */
	RelayPrincipal *who;
	RelayAddress *address;
	ErrandLevel level;
	RelayRequest *request; /* of the token */
	SessionOut *pong;	   /* what answers its last ping, or NULL */
	ErrandLink out;
	ErrandLink subs;
	int64 beat_at;	/* when it was opened, or last heard of, or pinged */
	int64 asked_at; /* when it asked to be called back */
	int64 rate_at;
	double rate_left;
	ErrandWsReader reader;
	ErrandBuffer in;	/* a message of several pieces */
	ErrandBuffer early; /* messages that came while the token was checked, each behind its length */
};

/* Opened, no token yet; to be pinged; owe a pong.  Each oldest first. */
extern ErrandLink relay_silent;
extern ErrandLink relay_beating;
extern ErrandLink relay_pinged;
extern ErrandLink relay_all_sessions;

/* How many are in SESSION_CLOSING. */
extern int relay_sessions_closing;

/* The only setter of a session's state. */
extern void relay_session_move(RelaySession *s, SessionState to);

/* Puts it at the end of one of the lists, with the time. */
extern void relay_session_beat(RelaySession *s, ErrandLink *list);

/* Asks to be called back for writing. */
extern void relay_session_wake(RelaySession *s);

/* There are events for it: they are written in relay_sessions_tell(). */
extern void relay_session_due(RelaySession *s);

/* Queues a message, and frees the text; data, if any, gets a reference of its own. */
extern void relay_session_say(RelaySession *s, RelayText *text, RelayBlob *data);

/* Answers a ping of the client's with these bytes. */
extern void relay_session_pong(RelaySession *s, const char *data, size_t len);

/* A whole message of the client's. */
extern void relay_session_hear(RelaySession *s, const char *text, size_t len);

/* Subscriptions: what a message asks for is done, or answered with an error. */
extern void relay_session_subscribe(RelaySession *s, RelayMessage *m);
extern void relay_session_unsubscribe(RelaySession *s, const char *id);
extern void relay_session_forget_subs(RelaySession *s);

/* Drops what is queued. */
extern void relay_session_forget_out(RelaySession *s);

#endif
