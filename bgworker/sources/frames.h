/*
 * frames.h
 *		What a stream received and nobody stored yet: bounded, in order.
 *
 * Plain C, memory from malloc; filled from callbacks of libwebsockets.
 */
#ifndef ERRAND_SOURCES_FRAMES_H
#define ERRAND_SOURCES_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Marks of a message, as _stream_frames() reads them; the last one that fits counts. */
#define ERRAND_FRAME_PLAIN '\0'
#define ERRAND_FRAME_FIRST 'c'		/* of a connection */
#define ERRAND_FRAME_AFTER_DROP 'd' /* some before it were dropped */
#define ERRAND_FRAME_TOO_LARGE 'o'	/* only its beginning was kept */

#define ERRAND_FRAMES_MAX 100000 /* messages in one buffer */

/* One message, or the part of it that is kept. */
typedef struct ErrandFrame
{
	struct ErrandFrame *next;
	int64_t at_us; /* when it was complete, monotonic */
	size_t len;
	char mark;
	char data[];
} ErrandFrame;

/*
 * The buffer of one stream.  It outlives connections.  Where it is full the
 * oldest message makes room, and is counted: what a stream tells of now is
 * worth more than what it told of then.
 */
typedef struct ErrandFrames
{
	ErrandFrame *first;
	ErrandFrame *last;
	int n;
	size_t bytes;	  /* of all that are here, with their heads */
	size_t max_bytes; /* set by the owner */
	uint64_t dropped; /* since errand_frames_dropped() was asked */
	uint64_t received;

	/* the message that is coming in */
	char *part;
	size_t part_len;
	size_t part_size;
	size_t max_message; /* set by the owner */
	bool part_skips;	/* it is too large: its rest is not kept */
	char next_mark;		/* of the next message */
} ErrandFrames;

/*
 * A piece of a message; first and final say where in it.  False if memory is
 * out: the message is lost, counted as dropped.
 */
extern bool errand_frames_add(ErrandFrames *f, const void *data, size_t len, bool first, bool final,
							  int64_t now_us);

/* The connection is over: what was not complete goes, the next one marks its first message. */
extern void errand_frames_cut(ErrandFrames *f);

/* Drops the n oldest, which somebody stored. */
extern void errand_frames_stored(ErrandFrames *f, int n);

/* Frees all that it holds. */
extern void errand_frames_free(ErrandFrames *f);

#endif
