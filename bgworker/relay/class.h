/*
 * class.h
 *		Classes of like subscriptions, and the bytes that are written to them.
 *		For hub.c and news.c alone.
 */
#ifndef ERRAND_RELAY_CLASS_H
#define ERRAND_RELAY_CLASS_H

#include "relay/hub.h"

#define RELAY_CHUNKS 16 /* that a class keeps */

/* The entries of one tick that pass, ready to be written. */
typedef struct RelayChunk
{
	uint64 from; /* a cursor that stands here */
	uint64 to;	 /* stands there after it */
	uint32 messages;
	ErrandBuffer bytes;
} RelayChunk;

struct RelayClass
{
	ErrandLink bucket; /* of the table */
	ErrandLink node;   /* of all classes */
	ErrandLink members;
	int n_members;
	char *key;
	char *id_json; /* the subscriptions' id, as JSON */
	RelayWish wish;
	RelayFormat format;
	Oid role;
	ErrandLevel level;
	bool sees_all;
	uint64 last_match;				 /* number of the last entry that passes */
	RelayRequest *request;			 /* for a snapshot, not yet run */
	RelayChunk chunks[RELAY_CHUNKS]; /* a ring, the newest at n_chunks - 1 */
	uint64 n_chunks;
	RelayText stats; /* the newest of the channel stats, ready to be written */
	uint64 stats_seq;
};

/* The class of a wish, found or made; the wish passes to a new one.  NULL: out of memory. */
extern RelayClass *
relay_class_get(RelayWish *wish, RelayFormat format, Oid role, ErrandLevel level);

/* Frees it when its last member has gone. */
extern void relay_class_leave(RelayClass *c);

/* All classes. */
extern ErrandLink *relay_classes(void);

/* Does the entry pass, and may the class's role see it? */
extern bool relay_class_matches(const RelayClass *c, const RelayEntry *e);

/*
 * Writes what passes behind from, up to to or about 64 kB; returns where it
 * stopped.  Replaces what is in the buffer.
 */
extern uint64
relay_class_encode(const RelayClass *c, uint64 from, uint64 to, RelayText *out, uint32 *messages);

/*
 * The chunk that begins at this cursor; made if it is not kept.  NULL if
 * nothing up to to passes, or there is no memory.
 */
extern const RelayChunk *relay_class_chunk(RelayClass *c, uint64 from, uint64 to);

/* Forgets the chunks. */
extern void relay_class_clear(RelayClass *c);

/* Puts the stats text together. */
extern void relay_class_stats(RelayClass *c, const char *json);

#endif
