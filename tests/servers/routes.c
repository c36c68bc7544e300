/*
 * routes.c
 *		What each route of the counting server answers.
 *
 * One table, one short function a route.  A route named /name/N is handed
 * its number.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "routes.h"

void
body_text(Answer *answer, const char *text)
{
	buffer_add(&answer->body, text, strlen(text));
}

void
answer_json_status(Answer *answer, int status)
{
	answer->status = status;
	buffer_printf(&answer->body, "{\"status\": %d}\n", status);
}

/* ---- plain answers ---- */

static void
route_ok(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer->type = "text/plain";
	body_text(answer, "ok\n");
}

static void
route_json(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	body_text(answer, "{\"id\": 1, \"name\": \"errand\", \"filler\": \"");
	while (answer->body.len < 1024 - 3)
		buffer_add(&answer->body, "x", 1);
	body_text(answer, "\"}\n");
}

static void
route_status(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer_json_status(answer, number >= 200 && number <= 599 ? (int) number : 400);
}

static void
route_bytes(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer->type = "application/octet-stream";
	if (number > 256 * 1024 * 1024)
		number = 256 * 1024 * 1024;
	for (uint64_t i = 0; i < number; i++)
	{
		char byte = (char) (i & 0xff);

		buffer_add(&answer->body, &byte, 1);
	}
}

static void
route_repeat(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	buffer_printf(&answer->extra, "X-Repeated: one\r\nX-Repeated: two\r\n"
								  "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
	answer_json_status(answer, 200);
}

static void
route_redirect(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	if (number > 1)
		buffer_printf(&answer->extra, "Location: /redirect/%" PRIu64 "\r\n", number - 1);
	else
		buffer_printf(&answer->extra, "Location: /json\r\n");
	answer_json_status(answer, 302);
}

/* /to/URL redirects to the rest of the path as it stands */
static void
route_to(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	buffer_printf(&answer->extra, "Location: ");
	buffer_add(&answer->extra, request->target.data + 4, request->target.len - 4);
	buffer_add(&answer->extra, "\r\n", 2);
	answer_json_status(answer, 302);
}

/* ---- slow ones ---- */

static void
route_delay(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	conn->pace = PACE_HELD;
	conn->due = number * 1000 + 1;
	buffer_printf(&answer->body, "{\"delay_ms\": %" PRIu64 "}\n", number);
}

static void
route_hang(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	conn->pace = PACE_HELD;
	answer->silent = true;
}

static void
route_drip(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer->claimed = 1024 * 1024;
	answer->drip = number > 0 ? number : 1000;
}

static void
route_endless(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer->type = "text/plain";
	answer->chunked = true;
}

/* ---- wrong ones ---- */

static void
route_flaky(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer_json_status(answer, key_hit(request) <= number ? 503 : 200);
}

/* 429 with Retry-After the first time that a key comes, in seconds or as a date */
static void
route_retry_after(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	if (key_hit(request) > 1)
	{
		answer_json_status(answer, 200);
		return;
	}
	if (strncmp(request->target.data, "/retry-date", 11) == 0)
	{
		time_t when = time(NULL) + (time_t) number;
		char date[64];

		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime(&when));
		buffer_printf(&answer->extra, "Retry-After: %s\r\n", date);
	}
	else
		buffer_printf(&answer->extra, "Retry-After: %" PRIu64 "\r\n", number);
	answer_json_status(answer, 429);
}

static void
route_drop(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	buffer_printf(&conn->out, "HTTP/1.1 200 OK\r\nContent-Ty");
	answer->silent = true;
	conn->close_after = true;
}

static void
route_reset(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	answer->silent = true;
	conn->close_after = conn->reset_after = true;
}

static void
route_half(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	body_text(answer, "{\"half\": ");
	answer->claimed = 1000;
	conn->close_after = true;
}

static void
route_bighead(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	if (number == 0)
		number = 100000;
	for (uint64_t i = 0; i < number; i++)
		buffer_printf(&answer->extra, "X-Big-%" PRIu64 ": %032d\r\n", i, 0);
	answer_json_status(answer, 200);
}

/* ---- telling what arrived ---- */

static void
route_echo(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	const char *line = request->headers.data;
	const char *end = line + request->headers.len;
	bool first = true;

	body_text(answer, "{\"method\": ");
	add_json_string(&answer->body, request->method);
	body_text(answer, ", \"target\": ");
	add_json_string(&answer->body, request->target);
	body_text(answer, ", \"headers\": [");
	while (line != NULL && line < end)
	{
		const char *stop = memchr(line, '\r', (size_t) (end - line));
		size_t len = (size_t) ((stop != NULL ? stop : end) - line);
		const char *colon = memchr(line, ':', len);
		Slice value = {colon + 1, len - (size_t) (colon + 1 - line)};

		while (value.len > 0 && *value.data == ' ')
			value = (Slice){value.data + 1, value.len - 1};
		body_text(answer, first ? "[" : ", [");
		add_json_string(&answer->body, (Slice){line, (size_t) (colon - line)});
		body_text(answer, ", ");
		add_json_string(&answer->body, value);
		body_text(answer, "]");
		first = false;
		line += len + 2;
	}
	body_text(answer, "], \"body\": \"");
	add_base64(&answer->body, request->body);
	buffer_printf(&answer->body, "\", \"length\": %zu}\n", request->body.len);
}

/* /_count has the totals, /_count/KEY the hits of one key */
static void
route_count(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	if (request->target.len > 8)
	{
		Slice key = {request->target.data + 8, request->target.len - 8};

		buffer_printf(&answer->body, "{\"hits\": %" PRIu64 "}\n", key_hits(key));
		return;
	}
	buffer_printf(&answer->body,
				  "{\"requests\": %" PRIu64 ", \"keys\": %" PRIu64 ", \"most_hits\": %" PRIu64
				  ", \"running\": %" PRIu64 ", \"most_running\": %" PRIu64 ", \"aborted\": %" PRIu64
				  ", \"connections\": %" PRIu64 ", \"open\": %" PRIu64 ", \"most_open\": %" PRIu64
				  "}\n",
				  totals.requests, totals.keys, totals.most_hits, totals.running - 1,
				  totals.most_running, totals.aborted, totals.connections, totals.open,
				  totals.most_open);
}

/* Begin to count anew; what is still open or running stays. */
static void
route_reset_counts(Conn *conn, const Request *request, uint64_t number, Answer *answer)
{
	Totals kept = {.open = totals.open, .most_open = totals.open, .running = totals.running};

	keys_forget();
	totals = kept;
	body_text(answer, "{}\n");
}

static const struct
{
	const char *path;
	RouteFunction function;
} routes[] = {
	{"/ok", route_ok},
	{"/json", route_json},
	{"/status/", route_status},
	{"/bytes/", route_bytes},
	{"/repeat", route_repeat},
	{"/redirect/", route_redirect},
	{"/to/", route_to},
	{"/delay/", route_delay},
	{"/hang", route_hang},
	{"/drip/", route_drip},
	{"/endless", route_endless},
	{"/flaky/", route_flaky},
	{"/retry-after/", route_retry_after},
	{"/retry-date/", route_retry_after},
	{"/drop", route_drop},
	{"/reset", route_reset},
	{"/half", route_half},
	{"/bighead/", route_bighead},
	{"/bighead", route_bighead},
	{"/echo", route_echo},
	{"/pages/", route_pages},
	{"/etag/", route_etag},
	{"/nostore", route_nostore},
	{"/cookie/", route_cookie},
	{"/large/", route_large},
	{"/since/", route_since},
	{"/mode/", route_mode},
	{"/version/", route_version},
	{"/switch", route_switch},
	{"/changing", route_changing},
	{"/_count/", route_count},
	{"/_count", route_count},
	{"/_reset", route_reset_counts},
};

/* A path that ends with a slash takes anything behind it, else only a query. */
static RouteFunction
find_route(Slice target, uint64_t *number)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
	{
		size_t len = strlen(routes[i].path);

		if (target.len < len || memcmp(target.data, routes[i].path, len) != 0)
			continue;
		if (routes[i].path[len - 1] != '/' && target.len > len && target.data[len] != '?')
			continue;
		*number = strtoull(target.data + len, NULL, 10);
		return routes[i].function;
	}
	return NULL;
}

static void
write_answer(Conn *conn, const Request *request, Answer *answer)
{
	bool head_only = request->method.len == 4 && memcmp(request->method.data, "HEAD", 4) == 0;
	bool no_body = answer->status == 204 || answer->status == 304;

	buffer_printf(&conn->out, "HTTP/1.1 %d Status\r\nContent-Type: %s\r\n", answer->status,
				  answer->type);
	if (answer->extra.len > 0)
		buffer_add(&conn->out, answer->extra.data, answer->extra.len);
	if (answer->chunked)
		buffer_printf(&conn->out, "Transfer-Encoding: chunked\r\n");
	else if (!no_body)
		buffer_printf(&conn->out, "Content-Length: %zu\r\n",
					  answer->claimed > 0 ? answer->claimed : answer->body.len);
	if (conn->close_after)
		buffer_printf(&conn->out, "Connection: close\r\n");
	buffer_add(&conn->out, "\r\n", 2);
	if (head_only || no_body)
		return;
	if (answer->body.len > 0)
		buffer_add(&conn->out, answer->body.data, answer->body.len);
	if (answer->chunked)
		conn->pace = PACE_ENDLESS;
	if (answer->large > 0)
	{
		conn->pace = PACE_LARGE;
		conn->large_left = answer->large;
	}
	if (answer->drip > 0)
	{
		conn->pace = PACE_DRIP;
		conn->drip_every = conn->due = answer->drip * 1000;
	}
}

void
route_request(Conn *conn, const Request *request)
{
	uint64_t number = 0;
	RouteFunction function = find_route(request->target, &number);
	Answer answer = {.status = 200, .type = "application/json"};
	bool about_us = request->target.len > 1 && request->target.data[1] == '_';

	if (!about_us)
		totals.requests++;
	if (function == NULL)
		answer_json_status(&answer, 404);
	else
		function(conn, request, number, &answer);
	if (!about_us)
	{
		if (function != route_flaky && function != route_retry_after)
			key_hit(request);
		ledger_add(request,
				   answer.silent || answer.claimed > 0 || answer.chunked ? 0 : answer.status);
	}
	if (!answer.silent)
		write_answer(conn, request, &answer);
	free(answer.extra.data);
	free(answer.body.data);
}
