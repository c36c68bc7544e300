/*
 * session_io.c
 *		What a WebSocket connection is told, and when; pings and timeouts.
 *
 * Runs in the relay, in callbacks of libwebsockets and, for events, in the main
 * loop: it must never throw.  A session's own messages go first, then events, a
 * bounded number of bytes a turn.  To ask libwebsockets first, and be called
 * back for each frame, costs twice what the frame does: events are written at
 * once where nothing of the session waits.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/fault.h"
#include "relay/counters.h"
#include "relay/log.h"
#include "relay/session_state.h"

#define AUTH_US INT64CONST(5000000)
#define PING_US INT64CONST(25000000)
#define PONG_US INT64CONST(10000000)
#define STALL_US INT64CONST(20000000) /* so long nothing may be written though there is something */
#define QUEUE_MAX 128				  /* messages of ours that wait */
#define WRITE_BYTES 262144			  /* of events a turn */

ErrandLink relay_all_sessions = {&relay_all_sessions, &relay_all_sessions};
ErrandLink relay_silent = {&relay_silent, &relay_silent};
ErrandLink relay_beating = {&relay_beating, &relay_beating};
ErrandLink relay_pinged = {&relay_pinged, &relay_pinged};
static ErrandLink due = {&due, &due};
int relay_sessions_closing = 0;

/* The only setter of a session's state. */
void
relay_session_move(RelaySession *s, SessionState to)
{
	static const uint32 next[] PG_USED_FOR_ASSERTS_ONLY = {
		[SESSION_CONNECTING] = 1 << SESSION_ASKING | 1 << SESSION_CHECKING | 1 << SESSION_CLOSING |
							   1 << SESSION_GONE,
		[SESSION_ASKING] = 1 << SESSION_CHECKING | 1 << SESSION_CLOSING | 1 << SESSION_GONE,
		[SESSION_CHECKING] = 1 << SESSION_READY | 1 << SESSION_CLOSING | 1 << SESSION_GONE,
		[SESSION_READY] = 1 << SESSION_CLOSING | 1 << SESSION_GONE,
		[SESSION_CLOSING] = 1 << SESSION_GONE,
		[SESSION_GONE] = 0,
	};

	Assert((next[s->state] & (1 << to)) != 0);
	s->state = to;
	if (to != SESSION_CLOSING)
		return;
	/* it takes nobody's place any more */
	relay_sessions_closing++;
	relay_address_leave(s->address);
	s->address = NULL;
}

void
relay_session_wake(RelaySession *s)
{
	if (s->asked || s->wsi == NULL)
		return;
	s->asked = true;
	s->asked_at = errand_clock_monotonic();
	relay_ws_wake(s->wsi);
}

void
relay_session_due(RelaySession *s)
{
	if (s->asked || s->wsi == NULL || !errand_list_empty(&s->due))
		return;
	errand_list_push(&due, &s->due);
}

void
relay_session_beat(RelaySession *s, ErrandLink *list)
{
	errand_list_remove(&s->beat);
	errand_list_push(list, &s->beat);
	s->beat_at = errand_clock_monotonic();
}

void
relay_session_close(RelaySession *s, int code, const char *reason)
{
	if (s->state == SESSION_CLOSING || s->state == SESSION_GONE)
		return;
	relay_session_move(s, SESSION_CLOSING);
	s->close_code = (short) code;
	s->close_reason = reason;
	if (s->wsi == NULL)
		return;
	relay_ws_kill(s->wsi, RELAY_KILL_S);
	relay_session_wake(s);
}

/* A frame: its head, the bytes, and the data that follow. */
static SessionOut *
out_make(int opcode, const char *bytes, size_t len, RelayBlob *data)
{
	SessionOut *o = malloc(sizeof(SessionOut) + ERRAND_WS_HEAD + len);

	if (o == NULL)
		return NULL;
	o->len = errand_ws_head(o->bytes, opcode, len + (data != NULL ? data->len : 0));
	memcpy(o->bytes + o->len, bytes, len);
	o->len += len;
	o->data = data;
	if (data != NULL)
		data->refs++;
	return o;
}

/* Of several pings the last is answered (RFC 6455, 5.5.3). */
void
relay_session_pong(RelaySession *s, const char *data, size_t len)
{
	if (s->state == SESSION_CLOSING)
		return;
	free(s->pong);
	s->pong = out_make(ERRAND_WS_OP_PONG, data, len, NULL);
	relay_session_wake(s);
}

void
relay_session_say(RelaySession *s, RelayText *text, RelayBlob *data)
{
	SessionOut *o = NULL;

	if (s->n_out >= QUEUE_MAX)
		relay_session_close(s, RELAY_CLOSE_TOO_MANY,
							"too many messages without reading the answers");
	else if (text->failed ||
			 (o = out_make(ERRAND_WS_OP_TEXT, text->b.data, text->b.len, data)) == NULL)
		relay_session_close(s, RELAY_CLOSE_FULL, "out of memory");
	else
	{
		errand_list_push(&s->out, &o->node);
		s->n_out++;
		relay_session_wake(s);
	}
	relay_text_free(text);
}

static void
out_drop(RelaySession *s, SessionOut *o)
{
	errand_list_remove(&o->node);
	s->n_out--;
	relay_blob_drop(o->data);
	free(o);
}

void
relay_session_forget_out(RelaySession *s)
{
	while (!errand_list_empty(&s->out))
		out_drop(s, errand_container(s->out.next, SessionOut, node));
	free(s->pong);
	s->pong = NULL;
}

static bool
out_write(RelaySession *s, const SessionOut *o)
{
	return relay_ws_write(s->wsi, o->bytes, o->len) &&
		   (o->data == NULL || relay_ws_write(s->wsi, o->data->data, o->data->len));
}

/* Pings and pongs; false: the connection is gone. */
static bool
write_control(RelaySession *s)
{
	char ping[ERRAND_WS_HEAD];
	bool good = true;

	if (s->ping_due)
		good = relay_ws_write(s->wsi, ping, errand_ws_head(ping, ERRAND_WS_OP_PING, 0));
	s->ping_due = false;
	if (good && s->pong != NULL)
		good = out_write(s, s->pong);
	free(s->pong);
	s->pong = NULL;
	return good;
}

/* Our own messages; false: the connection is gone. */
static bool
write_out(RelaySession *s)
{
	while (!errand_list_empty(&s->out) && !relay_ws_choked(s->wsi))
	{
		SessionOut *o = errand_container(s->out.next, SessionOut, node);

		if (!out_write(s, o))
			return false;
		relay_count_out(1);
		out_drop(s, o);
	}
	return true;
}

/* Events, from one subscription after the other; false: the connection is gone. */
static bool
write_events(RelaySession *s)
{
	size_t written = 0;
	int idle = 0;

	while (idle < s->n_subs && written < WRITE_BYTES && !relay_ws_choked(s->wsi))
	{
		ErrandLink *l = errand_list_pop(&s->subs);
		RelayPiece piece;

		errand_list_push(&s->subs, l);
		if (!relay_sub_fill(errand_container(l, RelaySub, owned), &piece))
		{
			idle++;
			continue;
		}
		idle = 0;
		if (!relay_ws_write(s->wsi, piece.data, piece.len))
			return false;
		written += piece.len;
		relay_count_out(piece.messages);
	}
	return true;
}

static bool
more_to_write(const RelaySession *s)
{
	if (!errand_list_empty(&s->out) || s->ping_due || s->state == SESSION_CLOSING)
		return true;
	for (const ErrandLink *l = s->subs.next; l != &s->subs; l = l->next)
	{
		if (relay_sub_pending(errand_container((ErrandLink *) l, RelaySub, owned)))
			return true;
	}
	return false;
}

/* The last that is written: its end comes by its answer, if there is to be one, or by time. */
static bool
write_close(RelaySession *s)
{
	struct lws *wsi = s->wsi;
	char frame[2 + ERRAND_WS_CONTROL];

	relay_session_closed(s);
	if (!relay_ws_write(wsi, frame, errand_ws_close(frame, s->close_code, s->close_reason)))
		return false;
	if (s->deaf)
		relay_ws_end(wsi, RELAY_END_S);
	return true;
}

bool
relay_session_writeable(RelaySession *s)
{
	s->asked = false;
	if (s->wsi == NULL)
		return true;
	if (!write_control(s) || !write_out(s))
		return false;
	if (s->state == SESSION_CLOSING && errand_list_empty(&s->out) && !relay_ws_choked(s->wsi))
		return write_close(s);
	if (s->state == SESSION_READY && errand_list_empty(&s->out) && !write_events(s))
		return false;
	if (more_to_write(s))
		relay_session_wake(s);
	return true;
}

void
relay_sessions_tell(void)
{
	while (!errand_list_empty(&due))
	{
		RelaySession *s = errand_container(errand_list_pop(&due), RelaySession, due);

		if (s->asked)
			continue;
		if (s->state == SESSION_READY && errand_list_empty(&s->out) && relay_ws_eager(s->wsi) &&
			!write_events(s))
			relay_ws_gone(s->wsi);
		else if (more_to_write(s))
			relay_session_wake(s);
	}
}

/* The oldest of a list that has been in it for so long, or NULL. */
static RelaySession *
overdue(ErrandLink *list, int64 since)
{
	RelaySession *s = errand_container(list->next, RelaySession, beat);

	return !errand_list_empty(list) && s->beat_at <= since ? s : NULL;
}

static void
tick_beats(int64 now)
{
	int64 haste = ERRAND_HASTE("relay_clock");
	RelaySession *s;

	while ((s = overdue(&relay_silent, now - AUTH_US / haste)) != NULL)
	{
		errand_list_remove(&s->beat);
		relay_session_close(s, RELAY_CLOSE_NO_AUTH, "no token came in time");
	}
	while ((s = overdue(&relay_pinged, now - PONG_US / haste)) != NULL)
	{
		errand_list_remove(&s->beat);
		relay_ws_kill(s->wsi, 1);
	}
	while ((s = overdue(&relay_beating, now - PING_US / haste)) != NULL)
	{
		relay_session_beat(s, &relay_pinged);
		s->ping_due = true;
		relay_session_wake(s);
	}
}

void
relay_sessions_tick(void)
{
	int64 now = errand_clock_monotonic();
	int64 today = relay_token_now();

	tick_beats(now);
	for (ErrandLink *l = relay_all_sessions.next; l != &relay_all_sessions; l = l->next)
	{
		RelaySession *s = errand_container(l, RelaySession, node);

		if (s->state != SESSION_READY)
			continue;
		if (s->who->expires <= today)
			relay_session_close(s, RELAY_CLOSE_TOKEN, "the token has expired");
		else if (s->asked && now - s->asked_at > STALL_US)
		{
			relay_count_slow();
			relay_session_close(s, RELAY_CLOSE_SLOW, "too slow: reconnect and resume");
		}
	}
}
