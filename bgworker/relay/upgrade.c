/*
 * upgrade.c
 *		From HTTP to a WebSocket.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.  What is not
 * to be is refused with a close code, which pages can read, and an HTTP status
 * only where the request is no proper upgrade.
 */
#include "postgres.h"

#include "core/origin.h"
#include "core/ws_frame.h"
#include "relay/counters.h"
#include "relay/limits.h"
#include "relay/session.h"
#include "relay/text.h"
#include "relay/web.h"
#include "settings.h"

#define BEARER "bearer."

/* What the subprotocols say: ours is among them, and there may be a token. */
static bool
offers_read(const RelayConn *c, ErrandSpan *token)
{
	bool ours = false;

	*token = (ErrandSpan){NULL, 0};
	for (int i = 0; i < c->head.ws_protocols; i++)
	{
		ErrandSpan rest = c->head.ws_protocol[i];
		ErrandSpan word;

		while (errand_span_next(&rest, ',', &word))
		{
			errand_ascii_trim(&word.p, &word.len);
			if (word.len == strlen(RELAY_SUBPROTOCOL) &&
				memcmp(word.p, RELAY_SUBPROTOCOL, word.len) == 0)
				ours = true;
			else if (word.len >= strlen(BEARER) && memcmp(word.p, BEARER, strlen(BEARER)) == 0)
			{
				token->p = word.p + strlen(BEARER);
				token->len = word.len - strlen(BEARER);
			}
		}
	}
	return ours;
}

/* Our part of the handshake. */
static void
handshake(const RelayConn *c, bool ours, RelayText *t)
{
	char accept[32];

	if (!relay_ws_accept(c->head.ws_key, accept))
	{
		t->failed = true;
		return;
	}
	relay_text(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				  "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	relay_text(t, accept);
	if (ours)
		relay_text(t, "\r\nSec-WebSocket-Protocol: " RELAY_SUBPROTOCOL);
	relay_text(t, "\r\n\r\n");
}

/* A handshake, and a close frame right behind it. */
static void
close_with(RelayConn *c, int code, const char *reason, bool ours)
{
	RelayText t = {0};
	char frame[2 + ERRAND_WS_CONTROL];

	relay_count_answer(c->route, 101);
	relay_count_refused();
	handshake(c, ours, &t);
	relay_text_bytes(&t, frame, errand_ws_close(frame, code, reason));
	if (t.failed)
		relay_conn_close(c);
	else
		relay_conn_farewell(c, t.b.data, t.b.len);
	relay_text_free(&t);
}

/* Is the request what RFC 6455 asks for? */
static bool
proper(RelayConn *c)
{
	ErrandSpan version = c->head.ws_version;

	if (c->head.method != ERRAND_GET || !c->head.upgrade)
	{
		relay_conn_problem(c, 426, "this is a WebSocket", NULL, NULL, "Upgrade: websocket\r\n");
		return false;
	}
	if (version.p == NULL || version.len != 2 || memcmp(version.p, "13", 2) != 0)
	{
		relay_conn_problem(c, 426, "the version of WebSocket must be 13", NULL, NULL,
						   "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
		return false;
	}
	/* sixteen bytes in base64; nothing may come before our answer */
	if (c->head.ws_key.p == NULL || c->head.ws_key.len != 24 || c->head.content_length > 0 ||
		c->in.len > c->head_len)
	{
		relay_conn_problem(c, 400, "the handshake is not complete", NULL, NULL, NULL);
		return false;
	}
	for (size_t i = 0; i < 24; i++)
	{
		char k = c->head.ws_key.p[i];

		if (errand_ascii_is_alnum(k) || k == '+' || k == '/' || (k == '=' && i >= 22))
			continue;
		relay_conn_problem(c, 400, "the handshake is not complete", NULL, NULL, NULL);
		return false;
	}
	return true;
}

/* There is room in its socket for it: all answers before have been written. */
static bool
shake_hands(RelayConn *c)
{
	RelayText t = {0};
	uv_buf_t buf;
	bool done;

	handshake(c, true, &t);
	buf = uv_buf_init(t.b.data, (unsigned) t.b.len);
	done = !t.failed && uv_try_write(&c->handle.stream, &buf, 1) == (int) t.b.len;
	relay_text_free(&t);
	return done;
}

static void
hand_over(RelayConn *c, RelayPrincipal *who)
{
	RelaySession *s = relay_session_create(who, c->address);
	int fd;

	if (s == NULL)
	{
		relay_principal_drop(who);
		close_with(c, RELAY_CLOSE_FULL, "out of memory", true);
		return;
	}
	c->address = NULL;
	if (!shake_hands(c))
	{
		relay_conn_close(c);
		relay_session_gone(s);
		return;
	}
	relay_count_answer(c->route, 101);
	fd = relay_conn_release(c);
	if (fd < 0 || !relay_ws_adopt(fd, s))
		relay_session_gone(s);
}

void
relay_web_upgrade(RelayConn *c)
{
	ErrandSpan token;
	ErrandSpan origin = c->head.origin;
	RelayPrincipal *who = NULL;
	const char *why = NULL;
	bool ours;

	if (!proper(c))
		return;
	ours = offers_read(c, &token);
	if (origin.p != NULL &&
		!errand_origin_allowed(origin.p, origin.len, c->head.host.p, c->head.host.len, c->tls,
							   errand_allowed_origins, errand_public_url))
		close_with(c, RELAY_CLOSE_ORIGIN, "the page's origin is not allowed", ours);
	else if (!ours)
		close_with(c, RELAY_CLOSE_SUBPROTOCOL, "the subprotocol is " RELAY_SUBPROTOCOL, false);
	else if (relay_limits_full(c->address))
		close_with(c, RELAY_CLOSE_FULL, "too many connections: try again later", true);
	else
	{
		if (token.p != NULL)
			who = relay_token_check(token.p, token.len, &why);
		else if (c->head.authorization.p != NULL)
			who = relay_web_token(c, &why);
		if (who == NULL && why != NULL)
			close_with(c, why == relay_no_memory ? RELAY_CLOSE_FULL : RELAY_CLOSE_TOKEN, why, true);
		else
			hand_over(c, who);
	}
}
