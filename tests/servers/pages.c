/*
 * pages.c
 *		Routes of pages, of answers that can be kept, and of large ones.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "routes.h"

/* The number behind NAME= in the query, or if_missing. */
uint64_t
query_number(const Request *request, const char *name, uint64_t if_missing)
{
	size_t len = strlen(name);
	const char *p = memchr(request->target.data, '?', request->target.len);
	const char *end = request->target.data + request->target.len;

	while (p != NULL && ++p < end)
	{
		if ((size_t) (end - p) > len && memcmp(p, name, len) == 0 && p[len] == '=')
			return strtoull(p + len + 1, NULL, 10);
		p = memchr(p, '&', (size_t) (end - p));
	}
	return if_missing;
}

bool
has_header(const Request *request, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = request->headers.data;
		 p != NULL && p + len <= request->headers.data + request->headers.len; p++)
	{
		if (strncasecmp(p, line, len) == 0)
			return true;
	}
	return false;
}

/* {"page": N, "items": [...], "next": ...} */
static void
page_body(Answer *answer, uint64_t page, uint64_t from, uint64_t items)
{
	buffer_printf(&answer->body, "{\"page\": %" PRIu64 ", \"items\": [", page);
	for (uint64_t i = 0; i < items; i++)
		buffer_printf(&answer->body, "%s%" PRIu64, i > 0 ? ", " : "", from + i);
	body_text(answer, "]");
}

/*
 * /pages/HOW/N: N pages of three items.  HOW is link (page=), next (page=, a
 * URL in the body), cursor (cursor=), page (page=), offset (offset=, limit 3),
 * loop (the next is always the first), bad (the third fails), last (page=, the
 * last one again and again), away (the next is at localhost).
 */
void
route_pages(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	const char *how = request->target.data + 7;
	const char *slash = memchr(how, '/', request->target.len - 7);
	uint64_t pages = slash != NULL ? strtoull(slash + 1, NULL, 10) : 1;
	size_t len = slash != NULL ? (size_t) (slash - how) : 0;
	uint64_t page = query_number(request, "page", 1);
#define HOW(word) (len == sizeof(word) - 1 && memcmp(how, word, len) == 0)

	if (HOW("cursor"))
		page = query_number(request, "cursor", 1001) - 1000;
	if (HOW("offset"))
		page = query_number(request, "offset", 0) / 3 + 1;
	if (HOW("bad") && page == 3)
	{
		answer_json_status(answer, 404);
		return;
	}
	if (HOW("last") && page > pages)
		page = pages;
	page_body(answer, page, page * 3 - 2, page <= pages ? 3 : 0);
	if (page < pages && (HOW("link") || HOW("bad")))
		buffer_printf(&answer->extra,
					  "Link: </ok>; rel=\"first\", <?page=%" PRIu64 ">; rel=\"next\"\r\n",
					  page + 1);
	if (HOW("loop"))
		buffer_printf(&answer->extra,
					  "Link: </pages/loop/%" PRIu64 "?page=%" PRIu64 ">; rel=\"next\"\r\n", pages,
					  page == 1 ? UINT64_C(2) : UINT64_C(1));
	if (HOW("away"))
		buffer_printf(&answer->extra, "Link: <http://localhost:%" PRIu64 "/echo>; rel=\"next\"\r\n",
					  pages);
	if (HOW("policy"))
		buffer_printf(&answer->extra, "Link: <http://192.168.77.77/>; rel=\"next\"\r\n");
	if (page < pages && HOW("next"))
		buffer_printf(&answer->body, ", \"next\": \"/pages/next/%" PRIu64 "?page=%" PRIu64 "\"",
					  pages, page + 1);
	else if (page < pages && HOW("cursor"))
		buffer_printf(&answer->body, ", \"next\": %" PRIu64, page + 1001);
	else
		body_text(answer, ", \"next\": null");
	body_text(answer, "}\n");
}

/* /etag/N: the same ETag N, and 304 to who knows it; the count of answers with a body */
void
route_etag(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	static uint64_t bodies = 0;

	if (number != 2)
		buffer_printf(&answer->extra, "ETag: \"v%" PRIu64 "\"\r\n", number);
	buffer_printf(&answer->extra, "Last-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n"
								  "Cache-Control: private, max-age=3600\r\n");
	if ((number == 1 && has_header(request, "if-none-match: \"v1\"")) ||
		(number == 2 && has_header(request, "if-modified-since: Sun, 01 Nov 2026 00:00:00 GMT")))
	{
		answer->status = 304;
		return;
	}
	buffer_printf(&answer->body, "{\"bodies\": %" PRIu64 "}\n", ++bodies);
}

void
route_nostore(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	buffer_printf(&answer->extra, "Cache-Control: max-age=60, No-Store\r\n");
	answer_json_status(answer, 200);
}

/* /cookie/N sets the cookie n=N, and leads to /echo */
void
route_cookie(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	buffer_printf(&answer->extra,
				  "Set-Cookie: n=%" PRIu64 "; Path=/; HttpOnly\r\n"
				  "Set-Cookie: gone=1; Max-Age=0\r\nSet-Cookie: safe=1; Secure\r\n"
				  "Link: </echo>; rel=\"next\"\r\n",
				  number);
	answer_json_status(answer, 200);
}

/* /large/N: N bytes, made while they are sent */
void
route_large(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer->type = "application/octet-stream";
	answer->large = answer->claimed = number;
}
