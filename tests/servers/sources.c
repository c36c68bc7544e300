/*
 * sources.c
 *		Routes of what a source fetches: items behind a cursor, and answers that
 *		a test switches.
 */
#include <inttypes.h>
#include <stdio.h>

#include "routes.h"

static uint64_t mode = 0;
static uint64_t version = 1;

/* /since/TOTAL?since=N&limit=L: items N+1 and on, L at most (100); with &next=1 a cursor for the next page */
void
route_since(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	uint64_t from = query_number(request, "since", 0);
	uint64_t limit = query_number(request, "limit", 100);
	uint64_t to = from + limit < number ? from + limit : number;

	body_text(answer, "{\"items\": [");
	for (uint64_t i = from + 1; i <= to; i++)
		buffer_printf(&answer->body, "%s{\"id\": %" PRIu64 ", \"name\": \"item %" PRIu64 "\"}",
					  i > from + 1 ? ", " : "", i, i);
	buffer_printf(&answer->body, "], \"newest\": %" PRIu64, to > from ? to : from);
	if (to > from && to < number)
		buffer_printf(&answer->body, ", \"next\": %" PRIu64, to);
	body_text(answer, "}\n");
}

/* /mode/N: what /switch does from now on; /version/N: what /changing has */
void
route_mode(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	mode = number;
	answer_json_status(answer, 200);
}

void
route_version(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	version = number;
	answer_json_status(answer, 200);
}

/* /switch: 0 items, 1 no JSON, 2 a page of HTML, above 99 that status (429 with Retry-After: 1) */
void
route_switch(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	if (mode == 429)
		buffer_printf(&answer->extra, "Retry-After: 1\r\n");
	if (mode > 99)
		answer_json_status(answer, (int) mode);
	else if (mode == 1)
		body_text(answer, "{\"items\": [{\"id\": 1");
	else if (mode == 2)
		body_text(answer, "<!DOCTYPE html><html><body>We are sorry</body></html>");
	else
		body_text(
			answer,
			"{\"items\": [{\"id\": 1, \"name\": \"one\"}, {\"id\": 2, \"name\": \"two\"}]}\n");
}

/* /changing: one item, and an ETag, of the version; 304 to who knows it */
void
route_changing(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	char known[64];

	snprintf(known, sizeof(known), "if-none-match: \"v%" PRIu64 "\"", version);
	buffer_printf(&answer->extra, "ETag: \"v%" PRIu64 "\"\r\n", version);
	if (has_header(request, known))
		answer->status = 304;
	else
		buffer_printf(&answer->body, "[{\"id\": %" PRIu64 "}]\n", version);
}
