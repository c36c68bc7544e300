/*
 * feed.h
 *		What a worker hears from the ring of events.
 */
#ifndef ERRAND_FEED_H
#define ERRAND_FEED_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* What the events since the last call ask for. */
typedef struct ErrandFeed
{
	bool cancels;		  /* read the cancel requests */
	bool config;		  /* read queues and pause */
	bool specs;			  /* look at schedules and the outbox */
	bool lost;			  /* events were overwritten: look at everything */
	TimestampTz next_due; /* the earliest time heard of; 0 none */
} ErrandFeed;

extern void errand_feed_init(void);

/* Reads what is new; notices for LISTENers are kept for errand_feed_notify() if lead. */
extern void errand_feed_read(ErrandFeed *f, bool lead);

/* Whether notices wait, and sending them, in a transaction of its own. */
extern bool errand_feed_has_notices(void);
extern void errand_feed_notify(void);

/* Drops notices: they were sent, or cannot be. */
extern void errand_feed_notified(void);

#endif
