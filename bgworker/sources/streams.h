/*
 * streams.h
 *		All WebSocket sources of the database that were started.
 */
#ifndef ERRAND_SOURCES_STREAMS_H
#define ERRAND_SOURCES_STREAMS_H

#include "postgres.h"

/* Prepares the list; once a process. */
extern void errand_streams_init(void);

/* The tables may say something else now: they are read again at the next turn. */
extern void errand_streams_changed(void);

/* Settings changed. */
extern void errand_streams_recheck(void);

/*
 * A turn: reads the tables if they changed, connects what is due, moves on what
 * the loop brought, stores and tells.  May raise; errand_streams_aborted() then
 * puts off the next reading.
 */
extern void errand_streams_turn(void);
extern void errand_streams_aborted(void);

/* Milliseconds until the next turn at the latest. */
extern long errand_streams_wait_ms(void);

/* Whether the tables were read and no source is started: then the process may leave. */
extern bool errand_streams_none(void);

/* How many there are, and how many of them are open. */
extern int errand_streams_count(int *open);

/* Stores what was received, as far as that can be, and says goodbye to all. */
extern void errand_streams_leave(void);

#endif
