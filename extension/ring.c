/*
 * ring.c
 *		The ring of events and the counters, in shared memory.
 *
 * Runs in every process.  A record is a header and three names, in as many
 * cells as it needs; the oldest are overwritten, and a reader that was too
 * slow is told so.  Writers must never fail or allocate: they run in commit
 * callbacks.
 */
#include "postgres.h"

#include "compat.h"
#include "deltas.h"
#include "events.h"
#include "limit_table.h"
#include "ring.h"
#include "shared.h"

#define EVENT_BYTES offsetof(ErrandEvent, queue) /* without the pointers to its names */

typedef struct RingRecord
{
	char event[EVENT_BYTES];
	uint16 cells;
	uint16 queue_len;
	uint16 task_len;
	uint16 channel_len;
} RingRecord;

static void
ring_copy_in(uint64 *at, const void *data, size_t len)
{
	size_t bytes = errand_shared->n_cells * ERRAND_CELL;
	size_t offset = *at % bytes;
	size_t first = Min(len, bytes - offset);

	memcpy(errand_ring_cells + offset, data, first);
	if (len > first)
		memcpy(errand_ring_cells, (const char *) data + first, len - first);
	*at += len;
}

static void
ring_copy_out(uint64 *at, void *data, size_t len)
{
	size_t bytes = errand_shared->n_cells * ERRAND_CELL;
	size_t offset = *at % bytes;
	size_t first = Min(len, bytes - offset);

	memcpy(data, errand_ring_cells + offset, first);
	if (len > first)
		memcpy((char *) data + first, errand_ring_cells, len - first);
	*at += len;
}

static uint16
name_len(const char *name, size_t max)
{
	return name == NULL ? 0 : Min(strlen(name), max - 1);
}

void
errand_ring_write(const ErrandEvent *e)
{
	RingRecord r;
	size_t total;
	uint64 at = errand_shared->head_cell * ERRAND_CELL;

	errand_shared->head_seq++;
	memcpy(r.event, e, EVENT_BYTES);
	memcpy(r.event + offsetof(ErrandEvent, seq), &errand_shared->head_seq, sizeof(uint64));
	r.queue_len = name_len(e->queue, ERRAND_NAME_BYTES);
	r.task_len = name_len(e->task, ERRAND_NAME_BYTES);
	r.channel_len = name_len(e->channel, NAMEDATALEN);
	total = sizeof(r) + r.queue_len + r.task_len + r.channel_len;
	r.cells = (total + ERRAND_CELL - 1) / ERRAND_CELL;
	ring_copy_in(&at, &r, sizeof(r));
	ring_copy_in(&at, e->queue, r.queue_len);
	ring_copy_in(&at, e->task, r.task_len);
	ring_copy_in(&at, e->channel, r.channel_len);
	errand_shared->head_cell += r.cells;
}

void
errand_ring_seek_end(ErrandRingCursor *c)
{
	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	c->cell = errand_shared->head_cell;
	c->seq = errand_shared->head_seq;
	LWLockRelease(errand_shared->event_lock);
}

uint64
errand_ring_head(void)
{
	uint64 seq;

	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	seq = errand_shared->head_seq;
	LWLockRelease(errand_shared->event_lock);
	return seq;
}

/* Copies the record at the cursor and moves on.  Under event_lock. */
static void
ring_take(ErrandRingCursor *c, ErrandEventBuffer *out)
{
	RingRecord r;
	uint64 at = c->cell * ERRAND_CELL;

	ring_copy_out(&at, &r, sizeof(r));
	memcpy(&out->event, r.event, EVENT_BYTES);
	ring_copy_out(&at, out->queue, r.queue_len);
	out->queue[r.queue_len] = '\0';
	ring_copy_out(&at, out->task, r.task_len);
	out->task[r.task_len] = '\0';
	ring_copy_out(&at, out->channel, r.channel_len);
	out->channel[r.channel_len] = '\0';
	out->event.queue = out->queue;
	out->event.task = out->task;
	out->event.channel = r.channel_len > 0 ? out->channel : NULL;
	c->cell += r.cells;
	c->seq = out->event.seq;
}

bool
errand_ring_next(ErrandRingCursor *c, ErrandEventBuffer *out, bool *lost)
{
	bool got = false;

	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	if (errand_shared->head_cell - c->cell > errand_shared->n_cells)
	{
		*lost = true;
		c->cell = errand_shared->head_cell;
		c->seq = errand_shared->head_seq;
	}
	while (!got && c->cell < errand_shared->head_cell)
	{
		ring_take(c, out);
		got = out->event.database == MyDatabaseId;
	}
	LWLockRelease(errand_shared->event_lock);
	return got;
}

/* The count of tasks in a state, or NULL for states that are not counted. */
static int64 *
counter_of_state(ErrandCounter *c, char state)
{
	switch (state)
	{
		case ERRAND_READY:
			return &c->ready;
		case ERRAND_SCHEDULED:
		case ERRAND_RETRYING:
			return &c->scheduled;
		case ERRAND_WAITING:
			return &c->waiting;
		case ERRAND_RUNNING:
			return &c->running;
		case ERRAND_SUCCEEDED:
			return &c->succeeded;
		case ERRAND_FAILED:
		case ERRAND_UNKNOWN:
			return &c->failed;
		case ERRAND_CANCELLED:
			return &c->cancelled;
		default:
			return NULL;
	}
}

/* The place of a final state among what was taken up again. */
static int
final_index(char state)
{
	return state == ERRAND_SUCCEEDED ? 0 :
		   state == ERRAND_FAILED	 ? 1 :
		   state == ERRAND_UNKNOWN	 ? 2 :
									   3;
}

static void
counter_apply(ErrandCounter *c, const ErrandEvent *e, bool measured)
{
	int64 *n;

	/* A final state is left by retry() alone, and history keeps its count. */
	if (errand_state_is_final(e->from))
		c->retaken[final_index(e->from)]++;
	else if ((n = counter_of_state(c, e->from)) != NULL)
		(*n)--;
	if ((n = counter_of_state(c, e->to)) != NULL)
		(*n)++;
	c->submitted += e->from == ERRAND_NONE;
	c->retrying += (e->to == ERRAND_RETRYING) - (e->from == ERRAND_RETRYING);
	c->unknown += e->to == ERRAND_UNKNOWN;
	c->retried += e->to == ERRAND_RETRYING;
	if (e->from == ERRAND_RUNNING && e->to != ERRAND_SCHEDULED && e->to != ERRAND_READY)
		c->attempts++;
	if (measured && e->from == ERRAND_RUNNING && e->wait_us >= 0)
		errand_histogram_add(&c->wait, e->wait_us);
	if (measured && e->from == ERRAND_RUNNING && e->run_us >= 0)
		errand_histogram_add(&c->run, e->run_us);
	c->touched = errand_shared->head_seq;
}

void
errand_counters_apply(const ErrandEvent *e)
{
	ErrandCounter *c;
	char role[ERRAND_ROLE_KEY];

	if ((c = errand_counter(e->database, ERRAND_COUNT_ALL, "")) != NULL)
		counter_apply(c, e, true);
	if (e->queue != NULL && (c = errand_counter(e->database, ERRAND_COUNT_QUEUE, e->queue)) != NULL)
		counter_apply(c, e, true);
	if (e->task != NULL && (c = errand_counter(e->database, ERRAND_COUNT_TASK, e->task)) != NULL)
		counter_apply(c, e, !e->unmeasured);
	if (e->owner == InvalidOid || pg_atomic_read_u32(&errand_limits->quotas) == 0)
		return;
	errand_role_key(e->owner, role);
	if ((c = errand_counter_find(e->database, ERRAND_COUNT_ROLE, role)) != NULL)
		counter_apply(c, e, true);
}

/* Zeroes the gauges of this database: those that a recount does not name are empty. */
static void
gauges_clear(void)
{
	HASH_SEQ_STATUS scan;
	ErrandCounter *c;

	hash_seq_init(&scan, errand_counters);
	while ((c = hash_seq_search(&scan)) != NULL)
	{
		if (c->key.database == MyDatabaseId &&
			(c->key.kind == ERRAND_COUNT_QUEUE || c->key.kind == ERRAND_COUNT_ALL))
			c->ready = c->scheduled = c->retrying = c->waiting = c->running = 0;
	}
}

static void
gauges_add(ErrandCounter *c, const ErrandRecount *r)
{
	c->ready += r->ready;
	c->scheduled += r->scheduled;
	c->retrying += r->retrying;
	c->waiting += r->waiting;
	c->running += r->running;
}

bool
errand_counters_set(const ErrandRecount *r, int n, uint64 if_seq)
{
	bool same;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	same = errand_shared->head_seq == if_seq;
	if (same)
	{
		gauges_clear();
		for (int i = 0; i < n; i++)
		{
			ErrandCounter *c = errand_counter(MyDatabaseId, ERRAND_COUNT_QUEUE, r[i].queue);

			if (c != NULL)
				gauges_add(c, &r[i]);
			c = errand_counter(MyDatabaseId, ERRAND_COUNT_ALL, "");
			if (c != NULL)
				gauges_add(c, &r[i]);
		}
	}
	LWLockRelease(errand_shared->event_lock);
	return same;
}

void
errand_counters_reset(void)
{
	HASH_SEQ_STATUS scan;
	ErrandCounter *c;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	hash_seq_init(&scan, errand_counters);
	while ((c = hash_seq_search(&scan)) != NULL)
	{
		/* how many tasks there are in each state is no statistic */
		if (c->key.database != MyDatabaseId || c->key.kind == ERRAND_COUNT_ALL)
			continue;
		errand_counted_keep(c);
		c->submitted = c->succeeded = c->failed = c->unknown = c->cancelled = c->retried =
			c->attempts = 0;
		memset(c->retaken, 0, sizeof(c->retaken));
		memset(&c->wait, 0, sizeof(c->wait));
		memset(&c->run, 0, sizeof(c->run));
	}
	LWLockRelease(errand_shared->event_lock);
}
