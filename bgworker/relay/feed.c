/*
 * feed.c
 *		Reads the ring of events into the relay's own numbered history.
 *
 * Runs in the relay, in its main loop.  It must never keep more than its
 * bounds, and never let a task go back: a worker may have settled a task before
 * its submitter's event is in the ring.
 */
#include "postgres.h"

#include "base/clock.h"
#include "common/hashfn.h"
#include "compat.h"
#include "contract.h"
#include "events.h"
#include "relay/feed.h"
#include "relay/log.h"
#include "relay/news.h"
#include "relay/text.h"
#include "shared.h"

#define HISTORY_BYTES (32 * 1024 * 1024)
#define STANDINGS (RELAY_HISTORY * 2) /* places of the table of tasks; a power of two */
#define EXPECT_US INT64CONST(2000000) /* so long after a welcome */
#define KEEP_US INT64CONST(120000000) /* so long the history goes on when nobody follows */
#define READ_MAX 1000 /* events a turn: so many can be written to each client in one */

static RelayEntry *history = NULL; /* [RELAY_HISTORY], by number */
static uint64 head = 0;
static uint64 oldest = 1;
static uint64 epoch = 0;
static size_t bytes = 0;
static ErrandRingCursor cursor;
static bool behind = false;
static bool following = false;
static int64 wanted_at = 0; /* by anybody, monotonic; earlier where it is only expected */

/*
 * Where the last entry of a task is: open addressing, 0 is free.  An entry
 * leaves it with the history.
 */
static uint64 *standings = NULL; /* [STANDINGS], numbers of entries */

static RelayEntry *
entry(uint64 number)
{
	return &history[number & (RELAY_HISTORY - 1)];
}

static uint32
place_of(int64 task)
{
	return (uint32) murmurhash32((uint32) task ^ (uint32) (task >> 32)) & (STANDINGS - 1);
}

/* The place of a task's last entry, or the free one where it would be. */
static uint32
standing_find(int64 task)
{
	uint32 i = place_of(task);

	while (standings[i] != 0 && entry(standings[i])->task != task)
		i = (i + 1) & (STANDINGS - 1);
	return i;
}

/* Frees a place, and moves up those behind it that would not be found any more. */
static void
standing_remove(uint32 hole)
{
	uint32 i = hole;

	standings[hole] = 0;
	for (;;)
	{
		uint32 home;

		i = (i + 1) & (STANDINGS - 1);
		if (standings[i] == 0)
			return;
		home = place_of(entry(standings[i])->task);
		if (((i - home) & (STANDINGS - 1)) < ((i - hole) & (STANDINGS - 1)))
			continue;
		standings[hole] = standings[i];
		standings[i] = 0;
		hole = i;
	}
}

static void
drop_oldest(void)
{
	RelayEntry *e = entry(oldest);

	if (e->kind == RELAY_ENTRY_TASK)
	{
		uint32 i = standing_find(e->task);

		if (standings[i] == oldest)
			standing_remove(i);
	}
	bytes -= e->size;
	free(e->tail);
	memset(e, 0, sizeof(*e));
	oldest++;
}

static void
begin_epoch(void)
{
	uint64 before = epoch;

	while (oldest <= head)
		drop_oldest();
	do
	{
		if (!pg_strong_random(&epoch, sizeof(epoch)))
			epoch = (uint64) errand_clock_now();
		epoch &= UINT64CONST(0xffffffffff); /* 8 digits */
	} while (epoch == before);
}

static void
begin(void)
{
	errand_ring_seek_end(&cursor);
	begin_epoch();
}

void
relay_feed_init(void)
{
	history = calloc(RELAY_HISTORY, sizeof(RelayEntry));
	standings = calloc(STANDINGS, sizeof(uint64));
	if (history == NULL || standings == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	begin();
}

void
relay_feed_follow(bool wanted)
{
	ErrandDatabase *d = errand_database_mine();

	if (wanted)
		wanted_at = errand_clock_monotonic();
	if (wanted == following || d == NULL)
		return;
	following = wanted;
	pg_atomic_write_u32(&d->relay_procno, wanted ? (uint32) ERRAND_MY_PROCNO + 1 : 0);
	if (wanted)
		begin();
}

void
relay_feed_expect(void)
{
	int64 before = wanted_at;

	relay_feed_follow(true);
	wanted_at = Max(before, errand_clock_monotonic() - KEEP_US + EXPECT_US);
}

void
relay_feed_rest(int64 now)
{
	if (now - wanted_at > KEEP_US)
		relay_feed_follow(false);
}

bool
relay_feed_follows(void)
{
	return following;
}

/* The next entry, with its texts copied behind the tail; NULL: out of memory. */
static RelayEntry *
entry_add(RelayText *tail, const char *queue, const char *type)
{
	size_t tail_len = tail->b.len;
	RelayEntry *e;

	relay_text_bytes(tail, "", 1);
	relay_text_bytes(tail, queue, strlen(queue) + 1);
	relay_text_bytes(tail, type, strlen(type) + 1);
	if (tail->failed)
	{
		relay_log("out of memory: an event is lost");
		return NULL;
	}
	while (head + 1 - oldest >= RELAY_HISTORY || (bytes > HISTORY_BYTES && oldest <= head))
		drop_oldest();
	e = entry(++head);
	e->tail = malloc(tail->b.len);
	if (e->tail == NULL)
	{
		head--;
		relay_log("out of memory: an event is lost");
		return NULL;
	}
	memcpy(e->tail, tail->b.data, tail->b.len);
	e->tail_len = (uint32) tail_len;
	e->queue = e->tail + tail_len + 1;
	e->type = e->queue + strlen(queue) + 1;
	e->size = (uint32) tail->b.len;
	bytes += e->size;
	return e;
}

static void
milliseconds(RelayText *t, const char *name, int64 us)
{
	if (us >= 0)
		relay_text_format(t, ",\"%s\":%lld.%03d", name, (long long) (us / 1000), (int) (us % 1000));
}

static void
task_tail(RelayText *t, const ErrandEvent *e)
{
	TimestampTz now = errand_clock_now();

	relay_text(t, "\"at\":\"");
	/* what waits for its time tells when that is, not when it began to wait */
	relay_text_time(t, e->at != 0 && e->at < now ? e->at : now);
	relay_text_format(t, "\",\"data\":{\"id\":%lld,\"task\":", (long long) e->id);
	relay_text_json(t, e->task, strlen(e->task));
	relay_text(t, ",\"queue\":");
	relay_text_json(t, e->queue, strlen(e->queue));
	relay_text_format(t, ",\"state\":\"%s\",\"run\":%d,\"attempt\":%d", errand_state_name(e->to),
					  e->run, e->attempt);
	milliseconds(t, "wait_ms", e->wait_us);
	milliseconds(t, "run_ms", e->run_us);
	relay_text(t, "}}");
}

static void
add_task(const ErrandEvent *e)
{
	static RelayText tail;
	uint32 place = standing_find(e->id);
	RelayEntry *added;

	if (standings[place] != 0)
	{
		const RelayEntry *last = entry(standings[place]);

		if (errand_event_late(e, last->run, last->attempt, last->state))
			return;
	}
	tail.b.len = 0;
	tail.failed = false;
	task_tail(&tail, e);
	added = entry_add(&tail, e->queue, e->task);
	if (added == NULL)
		return;
	added->kind = RELAY_ENTRY_TASK;
	added->state = e->to;
	added->run = e->run;
	added->attempt = e->attempt;
	added->submitter = e->submitter;
	added->task = e->id;
	added->group = e->group;
	standings[standing_find(e->id)] = head;
}

void
relay_feed_notify(const char *channel, const char *payload)
{
	RelayText tail = {0};
	RelayEntry *added;

	relay_text(&tail, "\"channel\":");
	relay_text_json(&tail, channel, strlen(channel));
	relay_text(&tail, ",\"payload\":");
	relay_text_json(&tail, payload, strlen(payload));
	relay_text(&tail, "}");
	added = entry_add(&tail, channel, "");
	if (added != NULL)
		added->kind = RELAY_ENTRY_NOTIFY;
	relay_text_free(&tail);
}

void
relay_feed_source(const char *name, Oid owner, const char *json)
{
	RelayText tail = {0};
	RelayEntry *added;

	relay_text(&tail, "\"at\":\"");
	relay_text_time(&tail, errand_clock_now());
	relay_text(&tail, "\",\"data\":");
	relay_text(&tail, json);
	relay_text(&tail, "}");
	added = entry_add(&tail, name, "");
	if (added != NULL)
	{
		added->kind = RELAY_ENTRY_SOURCE;
		added->submitter = owner;
	}
	relay_text_free(&tail);
}

bool
relay_feed_read(void)
{
	static ErrandEventBuffer buffer;
	bool lost = false;
	int n;

	for (n = 0; n < READ_MAX && errand_ring_next(&cursor, &buffer, &lost); n++)
	{
		if (buffer.event.kind == ERRAND_EVENT_TASK)
			add_task(&buffer.event);
		else if (buffer.event.kind == ERRAND_EVENT_SOURCE)
			relay_news_hear(&buffer.event);
	}
	behind = n == READ_MAX;
	if (lost)
		begin();
	return lost;
}

bool
relay_feed_behind(void)
{
	return behind;
}

uint64
relay_feed_head(void)
{
	return head;
}

uint64
relay_feed_oldest(void)
{
	return oldest;
}

const RelayEntry *
relay_feed_entry(uint64 number)
{
	return entry(number);
}

ErrandPosition
relay_feed_position(uint64 number)
{
	return (ErrandPosition){.epoch = epoch, .number = number};
}
