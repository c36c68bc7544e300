/*
 * stream.h
 *		A WebSocket source that was started: its connection, what came over it,
 *		and what is told of it.
 *
 * Streams live in the stream process.  streams.c keeps the list,
 * stream_connect.c moves one through its states, stream_store.c puts into
 * tables what it received.
 */
#ifndef ERRAND_SOURCES_STREAM_H
#define ERRAND_SOURCES_STREAM_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "sources/peer.h"
#include "utils/jsonb.h"

/*
 * errand_stream_move() is the only setter:
 *	WAITING    -> CONNECTING	its time has come
 *	CONNECTING -> OPEN			the server said yes
 *	CONNECTING -> WAITING		it did not come to be open
 *	OPEN       -> WAITING		it was cut
 */
typedef enum ErrandStreamState
{
	ERRAND_STREAM_WAITING,
	ERRAND_STREAM_CONNECTING,
	ERRAND_STREAM_OPEN
} ErrandStreamState;

#define ERRAND_STREAM_STABLE_US INT64CONST(10000000)

typedef struct ErrandStream
{
	dlist_node node;
	MemoryContext memory; /* everything below that is palloc'd lives here */
	char *name;
	ErrandStreamState state;
	bool listed; /* the last reading of the tables found it, as it is here */

	/* what was defined */
	int64 mark; /* changes with the definition */
	Jsonb *payload;
	int64 ping_us; /* 0: none */
	int64 idle_us;
	int64 batch_us;
	int batch_rows;

	/* the connection; times are monotonic */
	ErrandPeer *peer; /* CONNECTING, OPEN */
	ErrandFrames frames;
	int64 try_at; /* WAITING: not before */
	int64 opened_us;
	int64 ping_at;
	bool stable;	   /* it has been open for ERRAND_STREAM_STABLE_US */
	int failures;	   /* ends in a row, none of them of a stable connection */
	ErrandPeerEnd end; /* of the last one */

	/* storing */
	int64 store_at; /* after an error, not before */
	int store_failures;

	/* what stream_state and the source are told */
	bool untold;   /* there is something new */
	bool troubled; /* degraded, for the source */
	bool told_troubled;
	TimestampTz connected_at; /* 0: it is not open */
	TimestampTz next_try;	  /* 0: none */
	int64 connects;			  /* not told yet */
	uint64 dropped;			  /* likewise, out of frames.dropped */
	char error[800];
} ErrandStream;

/* ---- stream_connect.c ---- */

/* Prepares the network; once a process.  Raises if it cannot. */
extern void errand_streams_network(struct uv_loop_s *loop);

/* Takes changed settings; false if the process has to begin anew for them. */
extern bool errand_streams_network_configure(void);

/* WAITING and due: reads its secrets and begins to connect.  Within a transaction; may raise. */
extern void errand_stream_connect(ErrandStream *s, int64 now);

/* It could not even begin: tried again later. */
extern void errand_stream_failed(ErrandStream *s, ErrandPeerEnd end, const char *error, int64 now);

/* Moves it on with what the loop brought. */
extern void errand_stream_step(ErrandStream *s, int64 now);

/* Settings changed: what the policy refuses is cut, what it refused is tried again. */
extern void errand_stream_recheck(ErrandStream *s, int64 now);

/* When it wants its next step at the latest. */
extern int64 errand_stream_step_at(const ErrandStream *s);

/* What is told of it from now on: it is not connected, and will not be. */
extern void errand_stream_rest(ErrandStream *s);

/* Lets go of the connection, if there is one, with a close code; and frees the rest. */
extern void errand_stream_close(ErrandStream *s, int code);

/* ---- stream_request.c ---- */

/*
 * Opens a peer for the request that its payload describes, with the values of
 * its secrets.  Within a transaction; may raise.  NULL with *why set, palloc'd
 * or constant, if it cannot be sent.
 */
extern ErrandPeer *errand_stream_request(ErrandStream *s, const char **why);

/* ---- stream_store.c ---- */

/*
 * Puts a batch into the tables if one is due, or, if all is true, whatever
 * there is.  Runs transactions of its own and takes their errors upon itself.
 * False if not all was stored that should.
 */
extern bool errand_stream_store(ErrandStream *s, bool all, int64 now);

/* When a batch is due; PG_INT64_MAX: nothing waits. */
extern int64 errand_stream_store_at(const ErrandStream *s);

/* Tells what is new of the connection; within a transaction, may raise. */
extern void errand_stream_tell(ErrandStream *s);

#endif
