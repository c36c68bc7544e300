/*
 * frames.c
 *		What a stream received and nobody stored yet.
 *
 * Runs in the stream process, inside callbacks of libwebsockets: it must never
 * call PostgreSQL, and never hold more than it was told to.
 */
#include <stdlib.h>
#include <string.h>

#include "sources/frames.h"

#define KEPT_OF_TOO_LARGE 1000 /* bytes, to show what it was */
#define PART_KEPT 65536		   /* a larger room is given back */

static void
drop_first(ErrandFrames *f)
{
	ErrandFrame *frame = f->first;

	f->first = frame->next;
	if (f->first == NULL)
		f->last = NULL;
	f->n--;
	f->bytes -= sizeof(ErrandFrame) + frame->len;
	free(frame);
}

/* Room for a message of that size, made by the oldest ones. */
static void
make_room(ErrandFrames *f, size_t size)
{
	bool dropped = false;

	while (f->first != NULL && (f->bytes + size > f->max_bytes || f->n >= ERRAND_FRAMES_MAX))
	{
		drop_first(f);
		f->dropped++;
		dropped = true;
	}
	if (!dropped)
		return;
	if (f->first == NULL)
		f->next_mark = ERRAND_FRAME_AFTER_DROP;
	else if (f->first->mark != ERRAND_FRAME_TOO_LARGE)
		f->first->mark = ERRAND_FRAME_AFTER_DROP;
}

static bool
lost(ErrandFrames *f)
{
	f->dropped++;
	f->next_mark = ERRAND_FRAME_AFTER_DROP;
	return false;
}

static bool
push(ErrandFrames *f, int64_t now_us)
{
	size_t size = sizeof(ErrandFrame) + f->part_len;
	ErrandFrame *frame;

	make_room(f, size);
	frame = malloc(size + 1);
	if (frame == NULL)
		return lost(f);
	frame->next = NULL;
	frame->at_us = now_us;
	frame->len = f->part_len;
	frame->mark = f->part_skips ? ERRAND_FRAME_TOO_LARGE : f->next_mark;
	if (f->part_len > 0)
		memcpy(frame->data, f->part, f->part_len);
	if (f->last != NULL)
		f->last->next = frame;
	else
		f->first = frame;
	f->last = frame;
	f->n++;
	f->bytes += size;
	f->received++;
	if (!f->part_skips)
		f->next_mark = ERRAND_FRAME_PLAIN;
	return true;
}

static bool
reserve(ErrandFrames *f, size_t size)
{
	size_t room = f->part_size > 0 ? f->part_size : 4096;
	char *part;

	if (size <= f->part_size)
		return true;
	while (room < size)
		room *= 2;
	part = realloc(f->part, room);
	if (part == NULL)
		return false;
	f->part = part;
	f->part_size = room;
	return true;
}

/* Forget the message that is coming in. */
static void
reset_part(ErrandFrames *f)
{
	f->part_len = 0;
	f->part_skips = false;
	if (f->part_size <= PART_KEPT)
		return;
	free(f->part);
	f->part = NULL;
	f->part_size = 0;
}

/* Keep no more than the beginning; returns how much of the next len bytes belongs to it. */
static size_t
skip_rest(ErrandFrames *f, size_t len)
{
	f->part_skips = true;
	if (f->part_len >= KEPT_OF_TOO_LARGE)
	{
		f->part_len = KEPT_OF_TOO_LARGE;
		return 0;
	}
	return len < KEPT_OF_TOO_LARGE - f->part_len ? len : KEPT_OF_TOO_LARGE - f->part_len;
}

bool
errand_frames_add(ErrandFrames *f, const void *data, size_t len, bool first, bool final,
				  int64_t now_us)
{
	bool good;

	if (first)
		reset_part(f);
	if (f->part_skips)
		len = 0;
	else if (len > f->max_message - f->part_len)
		len = skip_rest(f, len);
	if (len > 0 && !reserve(f, f->part_len + len))
		len = skip_rest(f, 0);
	if (len > 0)
	{
		memcpy(f->part + f->part_len, data, len);
		f->part_len += len;
	}
	if (!final)
		return true;
	good = push(f, now_us);
	reset_part(f);
	return good;
}

void
errand_frames_cut(ErrandFrames *f)
{
	reset_part(f);
	if (f->next_mark == ERRAND_FRAME_PLAIN)
		f->next_mark = ERRAND_FRAME_FIRST;
}

void
errand_frames_stored(ErrandFrames *f, int n)
{
	while (n-- > 0 && f->first != NULL)
		drop_first(f);
}

void
errand_frames_free(ErrandFrames *f)
{
	while (f->first != NULL)
		drop_first(f);
	free(f->part);
	memset(f, 0, sizeof(*f));
}
