/*
 * chunks.c
 *		Writes large bodies into rows while they come.
 *
 * Runs in worker processes, out of the loop.  A transfer pauses while too much
 * of it waits to be written.  Each batch is a transaction of its own, fenced by
 * the lease like a settle, and it does not wait for the disk: the settle, which
 * comes later, does.  It must never hold a transaction open while it waits for
 * more.
 */
#include "postgres.h"

#include "base/db.h"
#include "catalog/pg_type.h"
#include "queue/chunks.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#define ROWS_AT_ONCE 32 /* 8 MB a transaction */
#define RUNS_AT_ONCE 64

/* The rows of one batch. */
typedef struct Rows
{
	int n;
	Datum *task;
	Datum *attempt;
	Datum *number;
	Datum *data;
} Rows;

static dlist_head streams = DLIST_STATIC_INIT(streams);

void
errand_chunks_watch(ErrandRun *r, ErrandTransfer *t)
{
	r->stream = t;
	dlist_push_tail(&streams, &r->stream_node);
}

void
errand_chunks_unwatch(ErrandRun *r)
{
	if (r->stream == NULL)
		return;
	r->stream = NULL;
	dlist_delete(&r->stream_node);
}

static size_t
whole_chunks(const ErrandRun *r, const char **data)
{
	return errand_transfer_arrived(r->stream, data) / ERRAND_CHUNK_BYTES;
}

bool
errand_chunks_wanted(void)
{
	const char *data;
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		if (whole_chunks(dlist_container(ErrandRun, stream_node, it.cur), &data) > 0)
			return true;
	}
	return false;
}

static void
rows_new(Rows *rows, int size)
{
	rows->n = 0;
	rows->task = palloc(sizeof(Datum) * size);
	rows->attempt = palloc(sizeof(Datum) * size);
	rows->number = palloc(sizeof(Datum) * size);
	rows->data = palloc(sizeof(Datum) * size);
}

static void
rows_put(Rows *rows, const ErrandRun *r, int number, const char *data, size_t len)
{
	bytea *b = palloc(VARHDRSZ + len);

	SET_VARSIZE(b, VARHDRSZ + len);
	memcpy(VARDATA(b), data, len);
	rows->task[rows->n] = Int64GetDatum(r->id);
	rows->attempt[rows->n] = Int32GetDatum(r->attempt);
	rows->number[rows->n] = Int32GetDatum(number);
	rows->data[rows->n++] = PointerGetDatum(b);
}

static void
rows_write(const Rows *rows)
{
	ErrandDbArgs a = {0};

	if (rows->n == 0)
		return;
	errand_db_arg(&a, errand_db_array(rows->task, NULL, rows->n, INT8OID));
	errand_db_arg(&a, errand_db_array(rows->attempt, NULL, rows->n, INT4OID));
	errand_db_arg(&a, errand_db_array(rows->number, NULL, rows->n, INT4OID));
	errand_db_arg(&a, errand_db_array(rows->data, NULL, rows->n, BYTEAOID));
	(void) errand_db_call(DB_CHUNKS_ADD, &a);
}

/* Locks the lease: false if it was reaped, and the run is another's now. */
static bool
lease_held(const ErrandRun *r)
{
	Datum token = Int64GetDatum(r->lease->token);
	ErrandDbArgs a = {0};
	bool isnull;

	errand_db_arg(&a, errand_db_array(&token, NULL, 1, INT8OID));
	(void) errand_db_call(DB_LEASE_LOCK, &a);
	return ARR_NDIM(DatumGetArrayTypeP(errand_db_value(0, 1, &isnull))) > 0;
}

/* What of the streams fits into one transaction: runs, and chunks of each. */
static int
choose(ErrandRun **runs, int *chunks)
{
	int n = 0;
	int rows = 0;
	dlist_iter it;

	dlist_foreach (it, &streams)
	{
		ErrandRun *r = dlist_container(ErrandRun, stream_node, it.cur);
		const char *data;
		int whole = whole_chunks(r, &data);

		if (whole == 0)
			continue;
		if (n == RUNS_AT_ONCE || rows == ROWS_AT_ONCE)
			break;
		runs[n] = r;
		chunks[n] = Min(whole, ROWS_AT_ONCE - rows);
		rows += chunks[n++];
	}
	return n;
}

/* The rows of the chosen runs; of one whose lease is gone none, and chunks is 0. */
static void
write_chosen(ErrandRun **runs, int *chunks, int n)
{
	Rows rows;

	rows_new(&rows, ROWS_AT_ONCE);
	for (int i = 0; i < n; i++)
	{
		const char *data = NULL;

		(void) whole_chunks(runs[i], &data);
		if (!lease_held(runs[i]))
			chunks[i] = 0;
		for (int k = 0; k < chunks[i]; k++)
			rows_put(&rows, runs[i], runs[i]->chunks + k + 1,
					 data + (size_t) k * ERRAND_CHUNK_BYTES, ERRAND_CHUNK_BYTES);
	}
	rows_write(&rows);
}

void
errand_chunks_write(void)
{
	ErrandRun *runs[RUNS_AT_ONCE];
	int chunks[RUNS_AT_ONCE];
	int n = choose(runs, chunks);

	if (n == 0 || !errand_db_begin())
		return;
	write_chosen(runs, chunks, n);
	errand_db_commit(false);
	for (int i = 0; i < n; i++)
	{
		ErrandRun *r = runs[i];
		size_t bytes = (size_t) chunks[i] * ERRAND_CHUNK_BYTES;

		/* those served come last the next time */
		dlist_delete(&r->stream_node);
		dlist_push_tail(&streams, &r->stream_node);
		r->chunks += chunks[i];
		r->chunk_bytes += bytes;
		if (chunks[i] == 0)
			errand_transfer_cancel(r->stream);
		else
			errand_transfer_consume(r->stream, bytes);
	}
}

/* {"chunks": n, "bytes": n} */
static void
describe(ErrandRun *r, int chunks, int64 bytes)
{
	MemoryContext old = MemoryContextSwitchTo(r->memory);
	char *text = psprintf("{\"chunks\": %d, \"bytes\": %lld}", chunks, (long long) bytes);

	r->result = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
	MemoryContextSwitchTo(old);
}

/* The last part of a body, which came with its end. */
static void
settle_rest(ErrandRun *r)
{
	int most = (r->body_len + ERRAND_CHUNK_BYTES - 1) / ERRAND_CHUNK_BYTES;
	Rows rows;

	rows_new(&rows, Max(most, 1));
	for (size_t at = 0; at < r->body_len; at += ERRAND_CHUNK_BYTES)
		rows_put(&rows, r, r->chunks + rows.n + 1, r->body + at,
				 Min(r->body_len - at, ERRAND_CHUNK_BYTES));
	rows_write(&rows);
	describe(r, r->chunks + rows.n, r->chunk_bytes + r->body_len);
}

void
errand_chunks_settle(ErrandRun **runs, int n)
{
	Datum *gone = palloc(sizeof(Datum) * Max(n, 1));
	ErrandDbArgs a = {0};
	int n_gone = 0;

	for (int i = 0; i < n; i++)
	{
		if (!runs[i]->chunked || runs[i]->stale)
			continue;
		if (runs[i]->outcome == ERRAND_SUCCEEDED)
			settle_rest(runs[i]);
		else if (runs[i]->chunks > 0)
			gone[n_gone++] = Int64GetDatum(runs[i]->id);
	}
	if (n_gone == 0)
		return;
	errand_db_arg(&a, errand_db_array(gone, NULL, n_gone, INT8OID));
	(void) errand_db_call(DB_CHUNKS_FORGET, &a);
}
