/*
 * session_in.c
 *		What comes over a WebSocket connection: frames, and the messages in them.
 *
 * Runs in the relay, in callbacks of libwebsockets: it must never throw.  No
 * more is kept than a message may have.
 */
#include "postgres.h"

#include "relay/session_state.h"

/* A piece of a message. */
static void
hear_piece(RelaySession *s, const ErrandWsPiece *p)
{
	if (p->binary)
		relay_session_close(s, RELAY_CLOSE_BAD_MESSAGE, "messages are text");
	else if (s->in.len + p->len > RELAY_MESSAGE_BYTES ||
			 p->left > RELAY_MESSAGE_BYTES - s->in.len - p->len)
		relay_session_close(s, RELAY_CLOSE_TOO_BIG, "a message has at most 65536 bytes");
	else if (p->final && s->in.len == 0)
		relay_session_hear(s, p->data, p->len);
	else if (!errand_netbuf_append(&s->in, p->data, p->len))
		relay_session_close(s, RELAY_CLOSE_FULL, "out of memory");
	else if (p->final)
	{
		relay_session_hear(s, s->in.data, s->in.len);
		errand_netbuf_free(&s->in);
	}
}

static const char *
close_reason(int code)
{
	return code == RELAY_CLOSE_PROTOCOL ? "no such close code" :
		   code == RELAY_CLOSE_NO_UTF8	? "a reason must be UTF-8" :
										  "";
}

/* Its close frame: the answer to ours, which ends it (false), or to be answered. */
static bool
hear_close(RelaySession *s, const ErrandWsPiece *p)
{
	int code = errand_ws_close_code(p->data, p->len);

	s->deaf = true;
	if (s->wsi == NULL)
		return false;
	relay_session_close(s, code, close_reason(code));
	return true;
}

bool
relay_session_receive(RelaySession *s, char *data, size_t len)
{
	ErrandWsPiece piece;
	size_t used;

	for (; len > 0 && !s->deaf; data += used, len -= used)
	{
		switch (errand_ws_read(&s->reader, data, len, &used, &piece))
		{
			case ERRAND_WS_MORE:
				break;
			case ERRAND_WS_DATA:
				if (s->state != SESSION_CLOSING)
					hear_piece(s, &piece);
				break;
			case ERRAND_WS_PING:
				relay_session_pong(s, piece.data, piece.len);
				break;
			case ERRAND_WS_PONG:
				if (s->state == SESSION_READY || s->state == SESSION_CHECKING)
					relay_session_beat(s, &relay_beating);
				break;
			case ERRAND_WS_CLOSE:
				return hear_close(s, &piece);
			case ERRAND_WS_BROKEN:
				s->deaf = true;
				relay_session_close(s, RELAY_CLOSE_PROTOCOL, "no frame of a client");
				return s->wsi != NULL;
		}
	}
	return true;
}
