/*
 * feed.h
 *		The relay's history: what happened, numbered, with the text of each
 *		event that all subscribers share.
 */
#ifndef ERRAND_RELAY_FEED_H
#define ERRAND_RELAY_FEED_H

#include "postgres.h"

#include "core/position.h"

#define RELAY_HISTORY 65536 /* entries; a power of two */

typedef enum RelayEntryKind
{
	RELAY_ENTRY_TASK,	/* a task changed its state */
	RELAY_ENTRY_SOURCE, /* a source stored rows, or changed its state */
	RELAY_ENTRY_NOTIFY	/* a NOTIFY of the user's */
} RelayEntryKind;

/* One entry.  All texts lie in one piece of memory that the entry owns. */
typedef struct RelayEntry
{
	RelayEntryKind kind;
	char state; /* of a task: ErrandState */
	int32 run;
	int32 attempt;
	Oid submitter; /* of a task or source: whose it is */
	int64 task;	   /* its id */
	int64 group;   /* its group; 0: none */
	uint32 size;   /* of its memory */
	uint32 tail_len;
	char *tail;		   /* JSON behind the position: "at":...,"data":{...}} */
	const char *queue; /* of a notification its channel, of a source its name */
	const char *type;  /* the task type */
} RelayEntry;

/* Begins a history, at the end of the ring. */
extern void relay_feed_init(void);

/*
 * Reads what is new in the ring.  Returns whether the history began anew, since
 * events were lost: then nobody's position is known, and all take a snapshot.
 */
extern bool relay_feed_read(void);

/* Whether it left something in the ring, for the next turn. */
extern bool relay_feed_behind(void);

/*
 * Whether the history goes on: commits wake the relay then.  It begins anew when
 * that is wanted again, since what happened meanwhile is not in it.
 */
extern void relay_feed_follow(bool wanted);
extern bool relay_feed_follows(void);

/*
 * Somebody is welcomed and may subscribe in a moment, with the welcome's position;
 * who only watches stats needs no history, and it has its price.
 */
extern void relay_feed_expect(void);

/* Nobody wants it now: it ends if that has been so for a while.  now: errand_clock_monotonic(). */
extern void relay_feed_rest(int64 now);

/* Adds a notification; the texts are UTF-8. */
extern void relay_feed_notify(const char *channel, const char *payload);

/* Adds what a source tells, JSON; owner: whose it is. */
extern void relay_feed_source(const char *name, Oid owner, const char *json);

/* The number of the last entry; 0: there has been none. */
extern uint64 relay_feed_head(void);

/* The number of the oldest entry that is kept; head + 1 if there is none. */
extern uint64 relay_feed_oldest(void);

/* The entry of a number that is kept; valid until the feed is read again. */
extern const RelayEntry *relay_feed_entry(uint64 number);

/* The position of a number in this history. */
extern ErrandPosition relay_feed_position(uint64 number);

#endif
