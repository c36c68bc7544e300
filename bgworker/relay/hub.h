/*
 * hub.h
 *		Subscriptions.  Those that are alike share a class, and what is written
 *		to them; each has but a cursor into the history.
 */
#ifndef ERRAND_RELAY_HUB_H
#define ERRAND_RELAY_HUB_H

#include "postgres.h"

#include "level.h"
#include "net/list.h"
#include "relay/request.h"
#include "relay/text.h"
#include "relay/wish.h"

/* How a subscriber wants its events. */
typedef enum RelayFormat
{
	RELAY_FRAMES = 'f', /* a WebSocket frame each */
	RELAY_BATCH = 'b',	/* those of a tick in one frame, a line each */
	RELAY_SSE = 's'
} RelayFormat;

typedef struct RelayClass RelayClass;
typedef struct RelaySub RelaySub;

/* A text that several have queued. */
typedef struct RelayBlob
{
	int refs;
	size_t len;
	char data[];
} RelayBlob;

/* What a subscriber's owner does when the hub calls.  Nothing of it throws. */
typedef struct RelaySubOps
{
	void (*wake)(RelaySub *s);	 /* there is something for it: have it call relay_sub_fill */
	void (*behind)(RelaySub *s); /* it fell behind; its owner drops it */

	/*
	 * Its snapshot is there, as data: the end of the message, from "data": to
	 * its brace.  Or it was refused, data is NULL: the owner drops the
	 * subscription then.
	 */
	void (*snapshot)(RelaySub *s, const RelayAnswer *why, RelayBlob *data);
} RelaySubOps;

struct RelaySub
{
	ErrandLink member; /* of its class */
	ErrandLink owned;  /* its owner's */
	RelayClass *class;
	const RelaySubOps *ops;
	void *owner;
	uint64 cursor;	   /* the number of the last entry that it needs no more */
	uint64 until;	   /* up to here it may have missed something, whatever its class knows */
	uint64 stats_seen; /* of its class's stats */
	bool waiting;	   /* for a snapshot: nothing else until then */
	bool confirmed;	   /* the owner's: it has told its client that it is subscribed */
};

/* A piece of ready-made bytes for a subscriber; valid until the next call. */
typedef struct RelayPiece
{
	const char *data;
	size_t len;
	uint32 messages;
} RelayPiece;

/*
 * Makes a subscription of the wish, whose texts it may keep, for a role that sees its own tasks or, with
 * monitor in level, all.  NULL: out of memory.  The cursor is where the wish's
 * position is, if that is known (*recovered), else at the end of the history,
 * and then it waits for a snapshot that has been asked for.
 */
extern RelaySub *relay_sub_create(RelayWish *wish, RelayFormat format, Oid role, ErrandLevel level,
								  const RelaySubOps *ops, void *owner, bool *recovered);

/* Takes it out and frees it. */
extern void relay_sub_drop(RelaySub *s);

/* Whether there is something for it to write. */
extern bool relay_sub_pending(const RelaySub *s);

/* The next piece for it, at most about 64 kB; false if there is none.  Moves its cursor. */
extern bool relay_sub_fill(RelaySub *s, RelayPiece *piece);

/* The id that the client gave it. */
extern const char *relay_sub_id(const RelaySub *s);

/* How many subscriptions there are. */
extern int relay_subs(void);

/* How many of the channel stats. */
extern int relay_stats_subs(void);

/* The history has grown, or begun anew: tells the subscribers. */
extern void relay_hub_advance(bool anew);

/* Gives all of the channel stats this data. */
extern void relay_hub_stats(const char *json);

/* Reference counts of blobs; NULL is let pass. */
extern RelayBlob *relay_blob_make(const char *data, size_t len);
extern void relay_blob_drop(RelayBlob *b);

#endif
