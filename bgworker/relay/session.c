/*
 * session.c
 *		The life of a WebSocket connection.
 *
 * Runs in the relay, in callbacks of libwebsockets: it must never throw, and
 * never run SQL.  What is written, and when, is in session_io.c.
 */
#include "postgres.h"

#include "base/clock.h"
#include "core/http_head.h"
#include "relay/counters.h"
#include "relay/message.h"
#include "relay/session_state.h"

#define MESSAGES_A_SECOND 50
#define MESSAGES_BURST 200

static int n_sessions = 0;

RelaySession *
relay_session_create(RelayPrincipal *who, RelayAddress *address)
{
	RelaySession *s = calloc(1, sizeof(RelaySession));

	if (s == NULL)
		return NULL;
	errand_list_push(&relay_all_sessions, &s->node);
	errand_list_init(&s->beat);
	errand_list_init(&s->due);
	errand_list_init(&s->out);
	errand_list_init(&s->subs);
	s->who = who;
	s->address = address;
	s->rate_left = MESSAGES_BURST;
	n_sessions++;
	relay_count_clients(1);
	return s;
}

bool *
relay_session_held(RelaySession *s)
{
	return &s->held;
}

int
relay_sessions(void)
{
	return n_sessions;
}

int
relay_sessions_staying(void)
{
	return n_sessions - relay_sessions_closing;
}

/* ---- tokens ---- */

static void hear_early(RelaySession *s);

static void
auth_done(RelayRequest *r, void *owner)
{
	RelaySession *s = owner;
	RelayText t = {0};

	s->request = NULL;
	if (s->state != SESSION_CHECKING)
		return;
	if (r->answer.status == 401)
		relay_session_close(s, RELAY_CLOSE_TOKEN, "the token is not valid");
	else if (r->answer.status == 403)
		relay_session_close(s, RELAY_CLOSE_FORBIDDEN, "the role may do nothing here");
	else if (r->answer.status != 200)
		relay_session_close(s, RELAY_CLOSE_FULL, "the database did not answer");
	else
	{
		relay_session_move(s, SESSION_READY);
		s->level = s->who->level;
		relay_feed_expect(); /* the welcome's position is one to go on from */
		relay_say_welcome(&t);
		relay_session_say(s, &t, NULL);
		hear_early(s);
	}
}

/* The database is asked whether the token is still good, and what for. */
static void
auth_ask(RelaySession *s)
{
	relay_session_move(s, SESSION_CHECKING);
	s->request = relay_request_add(RELAY_ASK_AUTH, s->who, NULL, auth_done, s);
	if (s->request == NULL)
		relay_session_close(s, RELAY_CLOSE_FULL, "too many requests at once");
}

void
relay_session_open(RelaySession *s, struct lws *wsi)
{
	s->wsi = wsi;
	if (s->who != NULL)
	{
		relay_session_beat(s, &relay_beating);
		auth_ask(s);
		return;
	}
	relay_session_move(s, SESSION_ASKING);
	relay_session_beat(s, &relay_silent);
}

static void
hear_auth(RelaySession *s, const char *token)
{
	const char *why;

	if (s->state != SESSION_ASKING)
	{
		relay_session_close(s, RELAY_CLOSE_BAD_MESSAGE, "a token was given before");
		return;
	}
	s->who = relay_token_check(token, strlen(token), &why);
	if (s->who == NULL)
	{
		relay_session_close(s, why == relay_no_memory ? RELAY_CLOSE_FULL : RELAY_CLOSE_TOKEN, why);
		return;
	}
	relay_session_beat(s, &relay_beating);
	auth_ask(s);
}

/* ---- messages ---- */

static void
hear(RelaySession *s, RelayMessage *m)
{
	RelayText t = {0};

	if (m->type == RELAY_MESSAGE_BAD)
		relay_session_close(s,
							m->problem == relay_no_memory ? RELAY_CLOSE_FULL :
															RELAY_CLOSE_BAD_MESSAGE,
							m->problem);
	else if (m->type == RELAY_MESSAGE_PING)
	{
		relay_text(&t, "{\"type\":\"pong\"}");
		relay_session_say(s, &t, NULL);
	}
	else if (m->type == RELAY_MESSAGE_AUTH)
		hear_auth(s, m->token);
	else if (s->state != SESSION_READY)
		relay_session_close(s, RELAY_CLOSE_TOKEN, "a token is needed first");
	else if (m->type == RELAY_MESSAGE_SUBSCRIBE)
		relay_session_subscribe(s, m);
	else
		relay_session_unsubscribe(s, m->wish.id);
}

/* What came while the token was checked is heard after welcome. */
static void
keep_early(RelaySession *s, const char *text, size_t len)
{
	uint32 n = (uint32) len;

	if (s->early.len + len > RELAY_MESSAGE_BYTES)
		relay_session_close(s, RELAY_CLOSE_TOO_MANY, "too much before welcome");
	else if (!errand_netbuf_append(&s->early, &n, sizeof(n)) ||
			 !errand_netbuf_append(&s->early, text, len))
		relay_session_close(s, RELAY_CLOSE_FULL, "out of memory");
}

static void
hear_early(RelaySession *s)
{
	ErrandBuffer early = s->early;
	uint32 n;

	memset(&s->early, 0, sizeof(s->early));
	for (size_t at = 0; at < early.len && s->state == SESSION_READY; at += n)
	{
		RelayMessage m;

		memcpy(&n, early.data + at, sizeof(n));
		at += sizeof(n);
		relay_message_read(early.data + at, n, &m);
		hear(s, &m);
		relay_message_free(&m);
	}
	errand_netbuf_free(&early);
}

/* A client may say so much, and a burst now and then. */
static bool
rate_ok(RelaySession *s)
{
	int64 now = errand_clock_monotonic();

	if (s->rate_at != 0)
		s->rate_left = Min(MESSAGES_BURST,
						   s->rate_left + (double) (now - s->rate_at) * MESSAGES_A_SECOND / 1e6);
	s->rate_at = now;
	s->rate_left -= 1;
	return s->rate_left >= 0;
}

void
relay_session_hear(RelaySession *s, const char *text, size_t len)
{
	RelayMessage m;

	relay_count_in();
	if (!rate_ok(s))
	{
		relay_session_close(s, RELAY_CLOSE_TOO_MANY, "too many messages");
		return;
	}
	if (!errand_ws_utf8(text, len))
	{
		relay_session_close(s, RELAY_CLOSE_NO_UTF8, "a message must be UTF-8");
		return;
	}
	relay_message_read(text, len, &m);
	if (s->state == SESSION_CHECKING &&
		(m.type == RELAY_MESSAGE_SUBSCRIBE || m.type == RELAY_MESSAGE_UNSUBSCRIBE))
		keep_early(s, text, len);
	else
		hear(s, &m);
	relay_message_free(&m);
}

void
relay_session_closed(RelaySession *s)
{
	if (s->state != SESSION_CLOSING)
		relay_session_move(s, SESSION_CLOSING);
	s->wsi = NULL;
	errand_list_remove(&s->beat);
	errand_list_remove(&s->due);
	if (s->request != NULL)
		relay_request_forget(s->request);
	s->request = NULL;
	relay_session_forget_subs(s);
	relay_session_forget_out(s);
}

void
relay_session_gone(RelaySession *s)
{
	relay_session_closed(s);
	relay_session_move(s, SESSION_GONE);
	relay_sessions_closing--;
	errand_netbuf_free(&s->in);
	errand_netbuf_free(&s->early);
	errand_list_remove(&s->node);
	relay_principal_drop(s->who);
	free(s);
	n_sessions--;
	relay_count_clients(-1);
}

void
relay_sessions_check(void)
{
	for (ErrandLink *l = relay_all_sessions.next; l != &relay_all_sessions; l = l->next)
	{
		RelaySession *s = errand_container(l, RelaySession, node);

		if (s->state != SESSION_READY)
			continue;
		if (!s->who->valid)
			relay_session_close(s, RELAY_CLOSE_TOKEN, "the token was revoked");
		else if (s->who->level != s->level)
			relay_session_close(s, RELAY_CLOSE_FORBIDDEN, "the role's rights have changed");
	}
}

void
relay_sessions_leave(int most)
{
	for (ErrandLink *l = relay_all_sessions.next; l != &relay_all_sessions && most > 0; l = l->next)
	{
		RelaySession *s = errand_container(l, RelaySession, node);

		if (s->state == SESSION_CLOSING)
			continue;
		relay_session_close(s, RELAY_CLOSE_RESTART, "the relay restarts: reconnect");
		most--;
	}
}
