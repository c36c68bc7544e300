/*
 * answer.c
 *		Answers of HTTP: what all of them say, and problems.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.
 */
#include "postgres.h"

#include "base/clock.h"
#include "relay/conn_state.h"
#include "relay/counters.h"
#include "relay/sse.h"
#include "relay/text.h"
#include "relay/web.h"

const char *
relay_status_text(int status)
{
	static const struct
	{
		int status;
		const char *text;
	} texts[] = {
		{200, "OK"},
		{201, "Created"},
		{304, "Not Modified"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{413, "Content Too Large"},
		{415, "Unsupported Media Type"},
		{421, "Misdirected Request"},
		{426, "Upgrade Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		if (texts[i].status == status)
			return texts[i].text;
	}
	return "Error";
}

/* What every answer says. */
static void
head_write(RelayText *t, RelayConn *c, const RelayReply *reply)
{
	relay_text_format(t, "HTTP/1.1 %d %s\r\nDate: ", reply->status,
					  relay_status_text(reply->status));
	relay_text_http_date(t, errand_clock_now());
	relay_text(t, "\r\n" RELAY_SECURITY_HEADERS);
	relay_text_format(t, "Cache-Control: %s\r\n", reply->cache != NULL ? reply->cache : "no-store");
	if (reply->type != NULL)
		relay_text_format(t, "Content-Type: %s\r\n", reply->type);
	if (reply->more != NULL)
		relay_text(t, reply->more);
	if (c->close)
		relay_text(t, "Connection: close\r\n");
}

void
relay_conn_reply(RelayConn *c, const RelayReply *reply)
{
	RelayText t = {0};
	bool body = c->head.method != ERRAND_HEAD && reply->status != 304;

	if (c->state == CONN_CLOSED)
		return;
	/* a body that was not read would be taken for the next request */
	if (relay_conns_leaving() || !c->head.keep_alive ||
		c->head_len + (size_t) c->head.content_length > c->in.len)
		c->close = true;
	relay_count_answer(c->route, reply->status);
	head_write(&t, c, reply);
	if (reply->status != 304)
		relay_text_format(&t, "Content-Length: %zu\r\n", reply->len);
	relay_text(&t, "\r\n");
	if (body && !reply->lasting)
		relay_text_bytes(&t, reply->body, reply->len);
	if (t.failed)
		relay_conn_close(c);
	else
	{
		relay_conn_move(c, CONN_ANSWERING, RELAY_WRITE_MS);
		relay_conn_write(c, t.b.data, t.b.len, reply->body,
						 body && reply->lasting ? reply->len : 0);
	}
	relay_text_free(&t);
}

void
relay_conn_problem(RelayConn *c, int status, const char *detail, const char *hint, const char *code,
				   const char *more)
{
	RelayText t = {0};
	RelayReply reply = {.status = status, .type = "application/problem+json", .more = more};
	const struct
	{
		const char *name;
		const char *value;
	} parts[] = {{"detail", detail}, {"hint", hint}, {"code", code}};

	relay_text_format(&t, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d",
					  relay_status_text(status), status);
	for (int i = 0; i < (int) lengthof(parts); i++)
	{
		if (parts[i].value == NULL || parts[i].value[0] == '\0')
			continue;
		relay_text_format(&t, ",\"%s\":", parts[i].name);
		relay_text_json(&t, parts[i].value, strlen(parts[i].value));
	}
	relay_text(&t, "}");
	reply.body = t.b.data;
	reply.len = t.b.len;
	if (t.failed)
		relay_conn_close(c);
	else
		relay_conn_reply(c, &reply);
	relay_text_free(&t);
}

void
relay_conn_stream(RelayConn *c)
{
	RelayText t = {0};
	RelayReply reply = {.status = 200,
						.type = "text/event-stream",
						.more = "X-Accel-Buffering: no\r\n"};

	c->close = true;
	relay_count_answer(c->route, 200);
	head_write(&t, c, &reply);
	relay_text(&t, "\r\n");
	relay_conn_move(c, CONN_STREAM, RELAY_STREAM_PING_MS);
	if (t.failed || !relay_conn_send(c, t.b.data, t.b.len) || !relay_conn_listen(c))
		relay_conn_close(c);
	relay_text_free(&t);
}
