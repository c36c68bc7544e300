/*
 * news.c
 *		What sources tell: their states, and the rows that they stored.
 *
 * Runs in the relay, in its main loop.  The ring has only the number of a batch
 * of rows; the rows are read from the database, once for all who subscribe.
 */
#include "postgres.h"

#include "base/clock.h"
#include "relay/class.h"
#include "relay/feed.h"
#include "relay/log.h"
#include "relay/news.h"
#include "relay/request.h"
#include "relay/text.h"

#define FOLLOWED_MAX 256				/* sources; of more, the first to come are let go */
#define LINGER_US INT64CONST(120000000) /* as long as the history goes on without clients */

/* A source that is followed, or was of late. */
typedef struct Followed
{
	ErrandLink node;
	uint64 from; /* nothing of it is missing behind this number */
	int64 until; /* monotonic: if nobody subscribes */
	char name[FLEXIBLE_ARRAY_MEMBER];
} Followed;

/* Rows that were asked for. */
typedef struct Asked
{
	Oid owner;
	char source[FLEXIBLE_ARRAY_MEMBER];
} Asked;

static ErrandLink followed = {&followed, &followed};
static int n_followed = 0;

static Followed *
followed_of(ErrandLink *l)
{
	return errand_container(l, Followed, node);
}

static Followed *
find(const char *source)
{
	for (ErrandLink *l = followed.next; l != &followed; l = l->next)
	{
		if (strcmp(followed_of(l)->name, source) == 0)
			return followed_of(l);
	}
	return NULL;
}

static void
let_go(Followed *f)
{
	errand_list_remove(&f->node);
	free(f);
	n_followed--;
}

static Followed *
add(const char *source)
{
	size_t len = strlen(source) + 1;
	Followed *f = calloc(1, offsetof(Followed, name) + len);

	if (f == NULL)
		return NULL;
	if (n_followed == FOLLOWED_MAX)
		let_go(followed_of(followed.next));
	memcpy(f->name, source, len);
	f->from = relay_feed_head();
	errand_list_push(&followed, &f->node);
	n_followed++;
	return f;
}

uint64
relay_news_follow(const char *source)
{
	Followed *f = find(source);

	if (f == NULL)
		f = add(source);
	if (f == NULL)
		return relay_feed_head();
	f->until = errand_clock_monotonic() + LINGER_US;
	return f->from;
}

static bool
subscribed(const char *source)
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

static bool
wanted(const char *source)
{
	Followed *f;

	if (subscribed(source))
		return true;
	f = find(source);
	if (f == NULL || f->until > errand_clock_monotonic())
		return f != NULL;
	let_go(f);
	return false;
}

/* What comes next is not the whole: nobody resumes from before it. */
static void
lose(const char *source)
{
	Followed *f = find(source);

	if (f != NULL)
		let_go(f);
	relay_log("rows of a source are not told of: the database is slow, or gone");
}

static void
news_done(RelayRequest *r, void *owner)
{
	Asked *a = owner;

	if (r->answer.status != 200)
		lose(a->source);
	else if (strcmp(r->answer.text, "null") != 0)
		relay_feed_source(a->source, a->owner, r->answer.text);
	free(a);
}

static void
ask(const ErrandEvent *e)
{
	size_t len = strlen(e->queue) + 1;
	Asked *a = malloc(offsetof(Asked, source) + len);
	RelayRequest *r = a != NULL ? relay_request_add(RELAY_ASK_NEWS, NULL, NULL, news_done, a) :
								  NULL;

	if (r == NULL)
	{
		free(a);
		lose(e->queue);
		return;
	}
	a->owner = e->submitter;
	memcpy(a->source, e->queue, len);
	r->number = e->id;
}

static void
tell_state(const ErrandEvent *e)
{
	RelayText json = {0};

	relay_text(&json, "{\"source\":");
	relay_text_json(&json, e->queue, strlen(e->queue));
	relay_text(&json, ",\"state\":");
	relay_text_json(&json, e->task, strlen(e->task));
	relay_text_bytes(&json, "}", 2); /* with its end */
	if (!json.failed)
		relay_feed_source(e->queue, e->submitter, json.b.data);
	relay_text_free(&json);
}

void
relay_news_hear(const ErrandEvent *e)
{
	if (strcmp(e->task, "look") == 0 || !wanted(e->queue))
		return;
	if (strcmp(e->task, "rows") == 0)
		ask(e);
	else
		tell_state(e);
}
