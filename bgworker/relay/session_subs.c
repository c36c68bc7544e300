/*
 * session_subs.c
 *		The subscriptions of a WebSocket connection.
 *
 * Runs in the relay, in callbacks: it must never throw.
 */
#include "postgres.h"

#include "relay/counters.h"
#include "relay/notify.h"
#include "relay/session_state.h"

#define SUBS_MAX 32

static void
say_error(RelaySession *s, const char *id, const char *code, const char *message, bool retry)
{
	RelayText t = {0};

	relay_say_error(&t, id, code, message, retry);
	relay_session_say(s, &t, NULL);
}

static RelaySub *
sub_of(ErrandLink *l)
{
	return errand_container(l, RelaySub, owned);
}

static RelaySub *
sub_find(RelaySession *s, const char *id)
{
	for (ErrandLink *l = s->subs.next; l != &s->subs; l = l->next)
	{
		if (strcmp(relay_sub_id(sub_of(l)), id) == 0)
			return sub_of(l);
	}
	return NULL;
}

static void
sub_drop(RelaySession *s, RelaySub *sub)
{
	s->n_subs--;
	relay_sub_drop(sub);
}

static void
sub_wake(RelaySub *sub)
{
	relay_session_due(sub->owner);
}

static void
sub_behind(RelaySub *sub)
{
	RelaySession *s = sub->owner;

	if (s->state == SESSION_CLOSING)
		return;
	relay_count_slow();
	relay_session_close(s, RELAY_CLOSE_SLOW, "too slow: reconnect and resume");
}

/* It is confirmed once, and not before it is known to be allowed. */
static void
sub_confirm(RelaySession *s, RelaySub *sub, bool recovered)
{
	RelayText t = {0};

	if (sub->confirmed)
		return;
	sub->confirmed = true;
	relay_say_subscribed(&t, relay_sub_id(sub), recovered, sub->cursor);
	relay_session_say(s, &t, NULL);
}

static void
sub_snapshot(RelaySub *sub, const RelayAnswer *why, RelayBlob *data)
{
	RelaySession *s = sub->owner;
	RelayText t = {0};

	if (s->state != SESSION_READY)
		return;
	if (data != NULL)
	{
		sub_confirm(s, sub, false);
		relay_say_snapshot(&t, relay_sub_id(sub), sub->cursor);
		relay_session_say(s, &t, data);
		return;
	}
	relay_say_refused(&t, relay_sub_id(sub), why);
	relay_session_say(s, &t, NULL);
	sub_drop(s, sub);
}

static const RelaySubOps sub_ops = {sub_wake, sub_behind, sub_snapshot};

void
relay_session_subscribe(RelaySession *s, RelayMessage *m)
{
	RelaySub *sub = NULL;
	bool recovered;

	if (m->code != NULL)
		say_error(s, m->wish.id, m->code, m->problem, m->problem == relay_no_memory);
	else if (sub_find(s, m->wish.id) != NULL)
		say_error(s, m->wish.id, "duplicate", "there is a subscription of this id", false);
	else if (s->n_subs >= SUBS_MAX)
		say_error(s, m->wish.id, "too_many", "a connection has at most 32 subscriptions", false);
	else if (!relay_principal_channel(s->who, m->wish.channel))
		say_error(s, m->wish.id, "forbidden", "the token does not cover this channel", false);
	else if (!relay_channel_listed(&m->wish))
		say_error(s, m->wish.id, "forbidden", "the channel is not in errand.relay_channels", false);
	else
	{
		char id[RELAY_ID_BYTES + 1];

		strlcpy(id, m->wish.id, sizeof(id));
		sub = relay_sub_create(&m->wish, m->wish.batch ? RELAY_BATCH : RELAY_FRAMES, s->who->role,
							   s->level, &sub_ops, s, &recovered);
		if (sub == NULL)
		{
			say_error(s, id, "unavailable", "too many requests at once", true);
			return;
		}
		errand_list_push(&s->subs, &sub->owned);
		s->n_subs++;
		if (recovered)
			sub_confirm(s, sub, true);
	}
}

void
relay_session_unsubscribe(RelaySession *s, const char *id)
{
	RelaySub *sub = sub_find(s, id);

	if (sub != NULL)
		sub_drop(s, sub);
	else
		say_error(s, id, "not_found", "there is no subscription of this id", false);
}

void
relay_session_forget_subs(RelaySession *s)
{
	while (!errand_list_empty(&s->subs))
		sub_drop(s, sub_of(s->subs.next));
}
