/*
 * chunks.h
 *		Large bodies: into rows of a bounded size while they come.
 */
#ifndef ERRAND_CHUNKS_H
#define ERRAND_CHUNKS_H

#include "net/transfer.h"
#include "queue/run.h"

#define ERRAND_CHUNK_BYTES (256 * 1024)
#define ERRAND_STREAM_BYTES (1024 * 1024) /* a transfer pauses while so much waits */

/* The run's transfer streams; the second has no effect if it does not. */
extern void errand_chunks_watch(ErrandRun *r, ErrandTransfer *t);
extern void errand_chunks_unwatch(ErrandRun *r);

/* Writes what has arrived, in a transaction of its own; wanted: there is some. */
extern bool errand_chunks_wanted(void);
extern void errand_chunks_write(void);

/*
 * Within the settle, its leases locked: the rest of bodies that succeeded, and
 * what is left of the others is to go.
 */
extern void errand_chunks_settle(ErrandRun **runs, int n);

#endif
