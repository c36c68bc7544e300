/*
 * feed.c
 *		Follows the ring: new work, cancellations, changed queues; and tells
 *		LISTENers, from transactions of the worker's own.
 *
 * Runs in worker processes.  NOTIFY never shares a transaction with a settle:
 * a full notify queue would fail it.
 */
#include "postgres.h"

#include "base/db.h"
#include "contract.h"
#include "events.h"
#include "hooks.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "queue/feed.h"
#include "queue/free.h"
#include "queue/groups.h"
#include "queue/pairs.h"
#include "queue/roles.h"
#include "queue/sources.h"
#include "settings.h"
#include "utils/json.h"
#include "utils/memutils.h"

#define NOTICES_AT_ONCE 1000

typedef struct Notice
{
	char *channel; /* the user's own, or NULL */
	char *payload;
} Notice;

static ErrandRingCursor cursor;
static MemoryContext notices_context = NULL;
static Notice notices[NOTICES_AT_ONCE];
static int n_notices = 0;

void
errand_feed_init(void)
{
	notices_context = AllocSetContextCreate(TopMemoryContext, "errand notices",
											ALLOCSET_DEFAULT_SIZES);
	errand_ring_seek_end(&cursor);
}

static void
keep_notice(const ErrandEvent *e)
{
	MemoryContext old = MemoryContextSwitchTo(notices_context);
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"v\":1,\"id\":%lld,\"queue\":", (long long) e->id);
	escape_json(&s, e->queue);
	appendStringInfoString(&s, ",\"task\":");
	escape_json(&s, e->task);
	appendStringInfo(&s, ",\"state\":\"%s\",\"attempt\":%d}", errand_state_name(e->to), e->attempt);
	notices[n_notices].payload = s.data;
	notices[n_notices].channel = e->channel != NULL && errand_state_is_final(e->to) ?
									 pstrdup(e->channel) :
									 NULL;
	n_notices++;
	MemoryContextSwitchTo(old);
}

/* A source changed its state: not that it stored rows. */
static bool
is_source_state(const ErrandEvent *e)
{
	return e->kind == ERRAND_EVENT_SOURCE && strcmp(e->task, "rows") != 0 &&
		   strcmp(e->task, "look") != 0;
}

static void
keep_source_notice(const ErrandEvent *e)
{
	MemoryContext old = MemoryContextSwitchTo(notices_context);
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"v\":1,\"source\":");
	escape_json(&s, e->queue);
	appendStringInfoString(&s, ",\"state\":");
	escape_json(&s, e->task);
	appendStringInfoChar(&s, '}');
	notices[n_notices].payload = s.data;
	notices[n_notices++].channel = NULL;
	MemoryContextSwitchTo(old);
}

/* What the leader does for tasks that wait for others, and for groups. */
static void
hear_relations(const ErrandEvent *e)
{
	if (e->to == ERRAND_WAITING)
		errand_free_child(e->id);
	else if (errand_state_is_final(e->to))
	{
		errand_free_parent(e->id);
		if (e->from != ERRAND_RUNNING)
			errand_groups_look(); /* a settle tells by itself */
	}
}

static void
hear(const ErrandEvent *e, ErrandFeed *f, bool lead)
{
	switch (e->kind)
	{
		case ERRAND_EVENT_TASK:
			errand_roles_heard(e);
			if (lead)
				hear_relations(e);
			if (e->to == ERRAND_READY)
				errand_pairs_ready(e->role, e->queue, e->priority, e->place);
			else if ((e->to == ERRAND_SCHEDULED || e->to == ERRAND_RETRYING) &&
					 (f->next_due == 0 || e->at < f->next_due))
				f->next_due = e->at;
			break;
		case ERRAND_EVENT_CANCEL:
			f->cancels = true;
			errand_roles_cancel(e->id);
			break;
		case ERRAND_EVENT_CONFIG:
			f->config = true;
			f->specs = true;
			break;
		case ERRAND_EVENT_DUE:
			if (f->next_due == 0 || e->at < f->next_due)
				f->next_due = e->at;
			break;
		case ERRAND_EVENT_OUTBOX:
			f->specs = true;
			break;
		case ERRAND_EVENT_GROUP:
			errand_groups_look();
			break;
		case ERRAND_EVENT_COMPLETE:
			break;
		case ERRAND_EVENT_SOURCE:
			if (strcmp(e->task, "rows") != 0)
				errand_sources_changed();
			break;
		case ERRAND_EVENT_REWIND:
		case ERRAND_EVENT_WAKE:
			errand_pairs_rewind();
			f->lost = true;
			break;
	}
}

void
errand_feed_read(ErrandFeed *f, bool lead)
{
	static ErrandEventBuffer buffer;
	bool tell = lead && errand_notify && errand_anybody_listens();
	bool overrun = false;

	while (n_notices < NOTICES_AT_ONCE && errand_ring_next(&cursor, &buffer, &overrun))
	{
		hear(&buffer.event, f, lead);
		if (tell && buffer.event.kind == ERRAND_EVENT_TASK)
			keep_notice(&buffer.event);
		if (tell && is_source_state(&buffer.event))
			keep_source_notice(&buffer.event);
	}
	if (overrun)
	{
		f->lost = true;
		errand_free_sweep();
		errand_groups_look();
	}
	if (f->lost)
	{
		f->cancels = f->config = true;
		errand_pairs_rewind();
	}
}

bool
errand_feed_has_notices(void)
{
	return n_notices > 0;
}

void
errand_feed_notify(void)
{
	for (int i = 0; i < n_notices; i++)
	{
		errand_db_notify(ERRAND_CHANNEL, notices[i].payload);
		if (notices[i].channel != NULL)
			errand_db_notify(notices[i].channel, notices[i].payload);
	}
}

void
errand_feed_notified(void)
{
	n_notices = 0;
	MemoryContextReset(notices_context);
}
