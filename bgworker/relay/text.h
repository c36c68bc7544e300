/*
 * text.h
 *		Writing texts and JSON into growing buffers.  Nothing here throws: a
 *		buffer that could not grow is marked, and its user looks once at the end.
 */
#ifndef ERRAND_RELAY_TEXT_H
#define ERRAND_RELAY_TEXT_H

#include "postgres.h"

#include "net/buffer.h"

/* A buffer that remembers whether something did not fit; zero-filled it is empty. */
typedef struct RelayText
{
	ErrandBuffer b;
	bool failed;
} RelayText;

/* The reason of a refusal that is ours and not the client's: told as 503 or 1013. */
extern const char relay_no_memory[];

extern void relay_text_bytes(RelayText *t, const char *bytes, size_t len);
extern void relay_text(RelayText *t, const char *s);
extern void relay_text_format(RelayText *t, const char *format, ...) pg_attribute_printf(2, 3);

/* A JSON string, with its quotes; the bytes are UTF-8. */
extern void relay_text_json(RelayText *t, const char *s, size_t len);

/* 2026-11-27T15:04:05.123456Z */
extern void relay_text_time(RelayText *t, int64 timestamptz);

/* "Fri, 27 Nov 2026 15:04:05 GMT", for HTTP. */
extern void relay_text_http_date(RelayText *t, int64 timestamptz);

extern void relay_text_free(RelayText *t);

#endif
