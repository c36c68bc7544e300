/*
 * peer.h
 *		The client's end of one WebSocket connection.
 *
 * Plain C over libwebsockets and net/dial.h, on the process's libuv loop:
 * nothing here knows PostgreSQL, throws, blocks or starts a thread.  What
 * happens is recorded in the peer; its owner looks between turns of the loop.
 *
 *	errand_peer_open -> looking a name up -> connecting -> open -> over
 */
#ifndef ERRAND_SOURCES_PEER_H
#define ERRAND_SOURCES_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "core/policy.h" /* ErrandCidr */
#include "sources/frames.h"

#define ERRAND_PEER_HOST_MAX 100  /* bytes of a host's name, as libwebsockets takes it */
#define ERRAND_PEER_PATH_MAX 2000 /* of path and query, likewise */
#define ERRAND_PEER_HEAD_MAX 8192 /* of all headers together */

/* What the administrator set.  Everything is copied. */
typedef struct ErrandPeersConfig
{
	const ErrandCidr *allow;
	int n_allow;
	const char *dns_servers; /* as in ErrandNetConfig */
	int dns_timeout_ms;
	const char *ca_file; /* NULL or "": the system's; only at the start */
	int max_peers;		 /* only at the start */
} ErrandPeersConfig;

/*
 * Makes what all peers of the process share; once.  Takes proxies out of the
 * environment.  False with *why set to a constant text on failure.
 */
extern bool errand_peers_start(uv_loop_t *loop, const ErrandPeersConfig *c, const char **why);

/* Takes a changed configuration; false if the DNS servers cannot be used: those before stay. */
extern bool errand_peers_configure(const ErrandPeersConfig *c);

/* How many connections are not closed for good. */
extern int errand_peers_alive(void);

/* Whose fault an end was, for who decides when to try again. */
typedef enum ErrandPeerEnd
{
	ERRAND_PEER_CUT,	 /* it was open, and is not any more */
	ERRAND_PEER_FAILED,	 /* it did not come to be open */
	ERRAND_PEER_REFUSED, /* the server knows us not, or does not want us */
	ERRAND_PEER_BANNED	 /* our own policy does not let us connect */
} ErrandPeerEnd;

/* What to connect to and what to say.  Copied, and wiped when it is not needed any more. */
typedef struct ErrandPeerRequest
{
	const char *url;		   /* http or https for ws and wss */
	const char *head;		   /* "Name: value\r\n"..., checked by the caller */
	char *protocol;			   /* of WebSocket, "a, b": what to ask for; NULL: none */
	const char *const *frames; /* text messages to send first, UTF-8 */
	int n_frames;
	int64_t timeout_us; /* until it is open, all addresses together */
} ErrandPeerRequest;

typedef struct ErrandPeerState
{
	bool open; /* the server said 101 */
	bool over; /* nothing more will come; the rest tells why */
	ErrandPeerEnd end;
	int status;				/* of the HTTP answer, 0: none */
	int close_code;			/* that the server gave, 0: none */
	int64_t retry_after_ms; /* -1: none */
	char error[512];
	char hint[256];
	int64_t heard_us; /* when the last byte of it came, monotonic */
} ErrandPeerState;

typedef struct ErrandPeer ErrandPeer;

/*
 * Begins.  Messages go to frames, which stays the owner's.  NULL if memory is
 * out; whatever else is wrong is told by the state.
 */
extern ErrandPeer *errand_peer_open(const ErrandPeerRequest *r, ErrandFrames *frames);

/* Goes on with what callbacks could only record; between turns of the loop. */
extern void errand_peer_step(ErrandPeer *p, int64_t now_us);

extern const ErrandPeerState *errand_peer_state(const ErrandPeer *p);

/* Sends a ping; the answer counts as heard. */
extern void errand_peer_ping(ErrandPeer *p);

/* Whether the policy, as it is now, lets it stay connected. */
extern bool errand_peer_allowed(const ErrandPeer *p);

/*
 * Lets go of it: one that is open says goodbye with the code (0: none, the
 * line is dead) by itself.  p is gone, nothing is put into its frames any more.
 */
extern void errand_peer_close(ErrandPeer *p, int code);

#endif
