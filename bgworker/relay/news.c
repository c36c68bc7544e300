/*
 * news.c
 *		What sources tell: their states, and the rows that they stored.
 *
 * Runs in the relay, in its main loop.  The ring has only the number of a batch
 * of rows; the rows are read from the database, once for all who subscribe.
 */
#include "postgres.h"

#include "relay/class.h"
#include "relay/feed.h"
#include "relay/log.h"
#include "relay/news.h"
#include "relay/request.h"
#include "relay/text.h"

static bool
anybody_wants(const char *source)
{
	ErrandLink *all = relay_classes();

	for (ErrandLink *l = all->next; l != all; l = l->next)
	{
		const RelayWish *w = &errand_container(l, RelayClass, node)->wish;

		if (w->kind == RELAY_CHANNEL_SOURCE && strcmp(w->name, source) == 0)
			return true;
	}
	return false;
}

/* The owner is the source's name, malloc'd. */
static void
news_done(RelayRequest *r, void *owner)
{
	char *name = owner;

	if (r->answer.status == 200 && strcmp(r->answer.text, "null") != 0)
		relay_feed_source(name, r->answer.text);
	free(name);
}

static void
ask(const char *source, int64 number)
{
	char *name = strdup(source);
	RelayRequest *r = name != NULL ?
						  relay_request_add(RELAY_ASK_NEWS, NULL, NULL, news_done, name) :
						  NULL;

	if (r != NULL)
	{
		r->number = number;
		return;
	}
	free(name);
	relay_log("too much to do: rows of a source are not told of");
}

static void
tell_state(const char *source, const char *state)
{
	RelayText json = {0};

	relay_text(&json, "{\"source\":");
	relay_text_json(&json, source, strlen(source));
	relay_text(&json, ",\"state\":");
	relay_text_json(&json, state, strlen(state));
	relay_text_bytes(&json, "}", 2);
	if (!json.failed)
		relay_feed_source(source, json.b.data);
	relay_text_free(&json);
}

void
relay_news_hear(const ErrandEvent *e)
{
	if (strcmp(e->task, "look") == 0 || !anybody_wants(e->queue))
		return;
	if (strcmp(e->task, "rows") == 0)
		ask(e->queue, e->id);
	else
		tell_state(e->queue, e->task);
}
