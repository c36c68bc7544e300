/*
 * message.c
 *		Messages of the WebSocket protocol, as JSON.
 *
 * Runs in the relay, in callbacks: it must never throw.  What comes from a
 * client is bounded before it is parsed: its length, and how deep it nests.
 */
#include "postgres.h"

#include <jansson.h>

#include "contract.h"
#include "core/http_head.h"
#include "relay/hub.h"
#include "relay/message.h"

#define DEPTH_MAX 8
#define PING_S 25

/* Does it nest no deeper than we ever need?  Strings are skipped. */
static bool
shallow(const char *text, size_t len)
{
	int depth = 0;
	bool string = false;

	for (size_t i = 0; i < len; i++)
	{
		if (string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			string = !string;
		else if (!string && (text[i] == '{' || text[i] == '['))
		{
			if (++depth > DEPTH_MAX)
				return false;
		}
		else if (!string && (text[i] == '}' || text[i] == ']'))
			depth--;
	}
	return true;
}

/* A string of an object, copied; NULL if there is none. */
static char *
take_string(const json_t *object, const char *key, size_t most)
{
	const json_t *v = json_object_get(object, key);
	size_t len = json_string_length(v);

	if (!json_is_string(v) || len == 0 || len > most || strlen(json_string_value(v)) != len)
		return NULL;
	return strdup(json_string_value(v));
}

/* A value of the filter, or several. */
static bool
filter_value(RelayWish *w, const char *key, const json_t *value)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;

	for (size_t i = 0; i < n; i++)
	{
		const json_t *v = json_is_array(value) ? json_array_get(value, i) : value;

		if (!json_is_string(v) || !relay_wish_filter(w, key, json_string_value(v)))
			return false;
	}
	return n > 0;
}

static bool
filter_read(RelayWish *w, json_t *filter)
{
	const char *key;
	json_t *value;

	if (filter == NULL || json_is_null(filter))
		return true;
	if (!json_is_object(filter))
		return false;
	json_object_foreach (filter, key, value)
	{
		if (!filter_value(w, key, value))
			return false;
	}
	return true;
}

static bool
since_read(RelayWish *w, const char *text)
{
	w->has_since = true;
	return errand_position_read(text, strlen(text), &w->since);
}

/* What is wrong with it goes to m->code. */
static void
subscribe_read(RelayMessage *m, const json_t *object)
{
	json_t *since = json_object_get(object, "since");
	json_t *batch = json_object_get(object, "batch");
	RelayWish *w = &m->wish;

	w->batch = json_is_true(batch);
	if (since != NULL && !json_is_null(since) &&
		(!json_is_string(since) || !since_read(w, json_string_value(since))))
	{
		/* A position that this relay never gave is as good as one it has forgotten. */
		w->has_since = false;
	}
	if (w->channel == NULL || !relay_wish_channel(w))
	{
		m->code = "bad_channel";
		m->problem = "there is no such channel";
	}
	else if (!filter_read(w, json_object_get(object, "filter")))
	{
		m->code = "bad_filter";
		m->problem = "a filter has queue, task and state, each a string or a list of strings";
	}
	else if (!relay_wish_finish(w))
	{
		m->code = "unavailable";
		m->problem = "out of memory";
	}
}

static RelayMessageType
type_read(RelayMessage *m, const json_t *object)
{
	const char *type = json_string_value(json_object_get(object, "type"));

	m->problem = "a message needs a known type";
	if (type == NULL)
		return RELAY_MESSAGE_BAD;
	if (strcmp(type, "ping") == 0)
		return RELAY_MESSAGE_PING;
	if (strcmp(type, "auth") == 0)
	{
		m->problem = "auth needs a token";
		m->token = take_string(object, "token", RELAY_MESSAGE_BYTES);
		return m->token != NULL ? RELAY_MESSAGE_AUTH : RELAY_MESSAGE_BAD;
	}
	if (strcmp(type, "subscribe") != 0 && strcmp(type, "unsubscribe") != 0)
		return RELAY_MESSAGE_BAD;
	m->problem = "id must be a string of 1 to 64 bytes";
	m->wish.id = take_string(object, "id", RELAY_ID_BYTES);
	if (m->wish.id == NULL)
		return RELAY_MESSAGE_BAD;
	if (type[0] == 'u')
		return RELAY_MESSAGE_UNSUBSCRIBE;
	m->problem = NULL;
	m->wish.channel = take_string(object, "channel", ERRAND_NAME_BYTES + 16);
	subscribe_read(m, object);
	return RELAY_MESSAGE_SUBSCRIBE;
}

void
relay_message_read(const char *text, size_t len, RelayMessage *out)
{
	json_t *object;

	memset(out, 0, sizeof(*out));
	out->problem = "a message must be a JSON object";
	if (!shallow(text, len))
		return;
	object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	if (json_is_object(object))
		out->type = type_read(out, object);
	json_decref(object);
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
		*problem = "there is no such channel";
		return (w->channel = strdup(value)) != NULL && relay_wish_channel(w);
	}
	if (strcmp(key, "since") == 0)
	{
		w->has_since = since_read(w, value);
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

/* Appends the text as a frame. */
static void
frame(RelayText *out, RelayText *text)
{
	char head[RELAY_FRAME_HEAD];

	relay_text_bytes(out, head, relay_frame_head(head, text->b.len));
	relay_text_bytes(out, text->b.data, text->b.len);
	out->failed |= text->failed;
	relay_text_free(text);
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
	RelayText t = {0};

	relay_text(&t, "{\"type\":\"welcome\",\"server\":\"pg_errand " ERRAND_VERSION "\",\"session\":\"");
	position(&t, relay_feed_head());
	relay_text_format(&t, "\",\"ping\":%d}", PING_S);
	frame(out, &t);
}

void
relay_say_subscribed(RelayText *out, const char *id, bool recovered, uint64 number)
{
	RelayText t = {0};

	relay_text(&t, "{\"type\":\"subscribed\",\"id\":");
	relay_text_json(&t, id, strlen(id));
	relay_text_format(&t, ",\"recovered\":%s,\"position\":\"", recovered ? "true" : "false");
	position(&t, number);
	relay_text(&t, "\"}");
	frame(out, &t);
}

void
relay_say_error(RelayText *out, const char *id, const char *code, const char *message, bool retry)
{
	RelayText t = {0};

	relay_text(&t, "{\"type\":\"error\"");
	if (id != NULL)
	{
		relay_text(&t, ",\"id\":");
		relay_text_json(&t, id, strlen(id));
	}
	relay_text(&t, ",\"code\":");
	relay_text_json(&t, code, strlen(code));
	relay_text(&t, ",\"message\":");
	relay_text_json(&t, message, strlen(message));
	relay_text(&t, retry ? ",\"retry\":true}" : ",\"retry\":false}");
	frame(out, &t);
}

void
relay_say_pong(RelayText *out)
{
	RelayText t = {0};

	relay_text(&t, "{\"type\":\"pong\"}");
	frame(out, &t);
}

void
relay_say_snapshot(RelayText *out, const char *id, uint64 number, size_t data_len)
{
	RelayText t = {0};
	char head[RELAY_FRAME_HEAD];

	relay_text(&t, "{\"type\":\"snapshot\",\"id\":");
	relay_text_json(&t, id, strlen(id));
	relay_text(&t, ",\"position\":\"");
	position(&t, number);
	relay_text(&t, "\",\"data\":");
	relay_text_bytes(out, head, relay_frame_head(head, t.b.len + data_len + 1));
	relay_text_bytes(out, t.b.data, t.b.len);
	out->failed |= t.failed;
	relay_text_free(&t);
}
