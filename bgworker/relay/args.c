/*
 * args.c
 *		The arguments of the HTTP API.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.  What a client
 * sends must not end up as a key of ours: a body is one whole object, and what
 * the path says comes last, where it wins.
 */
#include "postgres.h"

#include "core/ascii.h"
#include "core/json_read.h"
#include "relay/args.h"
#include "relay/message.h"
#include "relay/text.h"

#define DEPTH_MAX 64
#define PAIRS_MAX 32

/* Is this one JSON object and nothing behind it?  What is in it, the database checks. */
static bool
one_object(const char *text, size_t len)
{
	int depth = 0;
	bool string = false;

	errand_ascii_trim(&text, &len);
	if (len < 2 || text[0] != '{')
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			string = !string;
		else if (!string && (text[i] == '{' || text[i] == '['))
			depth++;
		else if (!string && (text[i] == '}' || text[i] == ']'))
			depth--;
		if (depth > DEPTH_MAX || (depth == 0 && i + 1 < len))
			return false;
	}
	return depth == 0 && !string;
}

/* Calls back for each key=value of the query, decoded; false if one cannot be read, or is refused. */
static bool
each_pair(ErrandSpan query, bool (*pair)(void *to, const char *key, const char *value), void *to)
{
	char key[ERRAND_HEAD_MAX];
	char value[ERRAND_HEAD_MAX];
	ErrandSpan one;
	int n = 0;

	while (errand_span_next(&query, '&', &one))
	{
		ErrandSpan name;

		if (one.len == 0)
			continue;
		if (++n > PAIRS_MAX || !errand_span_next(&one, '=', &name) ||
			!errand_percent_decode(name, true, key))
			return false;
		if (one.p == NULL)
			one = (ErrandSpan){"", 0};
		if (!errand_percent_decode(one, true, value) || !pair(to, key, value))
			return false;
	}
	return true;
}

static bool
pair_json(void *to, const char *key, const char *value)
{
	RelayText *t = to;

	if (t->b.len > 1)
		relay_text(t, ",");
	relay_text_json(t, key, strlen(key));
	relay_text(t, ":");
	relay_text_json(t, value, strlen(value));
	return true;
}

static bool
add_body(RelayText *t, const RelayConn *c, const char **problem)
{
	const char *body = c->in.data + c->head_len;
	size_t len = (size_t) c->head.content_length;

	*problem = "the body must be one JSON object, in UTF-8";
	if (len > 0 && (!errand_utf8_ok(body, len) || !one_object(body, len)))
		return false;
	relay_text(t, "\"body\":");
	relay_text_bytes(t, len > 0 ? body : "{}", len > 0 ? len : 2);
	return true;
}

static bool
add_piece(RelayText *t, const RelayConn *c, const RelayRoute *route, const char **problem)
{
	char piece[ERRAND_HEAD_MAX];

	*problem = "the path cannot be read";
	if (route->key == NULL)
		return true;
	if (!errand_percent_decode(relay_route_piece(c, route), false, piece))
		return false;
	return pair_json(t, route->key, piece);
}

char *
relay_args_make(const RelayConn *c, const RelayRoute *route, const char **problem)
{
	RelayText t = {0};
	bool good;

	relay_text(&t, "{");
	good = route->method != ERRAND_POST || add_body(&t, c, problem);
	if (good && !each_pair(c->head.query, pair_json, &t))
	{
		*problem = "the query cannot be read";
		good = false;
	}
	good = good && add_piece(&t, c, route, problem);
	relay_text(&t, "}");
	if (good && !t.failed)
		return t.b.data;
	if (t.failed)
		*problem = relay_no_memory;
	relay_text_free(&t);
	return NULL;
}

typedef struct WishTo
{
	RelayWish *wish;
	const char *problem;
} WishTo;

static bool
pair_wish(void *to, const char *key, const char *value)
{
	WishTo *w = to;

	return relay_wish_query(w->wish, key, value, &w->problem);
}

bool
relay_args_wish(const RelayConn *c, RelayWish *wish, const char **problem)
{
	WishTo to = {wish, "the query cannot be read"};
	ErrandSpan last = c->head.last_event_id;

	if (!each_pair(c->head.query, pair_wish, &to))
	{
		*problem = to.problem;
		return false;
	}
	*problem = relay_no_memory;
	wish->id = strdup("events");
	if (wish->id == NULL || (wish->channel == NULL && (wish->channel = strdup("tasks")) == NULL))
		return false;
	if (last.p != NULL)
		wish->has_since = errand_position_read(last.p, last.len, &wish->since);
	return relay_wish_channel(wish) && relay_wish_finish(wish);
}

char *
relay_args_csv(const char *json, size_t len)
{
	static ErrandJson j; /* large */
	char *csv;

	/* the one answer that begins so */
	if (len < 8 || strncmp(json, "{\"csv\": \"", 9) != 0 || !errand_json_read(json, len, &j))
		return NULL;
	csv = malloc(len);
	if (csv != NULL && errand_json_string(&j, errand_json_member(&j, 0, "csv"), csv, len))
		return csv;
	free(csv);
	return NULL;
}
