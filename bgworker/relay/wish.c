/*
 * wish.c
 *		Channels and filters of subscriptions.
 *
 * Runs in the relay, also in callbacks: it must never throw.
 */
#include "postgres.h"

#include "contract.h"
#include "core/ascii.h"
#include "relay/text.h"
#include "relay/wish.h"

static const char state_letters[] = "wsqxrSFCU";

static uint32
state_bit(char state)
{
	const char *at = state != '\0' ? strchr(state_letters, state) : NULL;

	return at != NULL ? (uint32) 1 << (at - state_letters) : 0;
}

static bool
number_of(const char *text, int64 *out)
{
	int64_t n;

	if (!errand_ascii_uint(text, strlen(text), 18, &n) || n < 1)
		return false;
	*out = n;
	return true;
}

/* What queues and sources can be called: 1 to 200 characters without controls. */
static bool
name_ok(const char *name)
{
	int chars = 0;

	for (const char *p = name; *p; p++)
	{
		if (errand_ascii_is_control(*p))
			return false;
		chars += ((unsigned char) *p & 0xc0) != 0x80;
	}
	return chars >= 1 && chars <= ERRAND_NAME_CHARS && strlen(name) < ERRAND_NAME_BYTES;
}

bool
relay_wish_channel(RelayWish *w)
{
	static const struct
	{
		const char *prefix;
		RelayChannel kind;
		bool number;
	} named[] = {
		{"task:", RELAY_CHANNEL_TASK, true},	  {"group:", RELAY_CHANNEL_GROUP, true},
		{"queue:", RELAY_CHANNEL_QUEUE, false},	  {"source:", RELAY_CHANNEL_SOURCE, false},
		{"notify:", RELAY_CHANNEL_NOTIFY, false},
	};

	if (strcmp(w->channel, "tasks") == 0 || strcmp(w->channel, "stats") == 0)
	{
		w->kind = w->channel[0] == 't' ? RELAY_CHANNEL_TASKS : RELAY_CHANNEL_STATS;
		w->name = w->channel;
		return true;
	}
	for (int i = 0; i < (int) lengthof(named); i++)
	{
		size_t len = strlen(named[i].prefix);

		if (strncmp(w->channel, named[i].prefix, len) != 0)
			continue;
		w->kind = named[i].kind;
		w->name = w->channel + len;
		if (named[i].number)
			return number_of(w->name, &w->number);
		return name_ok(w->name);
	}
	return false;
}

static bool
add_value(RelayValues *v, const char *value)
{
	if (v->n == RELAY_FILTER_VALUES || strlen(value) >= ERRAND_NAME_BYTES)
		return false;
	v->value[v->n] = strdup(value);
	if (v->value[v->n] == NULL)
		return false;
	v->n++;
	return true;
}

static bool
add_state(RelayWish *w, const char *value)
{
	for (const char *p = state_letters; *p; p++)
	{
		if (strcmp(errand_state_name((ErrandState) *p), value) != 0)
			continue;
		w->states |= state_bit(*p);
		return true;
	}
	return false;
}

bool
relay_wish_filter(RelayWish *w, const char *key, const char *value)
{
	if (strcmp(key, "queue") == 0)
		return add_value(&w->queues, value);
	if (strcmp(key, "task") == 0)
		return add_value(&w->types, value);
	if (strcmp(key, "state") == 0)
		return add_state(w, value);
	return false;
}

static bool
among(const RelayValues *v, const char *value)
{
	for (int i = 0; i < v->n; i++)
	{
		if (strcmp(v->value[i], value) == 0)
			return true;
	}
	return v->n == 0;
}

bool
relay_wish_matches(const RelayWish *w, const RelayEntry *e)
{
	if (e->kind == RELAY_ENTRY_NOTIFY)
		return w->kind == RELAY_CHANNEL_NOTIFY && strcmp(w->name, e->queue) == 0;
	if (e->kind == RELAY_ENTRY_SOURCE)
		return w->kind == RELAY_CHANNEL_SOURCE && strcmp(w->name, e->queue) == 0;
	switch (w->kind)
	{
		case RELAY_CHANNEL_TASKS:
			break;
		case RELAY_CHANNEL_TASK:
			if (e->task != w->number)
				return false;
			break;
		case RELAY_CHANNEL_GROUP:
			if (e->group != w->number)
				return false;
			break;
		case RELAY_CHANNEL_QUEUE:
			if (strcmp(e->queue, w->name) != 0)
				return false;
			break;
		case RELAY_CHANNEL_STATS:
		case RELAY_CHANNEL_SOURCE:
		case RELAY_CHANNEL_NOTIFY:
			return false;
	}
	if (w->states != 0 && (w->states & state_bit(e->state)) == 0)
		return false;
	return among(&w->queues, e->queue) && among(&w->types, e->type);
}

static void
key_values(RelayText *t, const RelayValues *v)
{
	for (int i = 0; i < v->n; i++)
		relay_text_json(t, v->value[i], strlen(v->value[i]));
	relay_text(t, "\n");
}

char *
relay_wish_key(const RelayWish *w)
{
	RelayText t = {0};

	relay_text_json(&t, w->id, strlen(w->id));
	relay_text_json(&t, w->channel, strlen(w->channel));
	relay_text_format(&t, "%u\n", w->states);
	key_values(&t, &w->queues);
	key_values(&t, &w->types);
	if (t.failed)
		relay_text_free(&t);
	return t.b.data;
}

static void
args_values(RelayText *t, const char *key, const RelayValues *v, bool *any)
{
	if (v->n == 0)
		return;
	relay_text_format(t, "%s\"%s\":", *any ? "," : "", key);
	for (int i = 0; i < v->n; i++)
	{
		if (v->n > 1)
			relay_text(t, i == 0 ? "[" : ",");
		relay_text_json(t, v->value[i], strlen(v->value[i]));
	}
	if (v->n > 1)
		relay_text(t, "]");
	*any = true;
}

bool
relay_wish_finish(RelayWish *w)
{
	RelayText t = {0};
	RelayValues states = {0};
	bool any = false;

	for (int i = 0; state_letters[i]; i++)
	{
		if ((w->states & ((uint32) 1 << i)) != 0)
			states.value[states.n++] = (char *) errand_state_name((ErrandState) state_letters[i]);
	}
	relay_text(&t, "{\"channel\":");
	relay_text_json(&t, w->channel, strlen(w->channel));
	relay_text(&t, ",\"filter\":{");
	args_values(&t, "queue", &w->queues, &any);
	args_values(&t, "task", &w->types, &any);
	args_values(&t, "state", &states, &any);
	relay_text(&t, "}}");
	if (t.failed)
		relay_text_free(&t);
	w->args = t.b.data;
	return w->args != NULL;
}

static void
values_free(RelayValues *v)
{
	for (int i = 0; i < v->n; i++)
		free(v->value[i]);
}

void
relay_wish_free(RelayWish *w)
{
	free(w->id);
	free(w->channel);
	free(w->args);
	values_free(&w->queues);
	values_free(&w->types);
	memset(w, 0, sizeof(*w));
}
