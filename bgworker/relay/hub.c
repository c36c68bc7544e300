/*
 * hub.c
 *		Who is subscribed to what, and how far everybody is.
 *
 * Runs in the relay.  The functions that owners call run in callbacks, so none
 * may throw.  No subscriber has a queue of its own but a cursor, so a slow one
 * costs nothing, and it is dropped when the history runs away from it.
 */
#include "postgres.h"

#include "relay/class.h"
#include "relay/log.h"
#include "relay/news.h"

#define BEHIND_MAX (RELAY_HISTORY / 2) /* entries that a subscriber may be behind */

static int n_subs = 0;
static int n_stats = 0;
static uint64 seen = 0; /* of the history: all up to here are told */

RelayBlob *
relay_blob_make(const char *data, size_t len)
{
	RelayBlob *b = malloc(sizeof(RelayBlob) + len);

	if (b == NULL)
		return NULL;
	b->refs = 1;
	b->len = len;
	memcpy(b->data, data, len);
	return b;
}

void
relay_blob_drop(RelayBlob *b)
{
	if (b != NULL && --b->refs == 0)
		free(b);
}

const char *
relay_sub_id(const RelaySub *s)
{
	return s->class->wish.id;
}

int
relay_subs(void)
{
	return n_subs;
}

int
relay_stats_subs(void)
{
	return n_stats;
}

/* Gives everybody who waits for it the snapshot, or the reason why there is none. */
static void
snapshot_done(RelayRequest *r, void *owner)
{
	RelayClass *c = owner;
	RelayBlob *blob = NULL;
	ErrandLink waiting;

	c->request = NULL;
	/* {"data":...}: its end is the message's end */
	if (r->answer.status == 200 && r->answer.text_len > 1)
		blob = relay_blob_make(r->answer.text + 1, r->answer.text_len - 1);
	/* Owners drop subscriptions meanwhile, and with the last one goes the class. */
	errand_list_init(&waiting);
	for (ErrandLink *l = c->members.next, *next; l != &c->members; l = next)
	{
		RelaySub *s = errand_container(l, RelaySub, member);

		next = l->next;
		if (!s->waiting)
			continue;
		errand_list_remove(l);
		errand_list_push(&waiting, l);
	}
	while (!errand_list_empty(&waiting))
	{
		RelaySub *s = errand_container(waiting.next, RelaySub, member);

		errand_list_remove(&s->member);
		errand_list_push(&c->members, &s->member);
		s->waiting = false;
		/* the class lives as long as s does; do not touch it after the last one */
		s->ops->snapshot(s, &r->answer, blob);
	}
	relay_blob_drop(blob);
}

/* Asks for the class's snapshot, unless that has been done and not been answered. */
static bool
snapshot_ask(RelayClass *c)
{
	char *args;

	if (c->request != NULL)
		return true;
	args = strdup(c->wish.args);
	if (args == NULL)
		return false;
	c->request = relay_request_add(RELAY_ASK_SNAPSHOT, NULL, args, snapshot_done, c);
	if (c->request == NULL)
		return false;
	c->request->route = "snapshot";
	c->request->role = c->role;
	c->request->level = c->level;
	return true;
}

/* Is this a place in the history from which nothing is missing? */
static bool
position_known(const RelayWish *wish)
{
	ErrandPosition now = relay_feed_position(0);
	uint64 since = wish->since.number;
	uint64 whole = wish->kind == RELAY_CHANNEL_SOURCE ? relay_news_follow(wish->name) : 0;

	return wish->kind != RELAY_CHANNEL_STATS && wish->has_since && wish->since.epoch == now.epoch &&
		   since >= whole && since <= relay_feed_head() && since + 1 >= relay_feed_oldest();
}

static void
member_add(RelaySub *s, RelayClass *c)
{
	s->class = c;
	errand_list_push(&c->members, &s->member);
	c->n_members++;
	n_subs++;
	n_stats += c->wish.kind == RELAY_CHANNEL_STATS;
}

RelaySub *
relay_sub_create(RelayWish *wish, RelayFormat format, Oid role, ErrandLevel level,
				 const RelaySubOps *ops, void *owner, bool *recovered)
{
	uint64 since = wish->since.number;
	RelaySub *s = calloc(1, sizeof(RelaySub));
	RelayClass *c;

	if (wish->kind != RELAY_CHANNEL_STATS) /* they need no history, and it has its price */
		relay_feed_follow(true);
	*recovered = position_known(wish);
	c = s != NULL ? relay_class_get(wish, format, role, level) : NULL;
	if (c == NULL)
	{
		free(s);
		return NULL;
	}
	errand_list_init(&s->member);
	errand_list_init(&s->owned);
	s->ops = ops;
	s->owner = owner;
	member_add(s, c);
	s->cursor = *recovered ? since : relay_feed_head();
	s->waiting = !*recovered;
	s->until = *recovered ? relay_feed_head() : 0;
	if (s->waiting && !snapshot_ask(c))
	{
		relay_sub_drop(s);
		return NULL;
	}
	return s;
}

void
relay_sub_drop(RelaySub *s)
{
	RelayClass *c = s->class;

	errand_list_remove(&s->member);
	errand_list_remove(&s->owned);
	c->n_members--;
	n_subs--;
	n_stats -= c->wish.kind == RELAY_CHANNEL_STATS;
	if (c->wish.kind == RELAY_CHANNEL_SOURCE)
		(void) relay_news_follow(c->wish.name);
	free(s);
	relay_class_leave(c);
}

bool
relay_sub_pending(const RelaySub *s)
{
	if (s->waiting)
		return false;
	if (s->class->wish.kind == RELAY_CHANNEL_STATS)
		return s->stats_seen != s->class->stats_seq;
	return s->cursor < Max(s->class->last_match, s->until);
}

/* What nobody shares is written here. */
static bool
fill_alone(RelaySub *s, RelayPiece *piece)
{
	static RelayText scratch;

	s->cursor = relay_class_encode(s->class, s->cursor, relay_feed_head(), &scratch,
								   &piece->messages);
	piece->data = scratch.b.data;
	piece->len = scratch.b.len;
	if (scratch.failed)
		relay_log("out of memory: events were not sent");
	return !scratch.failed && piece->messages > 0;
}

bool
relay_sub_fill(RelaySub *s, RelayPiece *piece)
{
	RelayClass *c = s->class;
	const RelayChunk *k;

	if (!relay_sub_pending(s))
		return false;
	if (c->wish.kind == RELAY_CHANNEL_STATS)
	{
		s->stats_seen = c->stats_seq;
		piece->data = c->stats.b.data;
		piece->len = c->stats.b.len;
		piece->messages = 1;
		return !c->stats.failed;
	}
	if (c->n_members == 1)
		return fill_alone(s, piece);
	k = relay_class_chunk(c, s->cursor, relay_feed_head());
	if (k == NULL)
	{
		s->cursor = relay_feed_head(); /* nothing up to here passes */
		return false;
	}
	s->cursor = k->to;
	piece->data = k->bytes.data;
	piece->len = k->bytes.len;
	piece->messages = k->messages;
	return true;
}

/* The class has something new: its members are woken, those too far behind are let go. */
static void
class_tell(RelayClass *c, uint64 before, uint64 last_match)
{
	for (ErrandLink *l = c->members.next, *next; l != &c->members; l = next)
	{
		RelaySub *s = errand_container(l, RelaySub, member);

		next = l->next;
		/* who had everything before this tick stands where it began */
		if (s->cursor >= Max(last_match, s->until))
			s->cursor = Max(s->cursor, before);
		if (relay_feed_head() - s->cursor > BEHIND_MAX || s->cursor + 1 < relay_feed_oldest())
			s->ops->behind(s);
		else if (!s->waiting)
			s->ops->wake(s);
	}
}

/*
 * While a class is told, its members' owners do not drop them: behind() and
 * wake() only take note.
 */
static void
class_advance(RelayClass *c, uint64 before)
{
	uint64 last_match = c->last_match;

	for (uint64 n = relay_feed_head(); n > before; n--)
	{
		if (!relay_class_matches(c, relay_feed_entry(n)))
			continue;
		c->last_match = n;
		break;
	}
	if (c->last_match > last_match)
		class_tell(c, before, last_match);
}

/* Nobody's position means anything any more. */
static void
class_begin_anew(RelayClass *c)
{
	relay_class_clear(c);
	c->last_match = relay_feed_head();
	for (ErrandLink *l = c->members.next; l != &c->members; l = l->next)
	{
		RelaySub *s = errand_container(l, RelaySub, member);

		s->cursor = relay_feed_head();
		s->until = 0;
		s->waiting = true;
	}
	if (!snapshot_ask(c))
		relay_log("out of memory: subscribers have no new snapshot");
}

void
relay_hub_advance(bool anew)
{
	uint64 before = Max(seen, relay_feed_oldest() - 1);
	ErrandLink *all = relay_classes();

	seen = relay_feed_head();
	for (ErrandLink *l = all->next; l != all; l = l->next)
	{
		RelayClass *c = errand_container(l, RelayClass, node);

		if (anew)
			class_begin_anew(c);
		else if (before < seen)
			class_advance(c, before);
	}
}

void
relay_hub_stats(const char *json)
{
	ErrandLink *all = relay_classes();

	for (ErrandLink *l = all->next; l != all; l = l->next)
	{
		RelayClass *c = errand_container(l, RelayClass, node);

		if (c->wish.kind != RELAY_CHANNEL_STATS)
			continue;
		relay_class_stats(c, json);
		for (ErrandLink *m = c->members.next; m != &c->members; m = m->next)
		{
			RelaySub *s = errand_container(m, RelaySub, member);

			if (!s->waiting)
				s->ops->wake(s);
		}
	}
}
