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
 * that were stored do when the database was asked for them, and are not asked
 * for if nobody subscribes to the source.
 */
extern void relay_news_hear(const ErrandEvent *e);

#endif
