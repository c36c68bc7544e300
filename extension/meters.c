/*
 * meters.c
 *		Counters and histograms as Prometheus wants them, in shared memory.
 *
 * Runs in every process, in commit callbacks: it must never fail, allocate or
 * wait.
 */
#include "postgres.h"

#include "compat.h"
#include "metrics.h"
#include "settings.h"
#include "storage/shmem.h"

#define METERS 512
#define OTHER "other"

static HTAB *meters = NULL;	  /* ErrandMeter by ErrandCounterKey */
static HTAB *requests = NULL; /* ErrandHttpMeter by database */

/* Upper bounds in microseconds. */
static const int64 bounds[ERRAND_BUCKETS] = {5000,	   10000,	  25000,	  50000,	 75000,
											 100000,   250000,	  500000,	  750000,	 1000000,
											 2500000,  5000000,	  7500000,	  10000000,	 30000000,
											 60000000, 300000000, 1800000000, 3600000000};

static const char *const methods[ERRAND_METHODS] = {"GET",	  "POST", "PUT",	 "PATCH",
													"DELETE", "HEAD", "OPTIONS", OTHER};

Size
errand_meters_bytes(void)
{
	Size n = hash_estimate_size(METERS + errand_max_databases, sizeof(ErrandMeter));

	return add_size(n, hash_estimate_size(errand_max_databases, sizeof(ErrandHttpMeter)));
}

void
errand_meters_startup(void)
{
	HASHCTL info = {0};

	info.keysize = sizeof(ErrandCounterKey);
	info.entrysize = sizeof(ErrandMeter);
	meters = ShmemInitHash("pg_errand meters", METERS + errand_max_databases,
						   METERS + errand_max_databases, &info,
						   HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
	info.keysize = sizeof(Oid);
	info.entrysize = sizeof(ErrandHttpMeter);
	requests = ShmemInitHash("pg_errand requests", errand_max_databases, errand_max_databases,
							 &info, HASH_ELEM | HASH_BLOBS | HASH_FIXED_SIZE);
}

double
errand_bucket_bound_s(int bucket)
{
	return bounds[bucket] / 1e6;
}

const char *
errand_method_name(int method)
{
	return methods[method];
}

int
errand_method_number(const char *name, int len)
{
	for (int i = 0; i < ERRAND_METHODS - 1; i++)
	{
		if ((int) strlen(methods[i]) == len && pg_strncasecmp(methods[i], name, len) == 0)
			return i;
	}
	return ERRAND_METHODS - 1;
}

static void
buckets_add(ErrandBuckets *b, int64 us)
{
	int low = 0;
	int high = ERRAND_BUCKETS;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (us <= bounds[middle])
			high = middle;
		else
			low = middle + 1;
	}
	b->n[low]++;
	b->sum_us += Max(0, us);
}

static ErrandMeter *
meter_enter(Oid database, char kind, const char *queue)
{
	ErrandCounterKey key;
	ErrandMeter *m;
	bool found;

	memset(&key, 0, sizeof(key));
	key.database = database;
	key.kind = kind;
	strlcpy(key.name, queue, sizeof(key.name));
	m = hash_search(meters, &key, HASH_FIND, NULL);
	if (m != NULL)
		return m;
	if (hash_get_num_entries(meters) >= METERS && kind != 'o')
		return NULL;
	m = hash_search(meters, &key, HASH_ENTER_NULL, &found);
	if (m != NULL && !found)
		memset((char *) m + sizeof(ErrandCounterKey), 0,
			   sizeof(ErrandMeter) - sizeof(ErrandCounterKey));
	return m;
}

/* A batch is mostly of one queue and kind: the last two are kept; entries stay for ever. */
static ErrandMeter *
meter_of(Oid database, char kind, const char *queue)
{
	static ErrandMeter *recent[2];
	static int next = 0;
	ErrandMeter *m;

	for (int i = 0; i < (int) lengthof(recent); i++)
	{
		m = recent[i];
		if (m != NULL && m->key.kind == kind && m->key.database == database &&
			strcmp(m->key.name, queue) == 0)
			return m;
	}
	m = meter_enter(database, kind, queue);
	if (m == NULL)
		return meter_enter(database, 'o', OTHER);
	recent[next++ % lengthof(recent)] = m;
	return m;
}

static ErrandMeterOutcome
outcome_of(const ErrandEvent *e)
{
	if (e->to == ERRAND_SUCCEEDED)
		return ERRAND_METER_SUCCEEDED;
	if (e->to == ERRAND_CANCELLED)
		return ERRAND_METER_CANCELLED;
	return e->timed_out ? ERRAND_METER_TIMED_OUT : ERRAND_METER_FAILED;
}

void
errand_meter_apply(const ErrandEvent *e)
{
	bool final = errand_state_is_final(e->to);
	bool ran = e->from == ERRAND_RUNNING && (final || e->to == ERRAND_RETRYING);
	ErrandMeter *m;

	if (e->queue == NULL || !(e->from == ERRAND_NONE || final || ran))
		return;
	m = meter_of(e->database, e->task_kind, e->queue);
	if (m == NULL)
		return;
	m->submitted += e->from == ERRAND_NONE;
	m->retried += e->to == ERRAND_RETRYING;
	if (final)
		m->finished[outcome_of(e)]++;
	if (!ran)
		return;
	m->attempts[outcome_of(e)]++;
	if (e->wait_us >= 0)
		buckets_add(&m->wait, e->wait_us);
	if (e->run_us >= 0)
		buckets_add(&m->run[outcome_of(e)], e->run_us);
}

void
errand_meter_http(int method, int status, int64 us)
{
	ErrandHttpMeter *h;
	bool found;
	int class = status >= 100 && status <= 599 ? status / 100 : 0;

	h = hash_search(requests, &MyDatabaseId, HASH_ENTER_NULL, &found);
	if (h == NULL)
		return;
	if (!found)
		memset(h->n, 0, sizeof(h->n));
	buckets_add(&h->n[method][class], us);
}

ErrandMeter *
errand_meters_copy(int *n)
{
	ErrandMeter *copy = palloc_extended(sizeof(ErrandMeter) * (METERS + 1), MCXT_ALLOC_HUGE);
	HASH_SEQ_STATUS scan;
	ErrandMeter *m;

	*n = 0;
	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	hash_seq_init(&scan, meters);
	while ((m = hash_seq_search(&scan)) != NULL)
	{
		if (m->key.database == MyDatabaseId && *n <= METERS)
			copy[(*n)++] = *m;
	}
	LWLockRelease(errand_shared->event_lock);
	return copy;
}

bool
errand_http_meter_copy(ErrandHttpMeter *out)
{
	ErrandHttpMeter *h;

	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	h = hash_search(requests, &MyDatabaseId, HASH_FIND, NULL);
	if (h != NULL)
		*out = *h;
	LWLockRelease(errand_shared->event_lock);
	return h != NULL;
}

bool
errand_buckets_empty(const ErrandBuckets *b)
{
	for (int i = 0; i <= ERRAND_BUCKETS; i++)
	{
		if (b->n[i] != 0)
			return false;
	}
	return true;
}
