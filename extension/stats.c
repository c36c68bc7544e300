/*
 * stats.c
 *		What happens now, as the dashboard shows it each second, and the
 *		arithmetic of its charts.
 *
 * Runs in every backend and in the relay.  Numbers come from shared memory:
 * nothing here reads a table.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "core/fingerprint.h"
#include "deltas.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "settings.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "wait_look.h"

PG_FUNCTION_INFO_V1(errand_stats);
PG_FUNCTION_INFO_V1(errand_rollup_now_srf);
PG_FUNCTION_INFO_V1(errand_hist_add);
PG_FUNCTION_INFO_V1(errand_hist_quantiles);
PG_FUNCTION_INFO_V1(errand_iso);
PG_FUNCTION_INFO_V1(errand_fingerprint_sql);

#define QUEUES_SHOWN 500

/* What is shown of a counter: a copy without its histograms. */
typedef struct Gauges
{
	char name[ERRAND_NAME_BYTES];
	int64 ready, scheduled, retrying, waiting, running;
	int64 submitted, succeeded, failed, unknown, cancelled, retried;
	int64 retaken[ERRAND_FINALS];
	TimestampTz oldest_at;
	TimestampTz since; /* the last rollup */
	ErrandCounted before;
} Gauges;

static void
take_gauges(Gauges *g, const ErrandCounter *c)
{
	strlcpy(g->name, c->key.name, sizeof(g->name));
	g->ready = Max(0, c->ready);
	g->retrying = Max(0, c->retrying);
	g->scheduled = Max(0, c->scheduled - c->retrying);
	g->waiting = Max(0, c->waiting);
	g->running = Max(0, c->running);
	g->submitted = c->submitted;
	g->succeeded = c->succeeded;
	g->failed = c->failed - c->unknown;
	g->unknown = c->unknown;
	g->cancelled = c->cancelled;
	g->retried = c->retried;
	memcpy(g->retaken, c->retaken, sizeof(g->retaken));
	g->oldest_at = c->ready > 0 ? c->oldest_at : 0;
	g->since = c->before.at;
	g->before.submitted = c->before.submitted;
	g->before.succeeded = c->before.succeeded;
	g->before.failed = c->before.failed;
	g->before.retried = c->before.retried;
}

/* The database's own numbers, and those of its queues. */
static Gauges *
read_gauges(Gauges *all, int *n)
{
	Gauges *queues = palloc(sizeof(Gauges) * QUEUES_SHOWN);
	HASH_SEQ_STATUS scan;
	ErrandCounter *c;

	memset(all, 0, sizeof(*all));
	*n = 0;
	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	hash_seq_init(&scan, errand_counters);
	while ((c = hash_seq_search(&scan)) != NULL)
	{
		if (c->key.database != MyDatabaseId)
			continue;
		if (c->key.kind == ERRAND_COUNT_ALL)
			take_gauges(all, c);
		else if (c->key.kind == ERRAND_COUNT_QUEUE && *n < QUEUES_SHOWN)
			take_gauges(&queues[(*n)++], c);
	}
	LWLockRelease(errand_shared->event_lock);
	return queues;
}

static char *
iso(TimestampTz t)
{
	struct pg_tm tm;
	fsec_t fsec;

	if (timestamp2tm(t, NULL, &tm, &fsec, NULL, NULL) != 0)
		return "";
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec);
}

/*
 * Per second: since this process last looked, half a second ago at least; else
 * since the last rollup.
 */
static void
put_rates(StringInfo s, const Gauges *all, TimestampTz now)
{
	static Gauges last;
	static TimestampTz last_at = 0;
	bool fresh = last_at != 0 && now - last_at < 15 * USECS_PER_SEC &&
				 last.submitted <= all->submitted;
	const int64 from[] = {fresh ? last.submitted : all->before.submitted,
						  fresh ? last.succeeded : all->before.succeeded,
						  fresh ? last.failed + last.unknown : all->before.failed,
						  fresh ? last.retried : all->before.retried};
	double seconds = Max(0.5, (double) (now - (fresh ? last_at : all->since)) / USECS_PER_SEC);

	if (!fresh && all->since == 0)
		seconds = 60;
	appendStringInfo(
		s, "\"rates\":{\"submitted\":%.2f,\"succeeded\":%.2f,\"failed\":%.2f,\"retried\":%.2f},",
		Max(0, all->submitted - from[0]) / seconds, Max(0, all->succeeded - from[1]) / seconds,
		Max(0, all->failed + all->unknown - from[2]) / seconds,
		Max(0, all->retried - from[3]) / seconds);
	if (fresh && now - last_at < USECS_PER_SEC / 2)
		return;
	last = *all;
	last_at = now;
}

static void
put_counts(StringInfo s, const Gauges *g)
{
	appendStringInfo(s,
					 "\"counts\":{\"waiting\":" INT64_FORMAT ",\"scheduled\":" INT64_FORMAT
					 ",\"ready\":" INT64_FORMAT ",\"running\":" INT64_FORMAT
					 ",\"retrying\":" INT64_FORMAT ",\"succeeded\":" INT64_FORMAT
					 ",\"failed\":" INT64_FORMAT ",\"cancelled\":" INT64_FORMAT
					 ",\"unknown\":" INT64_FORMAT "},",
					 g->waiting, g->scheduled, g->ready, g->running, g->retrying,
					 Max(0, g->succeeded - g->retaken[0]), Max(0, g->failed - g->retaken[1]),
					 Max(0, g->cancelled - g->retaken[3]), Max(0, g->unknown - g->retaken[2]));
}

static void
put_queues(StringInfo s, const Gauges *q, int n, TimestampTz now)
{
	TimestampTz oldest = 0;

	appendStringInfoString(s, "\"queues\":[");
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(s, i > 0 ? ",{\"queue\":" : "{\"queue\":");
		escape_json(s, q[i].name);
		appendStringInfo(s,
						 ",\"ready\":" INT64_FORMAT ",\"scheduled\":" INT64_FORMAT
						 ",\"waiting\":" INT64_FORMAT ",\"running\":" INT64_FORMAT
						 ",\"succeeded\":" INT64_FORMAT ",\"failed\":" INT64_FORMAT "}",
						 q[i].ready, q[i].scheduled + q[i].retrying, q[i].waiting, q[i].running,
						 q[i].succeeded, q[i].failed + q[i].unknown);
		if (q[i].oldest_at != 0 && (oldest == 0 || q[i].oldest_at < oldest))
			oldest = q[i].oldest_at;
	}
	appendStringInfoString(s, "],\"oldest_ready_age_ms\":");
	if (oldest == 0)
		appendStringInfoString(s, "null,");
	else
		appendStringInfo(s, "%.3f,", Max(0, now - oldest) / 1000.0);
}

static void
put_worker(StringInfo s, const ErrandSlot *w, int *running, int *slots)
{
	const char *kind = w->kind == ERRAND_PROCESS_WORKER ? "worker" : "executor";

	if (s->data[s->len - 1] == '}')
		appendStringInfoChar(s, ',');
	appendStringInfo(
		s,
		"{\"pid\":%d,\"kind\":\"%s\",\"state\":\"%s\",\"leader\":%s,\"running\":%d,\"queued\":%d}",
		w->pid, kind, w->busy ? "busy" : "idle", w->leader ? "true" : "false", w->running,
		w->queued);
	*running += w->running;
	*slots += w->kind == ERRAND_PROCESS_WORKER ? errand_max_in_flight : 0;
}

static void
put_workers(StringInfo s)
{
	ErrandSlot *copy = palloc(sizeof(errand_shared->slots));
	int running = 0;
	int slots = errand_executors;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	memcpy(copy, errand_shared->slots, sizeof(errand_shared->slots));
	LWLockRelease(errand_shared->slot_lock);
	appendStringInfoString(s, "\"workers\":[");
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		if ((copy[i].kind == ERRAND_PROCESS_WORKER || copy[i].kind == ERRAND_PROCESS_EXECUTOR) &&
			copy[i].database == MyDatabaseId && copy[i].pid != 0)
			put_worker(s, &copy[i], &running, &slots);
	}
	appendStringInfo(s, "],\"running\":%d,\"slots\":%d,", running, slots);
	pfree(copy);
}

Datum
errand_stats(PG_FUNCTION_ARGS)
{
	StringInfoData s;
	Gauges all;
	Gauges *queues;
	ErrandDatabase *d;
	TimestampTz now = GetCurrentTimestamp();
	int n;

	errand_shared_require();
	errand_require("monitor");
	d = errand_database_mine();
	queues = read_gauges(&all, &n);
	initStringInfo(&s);
	appendStringInfo(&s, "{\"at\":\"%s\",", iso(now));
	put_counts(&s, &all);
	put_rates(&s, &all, now);
	put_queues(&s, queues, n, now);
	put_workers(&s);
	appendStringInfo(&s, "\"paused\":%s,\"clients\":%u,\"notify\":\"%s\"}",
					 d != NULL && pg_atomic_read_u32(&d->paused) != 0 ? "true" : "false",
					 d != NULL ? pg_atomic_read_u32(&d->relay.clients) : 0,
					 errand_notify_state_name(
						 d != NULL ? pg_atomic_read_u32(&d->relay.notify_state) : 0));
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

static Datum
bucket_pairs(const uint32 *bucket)
{
	Datum items[2 * ERRAND_HISTOGRAM_BUCKETS];
	int n = 0;

	for (int i = 0; i < ERRAND_HISTOGRAM_BUCKETS; i++)
	{
		if (bucket[i] == 0)
			continue;
		items[n++] = Int32GetDatum(i);
		items[n++] = Int32GetDatum((int32) Min(bucket[i], (uint32) PG_INT32_MAX));
	}
	return PointerGetDatum(construct_array(items, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

Datum
errand_rollup_now_srf(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();
	ErrandDelta *d;
	int n;

	errand_shared_require();
	errand_init_materialized(fcinfo);
	if (!errand_may("monitor"))
		return (Datum) 0;
	d = errand_deltas(PG_GETARG_CHAR(0), &n);
	for (int i = 0; i < n; i++)
	{
		Datum v[11];
		bool null[11] = {false};

		v[0] = CStringGetTextDatum(d[i].name);
		v[1] = TimestampTzGetDatum(d[i].n.at);
		null[1] = d[i].n.at == 0;
		v[2] = Int64GetDatum(d[i].n.submitted);
		v[3] = Int64GetDatum(d[i].n.succeeded);
		v[4] = Int64GetDatum(d[i].n.failed);
		v[5] = Int64GetDatum(d[i].n.cancelled);
		v[6] = Int64GetDatum(d[i].n.retried);
		v[7] = Int64GetDatum(d[i].depth);
		v[8] = Int64GetDatum(d[i].oldest_at != 0 ? Max(0, (now - d[i].oldest_at) / 1000) : 0);
		v[9] = bucket_pairs(d[i].n.wait);
		v[10] = bucket_pairs(d[i].n.run);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, null);
	}
	return (Datum) 0;
}

/* Adds the pairs of a stored histogram; what is none is passed over. */
static void
add_pairs(ErrandHistogram *h, ArrayType *a)
{
	int n = ArrayGetNItems(ARR_NDIM(a), ARR_DIMS(a)) / 2;
	const int32 *p = (const int32 *) ARR_DATA_PTR(a);

	if (ARR_HASNULL(a))
		return;
	for (int i = 0; i < n; i++, p += 2)
	{
		if (p[0] < 0 || p[0] >= ERRAND_HISTOGRAM_BUCKETS || p[1] < 0)
			continue;
		h->bucket[p[0]] += p[1];
		h->count += p[1];
	}
}

Datum
errand_hist_add(PG_FUNCTION_ARGS)
{
	MemoryContext aggregate;
	ErrandHistogram *h;

	if (!AggCheckCallContext(fcinfo, &aggregate))
		elog(ERROR, "errand._hist_add() is part of an aggregate");
	if (PG_ARGISNULL(0))
		h = MemoryContextAllocZero(aggregate, sizeof(ErrandHistogram));
	else
		h = (ErrandHistogram *) PG_GETARG_POINTER(0);
	if (!PG_ARGISNULL(1))
		add_pairs(h, PG_GETARG_ARRAYTYPE_P(1));
	PG_RETURN_POINTER(h);
}

Datum
errand_hist_quantiles(PG_FUNCTION_ARGS)
{
	static const double q[] = {0.5, 0.95, 0.99};
	Datum items[lengthof(q)];
	ErrandHistogram *h = PG_ARGISNULL(0) ? NULL : (ErrandHistogram *) PG_GETARG_POINTER(0);

	if (h == NULL || h->count == 0)
		PG_RETURN_NULL();
	for (int i = 0; i < (int) lengthof(q); i++)
		items[i] = Float8GetDatum(errand_histogram_quantile_ms(h, q[i]));
	PG_RETURN_ARRAYTYPE_P(construct_array(items, lengthof(q), FLOAT8OID, sizeof(float8),
										  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

Datum
errand_iso(PG_FUNCTION_ARGS)
{
	TimestampTz t = PG_GETARG_TIMESTAMPTZ(0);

	if (TIMESTAMP_NOT_FINITE(t))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(iso(t)));
}

#define FINGERPRINT_BYTES 256
#define ERROR_BYTES 2000 /* of an error count */

Datum
errand_fingerprint_sql(PG_FUNCTION_ARGS)
{
	text *error = PG_GETARG_TEXT_PP(0);
	char out[FINGERPRINT_BYTES];
	size_t n = errand_fingerprint(VARDATA_ANY(error), Min(VARSIZE_ANY_EXHDR(error), ERROR_BYTES),
								  out, sizeof(out));

	PG_RETURN_TEXT_P(cstring_to_text_with_len(out, pg_mbcliplen(out, (int) n, (int) n)));
}
