/*
 * wish.h
 *		What a client asks to hear of: a channel, a filter, and from where on.
 */
#ifndef ERRAND_RELAY_WISH_H
#define ERRAND_RELAY_WISH_H

#include "postgres.h"

#include "core/position.h"
#include "relay/feed.h"

typedef enum RelayChannel
{
	RELAY_CHANNEL_TASKS,
	RELAY_CHANNEL_TASK,	 /* task:ID */
	RELAY_CHANNEL_QUEUE, /* queue:NAME */
	RELAY_CHANNEL_GROUP, /* group:ID */
	RELAY_CHANNEL_STATS,
	RELAY_CHANNEL_SOURCE, /* source:NAME */
	RELAY_CHANNEL_NOTIFY  /* notify:CHANNEL */
} RelayChannel;

#define RELAY_FILTER_VALUES 16 /* of one key */
#define RELAY_ID_BYTES 64	   /* of a subscription's id */

/* Values that one key of a filter lets pass; n 0: all. */
typedef struct RelayValues
{
	int n;
	char *value[RELAY_FILTER_VALUES]; /* malloc'd */
} RelayValues;

/* All texts are malloc'd; zero-filled it is empty. */
typedef struct RelayWish
{
	char *id;	   /* the client's name for it */
	char *channel; /* as written */
	RelayChannel kind;
	int64 number;	  /* of task: and group: */
	const char *name; /* of the others, within channel */
	uint32 states;	  /* bits of the states that pass; 0: all */
	RelayValues queues;
	RelayValues types;
	char *args; /* {"channel":...,"filter":...}, what the snapshot is asked with */
	bool has_since;
	ErrandPosition since;
	bool batch;
} RelayWish;

/* Reads the channel; false if there is no such one. */
extern bool relay_wish_channel(RelayWish *w);

/* Adds a value to a key of the filter ("queue", "task", "state"); false: no such key or value. */
extern bool relay_wish_filter(RelayWish *w, const char *key, const char *value);

/* Fills in what the snapshot is asked with; false: out of memory. */
extern bool relay_wish_finish(RelayWish *w);

/* Does the entry pass? */
extern bool relay_wish_matches(const RelayWish *w, const RelayEntry *e);

/* A text by which equal wishes know each other; malloc'd, NULL: out of memory. */
extern char *relay_wish_key(const RelayWish *w);

/* Frees what it holds; it is empty then. */
extern void relay_wish_free(RelayWish *w);

#endif
