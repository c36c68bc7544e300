/*
 * news.h
 *		What the ring tells of sources, on its way into the history.
 */
#ifndef ERRAND_RELAY_NEWS_H
#define ERRAND_RELAY_NEWS_H

#include "postgres.h"

#include "events.h"

/*
 * Hears an event of a source: a new state goes into the history at once; rows
 * that were stored do when the database was asked for them.  Of a source that
 * nobody follows, nor did of late, nothing is told.
 */
extern void relay_news_hear(const ErrandEvent *e);

/*
 * Follows a source from now on, until two minutes after the last call or
 * subscription.  Returns the number in the history behind which nothing of it
 * is missing.  Never throws.
 */
extern uint64 relay_news_follow(const char *source);

#endif
