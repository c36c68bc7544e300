/*
 * message.c
 *		Messages of the WebSocket protocol, as JSON.
 *
 * Runs in the relay, in callbacks: it must never throw.
 */
#include "postgres.h"

#include "contract.h"
#include "core/json_read.h"
#include "relay/message.h"

#define PING_S 25
#define CHANNEL_BYTES (ERRAND_NAME_BYTES + 16)

/*
 * A string member of the message, copied; NULL if there is none, or it is empty or too
 * long, or memory is out: then *problem says so.
 */
static char *
take_string(const ErrandJson *j, const char *key, size_t most, const char **problem)
{
	size_t size = most + 1;
	char *text = malloc(size);

	if (text != NULL && errand_json_string(j, errand_json_member(j, 0, key), text, size) &&
		text[0] != '\0')
		return text;
	if (text == NULL)
		*problem = relay_no_memory;
	free(text);
	return NULL;
}

/* A value of the filter, or several. */
static bool
filter_value(RelayWish *w, const char *key, const ErrandJson *j, int value)
{
	bool list = j->piece[value].type == ERRAND_JSON_ARRAY;
	int n = list ? j->piece[value].n : 1;
	char text[ERRAND_NAME_BYTES];

	for (int i = 0; i < n; i++)
	{
		if (!errand_json_string(j, value + list + i, text, sizeof(text)) ||
			!relay_wish_filter(w, key, text))
			return false;
	}
	return n > 0;
}

static bool
filter_read(RelayWish *w, const ErrandJson *j, int filter)
{
	char key[16];
	int at = filter + 1;

	if (filter < 0 || j->piece[filter].type == ERRAND_JSON_NULL)
		return true;
	if (j->piece[filter].type != ERRAND_JSON_OBJECT)
		return false;
	for (int i = 0; i < j->piece[filter].n; i++)
	{
		if (!errand_json_string(j, at, key, sizeof(key)) || !filter_value(w, key, j, at + 1))
			return false;
		at = j->piece[at + 1].next;
	}
	return true;
}

static void
since_read(RelayWish *w, const char *text)
{
	w->has_since = errand_position_read(text, strlen(text), &w->since);
}

/* What is wrong with it goes to m->code. */
static void
subscribe_read(RelayMessage *m, const ErrandJson *j)
{
	int batch = errand_json_member(j, 0, "batch");
	char since[ERRAND_POSITION_BYTES];
	RelayWish *w = &m->wish;

	w->batch = batch >= 0 && j->piece[batch].type == ERRAND_JSON_TRUE;
	/* a position that no relay ever gave is as good as one that is forgotten */
	if (errand_json_string(j, errand_json_member(j, 0, "since"), since, sizeof(since)))
		since_read(w, since);
	if (m->problem == relay_no_memory)
		m->code = "unavailable";
	else if (w->channel == NULL || !relay_wish_channel(w))
	{
		m->code = "bad_channel";
		m->problem = "there is no such channel";
	}
	else if (!filter_read(w, j, errand_json_member(j, 0, "filter")))
	{
		m->code = "bad_filter";
		m->problem = "a filter has queue, task and state, each a string or a list of strings";
	}
	else if (!relay_wish_finish(w))
	{
		m->code = "unavailable";
		m->problem = relay_no_memory;
	}
}

static RelayMessageType
type_read(RelayMessage *m, const ErrandJson *j)
{
	char type[16];

	m->problem = "a message needs a known type";
	if (!errand_json_string(j, errand_json_member(j, 0, "type"), type, sizeof(type)))
		return RELAY_MESSAGE_BAD;
	if (strcmp(type, "ping") == 0)
		return RELAY_MESSAGE_PING;
	if (strcmp(type, "auth") == 0)
	{
		m->problem = "auth needs a token";
		m->token = take_string(j, "token", RELAY_MESSAGE_BYTES, &m->problem);
		return m->token != NULL ? RELAY_MESSAGE_AUTH : RELAY_MESSAGE_BAD;
	}
	if (strcmp(type, "subscribe") != 0 && strcmp(type, "unsubscribe") != 0)
		return RELAY_MESSAGE_BAD;
	m->problem = "id must be a string of 1 to 64 bytes";
	m->wish.id = take_string(j, "id", RELAY_ID_BYTES, &m->problem);
	if (m->wish.id == NULL)
		return RELAY_MESSAGE_BAD;
	if (type[0] == 'u')
		return RELAY_MESSAGE_UNSUBSCRIBE;
	m->problem = NULL;
	m->wish.channel = take_string(j, "channel", CHANNEL_BYTES, &m->problem);
	subscribe_read(m, j);
	return RELAY_MESSAGE_SUBSCRIBE;
}

void
relay_message_read(const char *text, size_t len, RelayMessage *out)
{
	static ErrandJson json; /* large */

	memset(out, 0, sizeof(*out));
	out->problem = "a message must be a JSON object";
	if (errand_json_read(text, len, &json) && json.piece[0].type == ERRAND_JSON_OBJECT)
		out->type = type_read(out, &json);
}

void
relay_message_free(RelayMessage *m)
{
	if (m->token != NULL)
		memset(m->token, 0, strlen(m->token));
	free(m->token);
	relay_wish_free(&m->wish);
}

bool
relay_wish_query(RelayWish *w, const char *key, const char *value, const char **problem)
{
	if (strcmp(key, "channel") == 0 && w->channel == NULL)
	{
		w->channel = strdup(value);
		*problem = w->channel != NULL ? "there is no such channel" : relay_no_memory;
		return w->channel != NULL && relay_wish_channel(w);
	}
	if (strcmp(key, "since") == 0)
	{
		since_read(w, value);
		return true;
	}
	*problem = "a stream has channel, since, queue, task and state";
	/* several values stand in one, with commas */
	for (const char *p = value; *p;)
	{
		char one[ERRAND_NAME_BYTES];
		size_t len = strcspn(p, ",");

		if (len >= sizeof(one))
			return false;
		memcpy(one, p, len);
		one[len] = '\0';
		if (!relay_wish_filter(w, key, one))
			return false;
		p += len + (p[len] == ',');
	}
	return true;
}

static void
position(RelayText *t, uint64 number)
{
	char text[ERRAND_POSITION_BYTES];

	relay_text_bytes(t, text, errand_position_write(relay_feed_position(number), text));
}

void
relay_say_welcome(RelayText *out)
{
	relay_text(out,
			   "{\"type\":\"welcome\",\"server\":\"pg_errand " ERRAND_VERSION "\",\"session\":\"");
	position(out, relay_feed_head());
	relay_text_format(out, "\",\"ping\":%d}", PING_S);
}

void
relay_say_subscribed(RelayText *out, const char *id, bool recovered, uint64 number)
{
	relay_text(out, "{\"type\":\"subscribed\",\"id\":");
	relay_text_json(out, id, strlen(id));
	relay_text_format(out, ",\"recovered\":%s,\"position\":\"", recovered ? "true" : "false");
	position(out, number);
	relay_text(out, "\"}");
}

void
relay_say_error(RelayText *out, const char *id, const char *code, const char *message, bool retry)
{
	relay_text(out, "{\"type\":\"error\",\"id\":");
	relay_text_json(out, id, strlen(id));
	relay_text(out, ",\"code\":");
	relay_text_json(out, code, strlen(code));
	relay_text(out, ",\"message\":");
	relay_text_json(out, message, strlen(message));
	relay_text(out, retry ? ",\"retry\":true}" : ",\"retry\":false}");
}

void
relay_say_refused(RelayText *out, const char *id, const RelayAnswer *why)
{
	relay_say_error(out, id,
					why->status == 403 ? "forbidden" :
					why->status == 404 ? "not_found" :
					why->status == 400 ? "bad_filter" :
										 "unavailable",
					why->message != NULL ? why->message : "the database did not answer",
					why->status >= 500);
}

void
relay_say_snapshot(RelayText *out, const char *id, uint64 number)
{
	relay_text(out, "{\"type\":\"snapshot\",\"id\":");
	relay_text_json(out, id, strlen(id));
	relay_text(out, ",\"position\":\"");
	position(out, number);
	relay_text(out, "\",");
}
