/*
 * metrics.c
 *		errand.metrics(): what Prometheus scrapes.
 *
 * Runs in every backend and in the relay, in a transaction.  All but what tells
 * of sources comes from shared memory, and is copied before it is written; no
 * table that grows with the work done is read.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "contract.h"
#include "deltas.h"
#include "metrics.h"
#include "metrics_write.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "wait_look.h"

PG_FUNCTION_INFO_V1(errand_metrics);

#define QUEUES_SHOWN 256
#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *
kind_name(int letter)
{
	return letter == 'h' ? "http" : letter == 's' ? "sql" : letter == 'e' ? "email" : "other";
}

static const char *const outcome_names[] = {"succeeded", "failed", "cancelled", "timed_out"};

static void
put_outcomes(ErrandMetrics *w, const ErrandMeter *m, int n, bool attempts)
{
	for (int i = 0; i < n; i++)
	{
		const uint64 *count = attempts ? m[i].attempts : m[i].finished;

		for (int o = 0; o < ERRAND_METER_OUTCOMES; o++)
			errand_metric_sample(w,
								 LABELS("queue", m[i].key.name, "kind", kind_name(m[i].key.kind),
										"outcome", outcome_names[o]),
								 count[o]);
	}
}

static void
put_meters(ErrandMetrics *w, const ErrandMeter *m, int n)
{
	errand_metric_family(w, "errand_tasks_submitted", "counter", "Tasks submitted.");
	for (int i = 0; i < n; i++)
		errand_metric_sample(w, LABELS("queue", m[i].key.name, "kind", kind_name(m[i].key.kind)),
							 m[i].submitted);
	errand_metric_family(w, "errand_tasks_finished", "counter",
						 "Tasks that reached a final state.");
	put_outcomes(w, m, n, false);
	errand_metric_family(w, "errand_task_attempts", "counter", "Attempts that ended.");
	put_outcomes(w, m, n, true);
	errand_metric_family(w, "errand_task_retries", "counter",
						 "Attempts that failed and are tried again.");
	for (int i = 0; i < n; i++)
		errand_metric_sample(w, LABELS("queue", m[i].key.name, "kind", kind_name(m[i].key.kind)),
							 m[i].retried);
	errand_metric_family(w, "errand_task_wait_seconds", "histogram",
						 "Time from being ready to the first start.");
	for (int i = 0; i < n; i++)
		errand_metric_histogram(w, LABELS("queue", m[i].key.name, "kind", kind_name(m[i].key.kind)),
								&m[i].wait, ERRAND_BUCKETS);
	errand_metric_family(w, "errand_task_run_seconds", "histogram", "Time that an attempt ran.");
	for (int i = 0; i < n; i++)
	{
		for (int o = 0; o < ERRAND_METER_OUTCOMES; o++)
		{
			if (!errand_buckets_empty(&m[i].run[o]))
				errand_metric_histogram(w,
										LABELS("queue", m[i].key.name, "kind",
											   kind_name(m[i].key.kind), "outcome",
											   outcome_names[o]),
										&m[i].run[o], ERRAND_BUCKETS_RUN);
		}
	}
}

static void
put_requests(ErrandMetrics *w)
{
	static const char *const classes[ERRAND_STATUS_CLASSES] = {"error", "1xx", "2xx",
															   "3xx",	"4xx", "5xx"};
	ErrandHttpMeter *h = palloc(sizeof(ErrandHttpMeter));

	errand_metric_family(w, "errand_http_client_request_duration_seconds", "histogram",
						 "HTTP requests of tasks.");
	if (!errand_http_meter_copy(h))
		return;
	for (int m = 0; m < ERRAND_METHODS; m++)
	{
		for (int c = 0; c < ERRAND_STATUS_CLASSES; c++)
		{
			if (!errand_buckets_empty(&h->n[m][c]))
				errand_metric_histogram(w,
										LABELS("method", errand_method_name(m), "status_class",
											   classes[c]),
										&h->n[m][c], ERRAND_BUCKETS_RUN);
		}
	}
}

/* What is shown of a queue now; those beyond the limit are put together. */
typedef struct QueueNow
{
	char name[ERRAND_NAME_BYTES];
	int64 state[5];
	TimestampTz oldest_at;
	bool paused;
} QueueNow;

static const char *const live_names[5] = {"waiting", "scheduled", "ready", "running", "retrying"};

static void
queue_add(QueueNow *q, const ErrandCounter *c)
{
	q->state[0] += Max(0, c->waiting);
	q->state[1] += Max(0, c->scheduled - c->retrying);
	q->state[2] += Max(0, c->ready);
	q->state[3] += Max(0, c->running);
	q->state[4] += Max(0, c->retrying);
	if (c->ready > 0 && c->oldest_at != 0 && (q->oldest_at == 0 || c->oldest_at < q->oldest_at))
		q->oldest_at = c->oldest_at;
	q->paused |= c->paused;
}

static QueueNow *
queues_now(int *n)
{
	QueueNow *q = palloc0(sizeof(QueueNow) * (QUEUES_SHOWN + 1));
	HASH_SEQ_STATUS scan;
	ErrandCounter *c;

	*n = 0;
	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	hash_seq_init(&scan, errand_counters);
	while ((c = hash_seq_search(&scan)) != NULL)
	{
		QueueNow *to = &q[Min(*n, QUEUES_SHOWN)];

		if (c->key.database != MyDatabaseId || c->key.kind != ERRAND_COUNT_QUEUE)
			continue;
		queue_add(to, c);
		strlcpy(to->name, *n < QUEUES_SHOWN ? c->key.name : "other", sizeof(to->name));
		(*n)++;
	}
	LWLockRelease(errand_shared->event_lock);
	*n = Min(*n, QUEUES_SHOWN + 1);
	return q;
}

static void
put_queues(ErrandMetrics *w)
{
	int n;
	QueueNow *q = queues_now(&n);
	TimestampTz now = GetCurrentTimestamp();

	errand_metric_family(w, "errand_tasks", "gauge", "Tasks that are not final, by state.");
	for (int i = 0; i < n; i++)
	{
		for (int s = 0; s < 5; s++)
			errand_metric_sample(w, LABELS("queue", q[i].name, "state", live_names[s]),
								 q[i].state[s]);
	}
	errand_metric_family(w, "errand_queue_oldest_ready_age_seconds", "gauge",
						 "How long the oldest ready task has waited; 0: none is ready.");
	for (int i = 0; i < n; i++)
		errand_metric_sample(w, LABELS("queue", q[i].name),
							 q[i].oldest_at == 0 ? 0 : Max(0, now - q[i].oldest_at) / 1e6);
	errand_metric_family(w, "errand_queue_paused", "gauge", "Whether the queue is paused.");
	for (int i = 0; i < n; i++)
		errand_metric_sample(w, LABELS("queue", q[i].name), q[i].paused);
}

static void
put_workers(ErrandMetrics *w, const ErrandDatabase *d)
{
	int busy = 0;
	int idle = 0;
	int executors = 0;
	bool leader = false;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		const ErrandSlot *s = &errand_shared->slots[i];

		if (s->database != MyDatabaseId || s->pid == 0)
			continue;
		busy += s->kind == ERRAND_PROCESS_WORKER && s->busy;
		idle += s->kind == ERRAND_PROCESS_WORKER && !s->busy;
		executors += s->kind == ERRAND_PROCESS_EXECUTOR;
		leader |= s->leader;
	}
	LWLockRelease(errand_shared->slot_lock);
	errand_metric_family(w, "errand_up", "gauge", "Whether a worker runs in this database.");
	errand_metric_sample(w, NULL, busy + idle > 0);
	errand_metric_family(w, "errand_leader", "gauge", "Whether a worker leads.");
	errand_metric_sample(w, NULL, leader);
	errand_metric_family(w, "errand_paused", "gauge", "Whether everything is paused.");
	errand_metric_sample(w, NULL,
						 d != NULL && pg_atomic_read_u32((pg_atomic_uint32 *) &d->paused) != 0);
	errand_metric_family(w, "errand_workers", "gauge", "Workers, by what they do.");
	errand_metric_sample(w, LABELS("state", "busy"), busy);
	errand_metric_sample(w, LABELS("state", "idle"), idle);
	errand_metric_family(w, "errand_executors", "gauge", "Processes that run SQL tasks.");
	errand_metric_sample(w, NULL, executors);
}

static void
put_engine(ErrandMetrics *w, ErrandDatabase *d)
{
	errand_metric_family(w, "errand_worker_restarts", "counter",
						 "Workers that were started again.");
	errand_metric_sample(w, NULL,
						 d != NULL ? Max(0, (int64) pg_atomic_read_u64(&d->worker_starts) -
												errand_workers) :
									 0);
	errand_metric_family(w, "errand_lost_settles", "counter",
						 "Results that were dropped, since their lease had been taken away.");
	errand_metric_sample(w, NULL, d != NULL ? pg_atomic_read_u64(&d->lost_settles) : 0);
	errand_metric_family(w, "errand_rate_limited", "counter",
						 "Tasks that had to wait for a limit, by whose it is.");
	errand_metric_sample(w, LABELS("limit", "task"),
						 d != NULL ? pg_atomic_read_u64(&d->limited_by_type) : 0);
	errand_metric_sample(w, LABELS("limit", "host"),
						 d != NULL ? pg_atomic_read_u64(&d->limited_by_host) : 0);
}

static void
put_sources(ErrandMetrics *w)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_arg(&a, BoolGetDatum(w->openmetrics));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	appendStringInfoString(&w->s, TextDatumGetCString(errand_call("_source_metrics", &a, &isnull)));
}

static void
put_relay(ErrandMetrics *w, ErrandRelayStats *r)
{
	static const char *const codes[ERRAND_CODE_CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};

	errand_metric_family(w, "errand_ws_clients", "gauge", "Clients connected to the relay.");
	errand_metric_sample(w, NULL, pg_atomic_read_u32(&r->clients));
	errand_metric_family(w, "errand_ws_messages", "counter", "WebSocket messages.");
	errand_metric_sample(w, LABELS("dir", "in"), pg_atomic_read_u64(&r->ws_messages_in));
	errand_metric_sample(w, LABELS("dir", "out"), pg_atomic_read_u64(&r->ws_messages_out));
	errand_metric_family(w, "errand_ws_dropped", "counter", "Clients that were closed or refused.");
	errand_metric_sample(w, LABELS("reason", "slow"), pg_atomic_read_u64(&r->ws_dropped_slow));
	errand_metric_sample(w, LABELS("reason", "limit"), pg_atomic_read_u64(&r->refused));
	errand_metric_family(w, "errand_notifications", "counter",
						 "Notifications of the user's channels that the relay heard.");
	errand_metric_sample(w, LABELS("channel", "relayed", "outcome", "heard"),
						 pg_atomic_read_u64(&r->notify_in));
	errand_metric_family(w, "errand_relay_notify_up", "gauge",
						 "Whether the relay's NOTIFY connection is there; 0: down, or off.");
	errand_metric_sample(w, NULL, pg_atomic_read_u32(&r->notify_state) == ERRAND_NOTIFY_UP);
	errand_metric_family(w, "errand_http_server_requests", "counter", "Requests to the relay.");
	for (int i = 0; i < ERRAND_ROUTES; i++)
	{
		for (int c = 0; c < ERRAND_CODE_CLASSES; c++)
		{
			uint64 n = pg_atomic_read_u64(&r->http_requests[i][c]);

			if (n > 0)
				errand_metric_sample(w, LABELS("route", errand_route_name(i), "code", codes[c]), n);
		}
	}
}

char *
errand_metrics_text(bool openmetrics)
{
	ErrandMetrics w = {.openmetrics = openmetrics};
	ErrandDatabase *d = errand_database_mine();
	ErrandMeter *m;
	int n;

	initStringInfo(&w.s);
	errand_metric_family(&w, "errand_build_info", "gauge",
						 "Versions of pg_errand and of the server.");
	errand_metric_sample(&w,
						 LABELS("version", ERRAND_VERSION, "pg_version",
								GetConfigOption("server_version", false, false)),
						 1);
	put_workers(&w, d);
	put_queues(&w);
	m = errand_meters_copy(&n);
	put_meters(&w, m, n);
	pfree(m);
	put_requests(&w);
	put_engine(&w, d);
	put_sources(&w);
	if (d != NULL)
		put_relay(&w, &d->relay);
	if (openmetrics)
		appendStringInfoString(&w.s, "# EOF\n");
	return w.s.data;
}

Datum
errand_metrics(PG_FUNCTION_ARGS)
{
	errand_shared_require();
	errand_require("monitor");
	PG_RETURN_TEXT_P(cstring_to_text(errand_metrics_text(!PG_ARGISNULL(0) && PG_GETARG_BOOL(0))));
}
