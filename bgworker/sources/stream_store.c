/*
 * stream_store.c
 *		Puts what a stream received into the tables, a batch a transaction, and
 *		tells what became of its connection.
 *
 * Runs in the stream process.  A message is forgotten when the batch it was in
 * has committed, not before.  An error is one stream's alone: it keeps its
 * messages and tries again, the others go on.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/process.h"
#include "catalog/pg_type.h"
#include "sources/stream.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define BATCH_BYTES (4 * 1024 * 1024)
#define AHEAD_MOST 100 /* batches that the next stages have not stored yet */
#define FULL_AGAIN_US INT64CONST(50000)
#define FAILURES_MAX 8

/* How many messages go into one batch. */
static int
batch_size(const ErrandStream *s)
{
	size_t bytes = 0;
	int n = 0;

	for (const ErrandFrame *f = s->frames.first; f != NULL && n < s->batch_rows; f = f->next)
	{
		bytes += f->len;
		if (n > 0 && bytes > BATCH_BYTES)
			break;
		n++;
	}
	return n;
}

static Datum
frame_datum(const ErrandFrame *f)
{
	bytea *b = palloc(VARHDRSZ + f->len);

	SET_VARSIZE(b, VARHDRSZ + f->len);
	memcpy(VARDATA(b), f->data, f->len);
	return PointerGetDatum(b);
}

/* False if the next stages are behind: messages wait here, where they can be counted. */
static bool
write_batch(ErrandStream *s, int n)
{
	bool isnull;
	ErrandDbArgs a = {0};
	Datum *frames = palloc(sizeof(Datum) * n);
	Datum *marks = palloc(sizeof(Datum) * n);
	const ErrandFrame *f = s->frames.first;

	for (int i = 0; i < n; i++, f = f->next)
	{
		frames[i] = frame_datum(f);
		marks[i] = CharGetDatum(f->mark);
	}
	errand_db_arg(&a, CStringGetTextDatum(s->name));
	errand_db_arg(&a, errand_db_array(frames, NULL, n, BYTEAOID));
	errand_db_arg(&a, errand_db_array(marks, NULL, n, CHAROID));
	errand_db_arg(&a, Int64GetDatum((int64) (s->dropped + s->frames.dropped)));
	errand_db_arg(&a, Int32GetDatum(s->listed ? AHEAD_MOST : PG_INT32_MAX));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_STREAM_FRAMES, &a);
	ERRAND_FAULT("stream");
	return DatumGetBool(errand_db_value(0, errand_db_column("taken"), &isnull));
}

/* In a catch block: the messages stay, and it is tried again. */
static void
store_failed(ErrandStream *s, MemoryContext context, int64 now)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	errand_db_recover();
	s->store_failures = Min(s->store_failures + 1, FAILURES_MAX);
	s->store_at = now + (INT64CONST(20000) << s->store_failures);
	strlcpy(s->error, "a batch cannot be stored: ", sizeof(s->error));
	strlcat(s->error, error->message, sizeof(s->error));
	s->untold = true;
	FreeErrorData(error);
}

/* One batch, one transaction.  False if it is not in the tables. */
static bool
store_batch(ErrandStream *s, int64 now)
{
	MemoryContext context = CurrentMemoryContext;
	volatile bool stored = false;
	volatile int n = batch_size(s);
	volatile uint64 dropped = s->frames.dropped;

	PG_TRY();
	{
		if (errand_db_begin())
		{
			stored = write_batch(s, n);
			errand_db_commit(stored);
			if (!stored)
				s->store_at = now + FULL_AGAIN_US;
		}
	}
	PG_CATCH();
	{
		store_failed(s, context, now);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	if (!stored)
		return false;
	errand_frames_stored(&s->frames, n);
	s->frames.dropped -= dropped;
	s->dropped = 0;
	s->store_failures = 0;
	errand_my_slot->settled += n;
	return true;
}

int64
errand_stream_store_at(const ErrandStream *s)
{
	int64 at;

	if (s->frames.n == 0)
		return PG_INT64_MAX;
	at = s->frames.n >= s->batch_rows || s->frames.bytes >= BATCH_BYTES ?
			 0 :
			 s->frames.first->at_us + s->batch_us;
	return Max(at, s->store_at);
}

bool
errand_stream_store(ErrandStream *s, bool all, int64 now)
{
	while (s->frames.n > 0 && (all || errand_stream_store_at(s) <= now))
	{
		if (!store_batch(s, now))
			return false;
		if (!all)
			break; /* the loop has its turn */
	}
	return true;
}

static Datum
time_arg(ErrandDbArgs *a, TimestampTz at)
{
	if (at == 0)
		errand_db_arg_null(a);
	else
		errand_db_arg(a, TimestampTzGetDatum(at));
	return 0;
}

void
errand_stream_tell(ErrandStream *s)
{
	ErrandDbArgs a = {0};

	errand_db_arg(&a, CStringGetTextDatum(s->name));
	(void) time_arg(&a, s->connected_at);
	(void) time_arg(&a, s->next_try);
	errand_db_arg(&a, Int64GetDatum(s->connects));
	errand_db_arg(&a, Int32GetDatum(s->failures));
	if (s->error[0] == '\0')
		errand_db_arg_null(&a);
	else
		errand_db_arg(&a, CStringGetTextDatum(s->error));
	errand_db_arg(&a, Int64GetDatum((int64) s->frames.dropped));
	if (!s->troubled && !s->told_troubled)
		errand_db_arg_null(&a); /* whatever else troubles the source is not our business */
	else
		errand_db_arg(&a, BoolGetDatum(s->troubled));
	errand_db_arg(&a, CStringGetTextDatum(s->end == ERRAND_PEER_BANNED	? "42501" :
										  s->end == ERRAND_PEER_REFUSED ? "28000" :
																		  "08006"));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_STREAM_TOLD, &a);
}
