/*
 * chores.h
 *		What every worker does beside its runs, and what the leader does for all.
 */
#ifndef ERRAND_CHORES_H
#define ERRAND_CHORES_H

#include "postgres.h"

#include "queue/feed.h"

/* Reads the instance's secret and the queues; at start. */
extern void errand_chores_init(char *secret, size_t size);

/* The settings changed: what depends on them and on tables is read in the next turn. */
extern void errand_chores_reload(void);

/* Each turn, cheap: reads the feed, and does what is due, in transactions of their own. */
extern void errand_chores(bool lead);

/* Milliseconds until a chore is due. */
extern long errand_chores_wait_ms(bool lead);

/* An error was caught: if in a chore, true, and chores rest; the queue need not. */
extern bool errand_chores_failed(void);

#endif
