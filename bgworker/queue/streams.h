/*
 * streams.h
 *		The stream process, as its database's leader sees it.
 */
#ifndef ERRAND_QUEUE_STREAMS_H
#define ERRAND_QUEUE_STREAMS_H

#include "postgres.h"

/* Reads whether a WebSocket source is started; within a transaction. */
extern void errand_streams_look(void);

/* Starts the process if one is wanted and there is none; the leader, outside transactions. */
extern void errand_streams_tend(void);

/* How long until errand_streams_tend() has something to do again; PG_INT64_MAX: until it is told. */
extern int64 errand_streams_wait_us(void);

#endif
