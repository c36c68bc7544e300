/*
 * conn.h
 *		One HTTP connection: requests read, answers written, one after another,
 *		until it is closed, becomes a stream of events, or a WebSocket.
 */
#ifndef ERRAND_RELAY_CONN_H
#define ERRAND_RELAY_CONN_H

#include "postgres.h"

#include <uv.h>

#include "core/http_head.h"
#include "net/buffer.h"
#include "net/list.h"
#include "relay/limits.h"
#include "relay/request.h"
#include "relay_stats.h"

#define RELAY_BODY_BYTES (1024 * 1024) /* of a request */

typedef enum RelayConnState
{
	CONN_HEAD,		/* the head of a request is read */
	CONN_BODY,		/* its body is */
	CONN_ASKED,		/* the database is asked */
	CONN_ANSWERING, /* the answer is written */
	CONN_STREAM,	/* events are written as they come */
	CONN_LINGERING, /* all is written: the other side may close */
	CONN_CLOSED		/* its handles are on their way out */
} RelayConnState;

struct RelayStream;

typedef struct RelayConn
{
	union
	{
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} handle;
	uv_timer_t timer;
	int handles; /* that are not closed */
	ErrandLink node;
	RelayConnState state;
	char peer[INET6_ADDRSTRLEN];  /* its address */
	char local[INET6_ADDRSTRLEN]; /* ours, that it came to */
	bool loopback;				  /* the peer is this machine */
	bool tls;					  /* tls.c is between us */
	RelayAddress *address;		  /* counted; NULL: not */
	ErrandBuffer in;			  /* what came and is not used up */
	ErrandHttpHead head;		  /* of the request under way; points into in */
	size_t head_len;
	ErrandRoute route; /* for the counters */
	const char *api;   /* its route of _api */
	int good;		   /* the status of success */
	bool close;		   /* after the answer */
	bool going;		   /* all is said: it takes nobody's place */
	RelayPrincipal *who;
	RelayRequest *request;
	struct RelayStream *stream;
} RelayConn;

/* An answer.  Texts are copied unless said otherwise. */
typedef struct RelayReply
{
	int status;
	const char *type; /* content type */
	const char *body; /* not copied if lasting */
	size_t len;
	bool lasting;	   /* the body stays where it is */
	const char *cache; /* Cache-Control; NULL: no-store */
	const char *more;  /* header lines, each with its CR LF, or NULL */
} RelayReply;

/*
 * Takes a new connection over from a listening socket; the caller has made
 * room for it.  False: memory is out, and it was not taken.
 */
extern bool relay_conn_accept(uv_stream_t *server);

/* Writes the answer to the request under way. */
extern void relay_conn_reply(RelayConn *c, const RelayReply *reply);

/* The same with a problem (RFC 9457); detail, hint and code may be NULL. */
extern void relay_conn_problem(RelayConn *c, int status, const char *detail, const char *hint,
							   const char *code, const char *more);

/* The database is asked: nothing more is read until the answer. */
extern void relay_conn_wait(RelayConn *c);

/* Begins a stream of events: writes its head. */
extern void relay_conn_stream(RelayConn *c);

/*
 * Writes to a stream.  False if it takes no more just now (then nothing was
 * written, and relay_stream_pump() is called when it does), or is gone.
 */
extern bool relay_conn_send(RelayConn *c, const char *data, size_t len);

/* Writes these bytes, and closes when the other side does. */
extern void relay_conn_farewell(RelayConn *c, const char *data, size_t len);

/*
 * Gives the socket away, with what has come and not been used; the connection
 * is freed.  -1 if there is no descriptor left.
 */
extern int relay_conn_release(RelayConn *c);

/* Closes it at once. */
extern void relay_conn_close(RelayConn *c);

/* How many there are; how many of them are not on their way out. */
extern int relay_conns(void);
extern int relay_conns_staying(void);

/* Closes the one that has been on its way out for longest; false: there is none. */
extern bool relay_conns_make_room(void);

/* The relay leaves: idle ones are closed, the others after their answer. */
extern void relay_conns_leave(void);

#endif
