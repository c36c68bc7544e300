/*
 * rollup.c
 *		Numbers by the minute, for charts that outlive a restart.
 *
 * Runs in the leader.  Each minute the differences of the counters become rows
 * of errand.rollup; they count as taken when that has committed.  A restart
 * loses nothing; after a crash the running minute is counted again, by the rows.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "catalog/pg_type.h"
#include "deltas.h"
#include "queue/rollup.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define MINUTE_US INT64CONST(60000000)
#define TRIM_AT_ONCE 5000

static TimestampTz minute = 0; /* that runs; 0: this process has not led */

static TimestampTz
minute_of(TimestampTz t)
{
	return t - (t % MINUTE_US + MINUTE_US) % MINUTE_US;
}

bool
errand_rollup_due(void)
{
	return minute == 0 || minute_of(errand_clock_now()) != minute;
}

int64
errand_rollup_wait_us(void)
{
	return Max(0, minute + MINUTE_US - errand_clock_now());
}

/* All that the rows tell is what was counted before. */
static void
base_on_rows(void)
{
	static const char *const retaken[ERRAND_FINALS] = {"retaken_succeeded", "retaken_failed",
													   "retaken_unknown", "retaken_cancelled"};
	ErrandCounted sums = {0};

	if (errand_db_call(DB_ROLLUP_SUMS, NULL) == 1)
	{
		sums.submitted = errand_db_int8(0, errand_db_column("submitted"));
		sums.succeeded = errand_db_int8(0, errand_db_column("succeeded"));
		sums.failed = errand_db_int8(0, errand_db_column("failed"));
		sums.cancelled = errand_db_int8(0, errand_db_column("cancelled"));
		sums.retried = errand_db_int8(0, errand_db_column("retried"));
		sums.unknown = errand_db_int8(0, errand_db_column("unknown"));
		for (int i = 0; i < ERRAND_FINALS; i++)
			sums.retaken[i] = errand_db_int8(0, errand_db_column(retaken[i]));
	}
	sums.at = errand_clock_now();
	errand_counters_base(&sums);
}

/* What was counted before the server started, once. */
static void
take_up(void)
{
	ErrandDbArgs a = {0};

	if (errand_counters_based())
		return;
	errand_db_arg(&a, TimestampTzGetDatum(errand_shared->began_at));
	(void) errand_db_call(DB_ROLLUP_RECOUNT, &a);
	base_on_rows();
}

void
errand_rollup_look(void)
{
	if (errand_counters_based() || !errand_db_begin())
		return;
	base_on_rows();
	errand_db_commit(false);
}

/* A histogram as pairs of bucket and count: most buckets are empty. */
static Datum
pairs(const uint32 *bucket)
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
	return errand_db_array(items, NULL, n, INT4OID);
}

static void
write_one(const ErrandDelta *d, TimestampTz now)
{
	ErrandDbArgs a = {0};
	Datum retaken[ERRAND_FINALS];

	errand_db_arg(&a, TimestampTzGetDatum(minute));
	errand_db_arg(&a, CharGetDatum(d->kind));
	errand_db_arg(&a, CStringGetTextDatum(d->name));
	errand_db_arg(&a, Int64GetDatum(d->n.submitted));
	errand_db_arg(&a, Int64GetDatum(d->n.succeeded));
	errand_db_arg(&a, Int64GetDatum(d->n.failed));
	errand_db_arg(&a, Int64GetDatum(d->n.cancelled));
	errand_db_arg(&a, Int64GetDatum(d->n.retried));
	errand_db_arg(&a, Int64GetDatum(d->depth));
	errand_db_arg(&a, Int64GetDatum(d->oldest_at != 0 ? Max(0, (now - d->oldest_at) / 1000) : 0));
	errand_db_arg(&a, pairs(d->n.wait));
	errand_db_arg(&a, pairs(d->n.run));
	errand_db_arg(&a, TimestampTzGetDatum(now));
	errand_db_arg(&a, Int64GetDatum(d->n.unknown));
	for (int i = 0; i < ERRAND_FINALS; i++)
		retaken[i] = Int64GetDatum(d->n.retaken[i]);
	errand_db_arg(&a, errand_db_array(retaken, NULL, ERRAND_FINALS, INT8OID));
	(void) errand_db_call(DB_ROLLUP, &a);
}

static void
trim(TimestampTz now)
{
	ErrandDbArgs a = {0};

	errand_db_arg(&a, TimestampTzGetDatum(now));
	errand_db_arg(&a, Int32GetDatum(TRIM_AT_ONCE));
	(void) errand_db_call(DB_ROLLUP_TRIM, &a);
}

void
errand_rollup_write(bool last)
{
	TimestampTz now = errand_clock_now();
	MemoryContext ours = CurrentMemoryContext;
	MemoryContext transaction;
	ErrandDelta *d;
	int n;

	if ((last && minute == 0) || !errand_db_begin())
		return;
	if (minute == 0)
	{
		take_up();
		minute = minute_of(now);
	}
	/* they are needed when the transaction and its memory are gone */
	transaction = MemoryContextSwitchTo(ours);
	d = errand_deltas(0, &n);
	MemoryContextSwitchTo(transaction);
	for (int i = 0; i < n; i++)
		write_one(&d[i], now);
	if (!last)
		trim(now);
	errand_db_commit(last);
	errand_deltas_taken(d, n, now);
	minute = minute_of(now);
	pfree(d);
}

void
errand_rollup_oldest(void)
{
	int n = errand_db_call(DB_OLDEST, NULL);
	char **queues = palloc(sizeof(char *) * Max(n, 1));
	TimestampTz *at = palloc(sizeof(TimestampTz) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		queues[i] = errand_db_text(i, errand_db_column("queue"));
		at[i] = errand_db_int8(i, errand_db_column("at")); /* a time is one, too */
	}
	errand_oldest_set(queues, at, n);
}
