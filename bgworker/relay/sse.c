/*
 * sse.c
 *		A stream of server-sent events: one subscription over plain HTTP.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.  The same
 * messages as a WebSocket has; the position of an event is its id, so that
 * Last-Event-ID resumes.
 */
#include "postgres.h"

#include "relay/counters.h"
#include "relay/hub.h"
#include "relay/message.h"
#include "relay/notify.h"
#include "relay/sse.h"

struct RelayStream
{
	ErrandLink node;
	RelayConn *conn;
	RelaySub *sub;
	ErrandLevel level;
	bool due; /* there is something to write */
};

static ErrandLink streams = {&streams, &streams};

/* A message of ours; the stream may be gone after it. */
static void
say(RelayStream *s, RelayText *text, const RelayBlob *data)
{
	RelayText t = {0};

	relay_text(&t, "data: ");
	relay_text_bytes(&t, text->b.data, text->b.len);
	if (data != NULL)
		relay_text_bytes(&t, data->data, data->len);
	relay_text(&t, "\n\n");
	if (t.failed || text->failed || !relay_conn_send(s->conn, t.b.data, t.b.len))
		relay_conn_close(s->conn);
	relay_text_free(&t);
	relay_text_free(text);
}

void
relay_stream_pump(RelayStream *s)
{
	RelayPiece piece;

	/* one piece at a time: its end calls for the next one */
	if (!relay_sub_pending(s->sub) || uv_stream_get_write_queue_size(&s->conn->handle.stream) > 0)
		return;
	if (relay_sub_fill(s->sub, &piece))
		(void) relay_conn_send(s->conn, piece.data, piece.len);
}

/* Not here: writing may end the stream, while the hub goes through its class. */
static void
sub_wake(RelaySub *sub)
{
	RelayStream *s = sub->owner;

	s->due = true;
}

void
relay_streams_turn(void)
{
	for (ErrandLink *l = streams.next, *next; l != &streams; l = next)
	{
		RelayStream *s = errand_container(l, RelayStream, node);

		next = l->next;
		if (!s->due)
			continue;
		s->due = false;
		relay_stream_pump(s);
	}
}

static void
sub_behind(RelaySub *sub)
{
	RelayStream *s = sub->owner;

	/* its socket takes nothing: there is no way to say why */
	if (s->level != ERRAND_LEVEL_NONE)
		relay_count_slow();
	s->level = ERRAND_LEVEL_NONE; /* it ends at the next check */
}

/* It is confirmed once, and not before it is known to be allowed; false: the stream is gone. */
static bool
confirm(RelayStream *s, bool recovered)
{
	RelayConn *c = s->conn;
	RelayText t = {0};

	if (s->sub->confirmed)
		return true;
	s->sub->confirmed = true;
	relay_say_subscribed(&t, relay_sub_id(s->sub), recovered, s->sub->cursor);
	say(s, &t, NULL);
	return c->stream == s;
}

static void
sub_snapshot(RelaySub *sub, const RelayAnswer *why, RelayBlob *data)
{
	RelayStream *s = sub->owner;
	RelayConn *c = s->conn;
	RelayText t = {0};

	if (data != NULL)
	{
		if (!confirm(s, false))
			return;
		relay_say_snapshot(&t, relay_sub_id(sub), sub->cursor);
		say(s, &t, data);
		return;
	}
	relay_say_refused(&t, relay_sub_id(sub), why);
	say(s, &t, NULL);
	if (c->stream == s)
		relay_conn_close(c);
}

static const RelaySubOps sub_ops = {sub_wake, sub_behind, sub_snapshot};

static bool
refuse(RelayConn *c, int status, const char *why)
{
	relay_conn_problem(c, status, why, NULL, NULL, NULL);
	return false;
}

bool
relay_stream_begin(RelayConn *c, RelayWish *wish)
{
	RelayStream *s;
	bool recovered;

	if (!relay_principal_channel(c->who, wish->channel))
		return refuse(c, 403, "the token does not cover this channel");
	if (!relay_channel_listed(wish))
		return refuse(c, 403, "the channel is not in errand.relay_channels");
	s = calloc(1, sizeof(RelayStream));
	if (s == NULL)
		return refuse(c, 503, "out of memory");
	s->sub = relay_sub_create(wish, RELAY_SSE, c->who->role, c->who->level, &sub_ops, s,
							  &recovered);
	if (s->sub == NULL)
	{
		free(s);
		return refuse(c, 503, "too many requests at once");
	}
	s->conn = c;
	s->level = c->who->level;
	c->stream = s;
	errand_list_push(&streams, &s->node);
	relay_count_clients(1);
	relay_conn_stream(c);
	if (recovered && c->stream == s)
		(void) confirm(s, true);
	return true;
}

void
relay_stream_ping(RelayStream *s)
{
	(void) relay_conn_send(s->conn, ": ping\n\n", 8);
}

void
relay_stream_gone(RelayStream *s)
{
	errand_list_remove(&s->node);
	relay_sub_drop(s->sub);
	free(s);
	relay_count_clients(-1);
}

void
relay_streams_check(void)
{
	for (ErrandLink *l = streams.next, *next; l != &streams; l = next)
	{
		RelayStream *s = errand_container(l, RelayStream, node);
		const RelayPrincipal *who = s->conn->who;

		next = l->next;
		if (!who->valid || who->level != s->level || who->expires <= relay_token_now())
			relay_conn_close(s->conn);
	}
}
