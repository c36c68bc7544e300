/*
 * streams.c
 *		The list of streams: read from the tables, and what each turn does with
 *		all of them.
 *
 * Runs in the stream process.  One stream's error must never keep the others
 * from their turn.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/process.h"
#include "lib/ilist.h"
#include "settings.h"
#include "shared.h"
#include "sources/stream.h"
#include "sources/streams.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define READ_US INT64CONST(5000000) /* should a change not be heard of */
#define READ_AGAIN_US INT64CONST(200000)
#define TELL_US INT64CONST(250000) /* between two changes that are told */
#define CONNECTS_A_TURN 16
#define BUFFER_BYTES (16 * 1024 * 1024) /* most of one stream */
#define GOING_AWAY 1001
#define NORMAL 1000

static dlist_head streams = DLIST_STATIC_INIT(streams);
static int n_streams = 0;
static bool changed = true;
static bool known = false; /* the tables were read */
static int64 read_at = 0;
static int64 tell_at = 0;

void
errand_streams_init(void)
{
	dlist_init(&streams);
}

void
errand_streams_changed(void)
{
	changed = true;
}

/* How much one of them may hold. */
static void
share_memory(void)
{
	size_t all = (size_t) errand_memory_limit * 1024;
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		s->frames.max_bytes = Min(BUFFER_BYTES, all / Max(n_streams, 1));
		s->frames.max_message = Min((size_t) errand_max_response_bytes, s->frames.max_bytes / 2);
	}
}

void
errand_streams_recheck(void)
{
	int64 now = errand_clock_monotonic();
	dlist_iter it;

	dlist_foreach (it, &streams)
		errand_stream_recheck(dlist_container(ErrandStream, node, it.cur), now);
	share_memory();
}

static ErrandStream *
find(const char *name)
{
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static int64
row_int64(int row, const char *column)
{
	bool isnull;

	return DatumGetInt64(errand_db_value(row, errand_db_column(column), &isnull));
}

static void
add(int row)
{
	MemoryContext memory = AllocSetContextCreate(TopMemoryContext, "errand stream",
												 ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(memory);
	ErrandStream *s = palloc0(sizeof(ErrandStream));
	bool isnull;

	s->memory = memory;
	s->name = errand_db_text(row, errand_db_column("name"));
	s->payload = DatumGetJsonbPCopy(errand_db_value(row, errand_db_column("payload"), &isnull));
	s->mark = row_int64(row, "mark");
	s->ping_us = row_int64(row, "ping_ms") * 1000;
	s->idle_us = Max(row_int64(row, "idle_ms"), 1) * 1000;
	s->batch_us = row_int64(row, "batch_ms") * 1000;
	s->batch_rows = Max(1, DatumGetInt32(
							   errand_db_value(row, errand_db_column("batch_rows"), &isnull)));
	s->listed = true;
	s->end = ERRAND_PEER_CUT;
	errand_frames_cut(&s->frames); /* its first message is the first of a connection */
	MemoryContextSwitchTo(old);
	dlist_push_tail(&streams, &s->node);
	n_streams++;
}

/* What runs as it is defined stays; the rest is let go, or begins. */
static void
compare(int n)
{
	bool isnull;
	int column = n > 0 ? errand_db_column("name") : 0;
	dlist_iter it;

	dlist_foreach (it, &streams)
		dlist_container(ErrandStream, node, it.cur)->listed = false;
	for (int i = 0; i < n; i++)
	{
		ErrandStream *s = find(errand_db_text(i, column));

		if (s != NULL &&
			s->mark == DatumGetInt64(errand_db_value(i, errand_db_column("mark"), &isnull)))
			s->listed = true;
		else
			add(i);
	}
}

/* The engine of the database rests: nobody is to be connected to. */
static bool
paused(void)
{
	ErrandDatabase *d = errand_database_mine();

	return d != NULL && pg_atomic_read_u32(&d->paused) != 0;
}

/* Stopped, dropped or defined anew: what came so far is stored, if it can be. */
static void
let_go(ErrandStream *s, int64 now)
{
	if (s->peer != NULL)
		errand_peer_close(s->peer, NORMAL);
	s->peer = NULL;
	if (!errand_stream_store(s, true, now))
		ereport(WARNING, (errmsg("%d messages of source \"%s\" were not stored", s->frames.n, s->name)));
	errand_stream_rest(s);
	if (errand_db_begin())
	{
		errand_stream_tell(s);
		errand_db_commit(false);
	}
	dlist_delete(&s->node);
	n_streams--;
	errand_stream_close(s, NORMAL);
}

/* Forgets those that the tables do not list any more. */
static void
sweep(int64 now)
{
	dlist_mutable_iter it;

	dlist_foreach_modify (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		if (!s->listed)
			let_go(s, now);
	}
}

static void
read_tables(int64 now)
{
	read_at = now + READ_US;
	changed = false;
	if (!errand_db_begin())
	{
		changed = true;
		return;
	}
	compare(paused() ? 0 : errand_db_call(DB_STREAMS, NULL));
	errand_db_commit(false);
	known = true;
	sweep(now);
	share_memory();
}

void
errand_streams_aborted(void)
{
	changed = false;
	read_at = errand_clock_monotonic() + READ_AGAIN_US;
}

/* In a catch block: it could not begin to connect. */
static void
connect_failed(ErrandStream *s, MemoryContext context, int64 now)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	errand_db_recover();
	errand_stream_failed(s, ERRAND_PEER_FAILED, error->message, now);
	FreeErrorData(error);
}

static void
connect_one(ErrandStream *s, int64 now)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (errand_db_begin())
		{
			errand_stream_connect(s, now);
			errand_db_commit(false);
		}
	}
	PG_CATCH();
	{
		connect_failed(s, context, now);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

/* Each stream: its connection, then a batch. */
static void
each_stream(int64 now)
{
	int connects = 0;
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		errand_stream_step(s, now);
		if (s->state == ERRAND_STREAM_WAITING && now >= s->try_at && connects < CONNECTS_A_TURN)
		{
			connect_one(s, now);
			connects++;
		}
		(void) errand_stream_store(s, false, now);
	}
}

static bool
anything_untold(void)
{
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		if (s->untold || s->frames.dropped > 0)
			return true;
	}
	return false;
}

/* Told: what is counted from now on is new. */
static void
told(void)
{
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		s->untold = false;
		s->told_troubled = s->troubled;
		s->connects = 0;
		s->frames.dropped = 0;
	}
}

/* One transaction for all that changed. */
static void
tell(int64 now)
{
	dlist_iter it;

	tell_at = now + TELL_US;
	if (!errand_db_begin())
		return;
	dlist_foreach (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		if (s->untold || s->frames.dropped > 0)
			errand_stream_tell(s);
	}
	errand_db_commit(false);
	told();
}

void
errand_streams_turn(void)
{
	int64 now = errand_clock_monotonic();

	if (changed || now >= read_at)
		read_tables(now);
	each_stream(now);
	if (now >= tell_at && anything_untold())
		tell(now);
}

long
errand_streams_wait_ms(void)
{
	int64 now = errand_clock_monotonic();
	int64 at = changed ? now : read_at;
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		at = Min(at, Min(errand_stream_step_at(s), errand_stream_store_at(s)));
	}
	if (anything_untold())
		at = Min(at, tell_at);
	return Max(0, (at - now + 999) / 1000);
}

bool
errand_streams_none(void)
{
	return known && !changed && n_streams == 0;
}

int
errand_streams_count(int *open)
{
	dlist_iter it;

	*open = 0;
	dlist_foreach (it, &streams)
		*open += dlist_container(ErrandStream, node, it.cur)->state == ERRAND_STREAM_OPEN;
	return n_streams;
}

void
errand_streams_leave(void)
{
	int64 now = errand_clock_monotonic();
	dlist_mutable_iter it;

	dlist_foreach_modify (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		(void) errand_stream_store(s, true, now);
		errand_stream_rest(s);
	}
	tell(now);
	dlist_foreach_modify (it, &streams)
	{
		ErrandStream *s = dlist_container(ErrandStream, node, it.cur);

		dlist_delete(&s->node);
		n_streams--;
		errand_stream_close(s, GOING_AWAY);
	}
}
