/*
 * http_head.h
 *		The head of an HTTP/1.x request to the relay, read strictly.
 *
 * What two programs on a request's way could read in two ways is refused: a
 * length given twice, Transfer-Encoding, folded lines, blanks before a colon.
 */
#ifndef ERRAND_CORE_HTTP_HEAD_H
#define ERRAND_CORE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRAND_HEAD_MAX 4096 /* bytes of a head */
#define ERRAND_HEAD_LINES 64 /* header lines of a head */
#define ERRAND_WS_OFFERS 8	 /* Sec-WebSocket-Protocol lines that are looked at */

typedef enum ErrandMethod
{
	ERRAND_GET,
	ERRAND_HEAD,
	ERRAND_POST,
	ERRAND_METHOD_OTHER /* a method that no route has */
} ErrandMethod;

/* A piece of the head; p is NULL if it is not there. */
typedef struct ErrandSpan
{
	const char *p;
	size_t len;
} ErrandSpan;

/* All of it points into the head that was read. */
typedef struct ErrandHttpHead
{
	ErrandMethod method;
	bool keep_alive;		/* the connection may go on after the answer */
	bool expect_continue;	/* the client waits for a 100 */
	bool upgrade;			/* Connection names Upgrade, which is websocket */
	int64_t content_length; /* 0 if there is none */
	bool has_length;
	ErrandSpan path;  /* from the first slash to the query; not decoded */
	ErrandSpan query; /* behind the question mark */
	ErrandSpan host;
	ErrandSpan origin;
	ErrandSpan authorization;
	ErrandSpan content_type;
	ErrandSpan accept;
	ErrandSpan if_none_match;
	ErrandSpan last_event_id;
	ErrandSpan ws_key;
	ErrandSpan ws_version;
	ErrandSpan ws_protocol[ERRAND_WS_OFFERS];
	int ws_protocols;
} ErrandHttpHead;

/*
 * Reads a head.  text: what has arrived so far, not terminated.  Returns its
 * length (the body begins there), 0 if more must arrive, or the negated HTTP
 * status to answer with: 400, 431 (too large), 501 (Transfer-Encoding), 505.
 */
extern int errand_request_head(const char *text, size_t len, ErrandHttpHead *out);

/*
 * Decodes %XX in place of a copy: out has room for in.len + 1 bytes and is
 * terminated.  plus: a plus sign means a blank.  False if an escape is wrong,
 * stands for a NUL, or the result is no UTF-8.
 */
extern bool errand_percent_decode(ErrandSpan in, bool plus, char *out);

/* The next piece of text that ends at one of the separators; false at the end. */
extern bool errand_span_next(ErrandSpan *rest, char separator, ErrandSpan *piece);

/* Is this text, of this length, UTF-8 without NUL? */
extern bool errand_utf8_ok(const char *text, size_t len);

#endif /* ERRAND_CORE_HTTP_HEAD_H */
