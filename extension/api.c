/*
 * api.c
 *		version(), health(), worker_restart() and the numbers behind the views.
 *
 * Runs in every backend.  Numbers come from shared memory: nothing here counts
 * rows.
 */
#include "postgres.h"

#include <signal.h>
#include <unistd.h>

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "events.h"
#include "funcapi.h"
#include "hooks.h"
#include "settings.h"
#include "shared.h"
#include "usage.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "wait_look.h"

PG_FUNCTION_INFO_V1(errand_version);
PG_FUNCTION_INFO_V1(errand_health);
PG_FUNCTION_INFO_V1(errand_poke);
PG_FUNCTION_INFO_V1(errand_worker_restart);
PG_FUNCTION_INFO_V1(errand_counters_srf);
PG_FUNCTION_INFO_V1(errand_workers_srf);
PG_FUNCTION_INFO_V1(errand_hosts_srf);

Datum
errand_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ERRAND_VERSION));
}

Datum
errand_poke(PG_FUNCTION_ARGS)
{
	if (!IsBinaryUpgrade)
	{
		errand_shared_require();
		errand_poke_at_commit();
	}
	PG_RETURN_VOID();
}

Datum
errand_worker_restart(PG_FUNCTION_ARGS)
{
	int n = 0;

	errand_enter();
	errand_require("admin");
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind != ERRAND_PROCESS_WORKER || s->database != MyDatabaseId || s->pid == 0)
			continue;
		s->leaving = true;
		s->leader = false;
		n += kill(s->pid, SIGTERM) == 0;
	}
	LWLockRelease(errand_shared->slot_lock);
	PG_RETURN_BOOL(n > 0);
}

static void
health_check(StringInfo s, const char *name, const char *status, const char *output)
{
	if (s->data[s->len - 1] != '{')
		appendStringInfoChar(s, ',');
	appendStringInfo(s, "\"%s\": {\"status\": \"%s\"", name, status);
	if (output != NULL)
	{
		appendStringInfoString(s, ", \"output\": ");
		escape_json(s, output);
	}
	appendStringInfoChar(s, '}');
}

/* What is wrong with the relay that is to run here; NULL: nothing, or there is to be none. */
static const char *
relay_problem(ErrandDatabase *d)
{
	bool wanted;
	bool runs = false;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	wanted = d != NULL && d->relay_port != 0;
	for (int i = 0; i < ERRAND_MAX_SLOTS && !runs; i++)
	{
		const ErrandSlot *s = &errand_shared->slots[i];

		runs = s->kind == ERRAND_PROCESS_RELAY && s->database == MyDatabaseId && s->pid != 0;
	}
	LWLockRelease(errand_shared->slot_lock);
	if (!wanted)
		return NULL;
	if (!runs)
		return "the relay does not run: its port may be taken, look into the server's log";
	if (pg_atomic_read_u32(&d->relay.notify_state) == ERRAND_NOTIFY_DOWN)
		return "errand.relay_channels are not heard: look into the server's log";
	return NULL;
}

Datum
errand_health(PG_FUNCTION_ARGS)
{
	StringInfoData checks;
	StringInfoData all;
	ErrandDatabase *d;
	const char *status = "pass";
	const char *relay;
	bool paused;
	uint64 lost;

	errand_shared_require();
	d = errand_database_mine();
	paused = d != NULL && pg_atomic_read_u32(&d->paused) != 0;
	initStringInfo(&checks);
	appendStringInfoChar(&checks, '{');
	health_check(&checks, "launcher", errand_shared->launcher_procno >= 0 ? "pass" : "fail",
				 errand_shared->launcher_procno >= 0 ? NULL : "the launcher does not run");
	if (errand_leader_pid(MyDatabaseId) != 0)
		health_check(&checks, "worker", "pass", NULL);
	else
	{
		status = "fail";
		health_check(
			&checks, "worker", "fail",
			"no worker runs here: raise max_worker_processes, or look into the server's log");
	}
	health_check(&checks, "paused", paused ? "warn" : "pass",
				 paused ? "nothing is claimed until errand.resume_all()" : NULL);
	/* No fault of anybody: the fence did what it is for. */
	lost = d != NULL ? pg_atomic_read_u64(&d->lost_settles) : 0;
	health_check(&checks, "fence", "pass",
				 lost > 0 ?
					 psprintf(UINT64_FORMAT " late results were dropped since the server started",
							  lost) :
					 NULL);
	relay = relay_problem(d);
	health_check(&checks, "relay", relay != NULL ? "warn" : "pass", relay);
	if ((paused || relay != NULL) && strcmp(status, "pass") == 0)
		status = "warn";
	if (errand_shared->launcher_procno < 0)
		status = "fail";
	initStringInfo(&all);
	appendStringInfo(&all, "{\"status\": \"%s\", \"version\": \"%s\", \"checks\": %s}}", status,
					 ERRAND_VERSION, checks.data);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(all.data)));
}

static void
put_quantile(Datum *value, bool *null, const ErrandHistogram *h, double q)
{
	double ms = errand_histogram_quantile_ms(h, q);

	*null = ms < 0;
	*value = Float8GetDatum(ms);
}

static Datum
count_datum(int64 n)
{
	return Int64GetDatum(Max(n, 0));
}

static void
counter_row(ReturnSetInfo *rsinfo, const ErrandCounter *c)
{
	Datum v[20];
	bool n[20] = {false};
	Datum retaken[ERRAND_FINALS];

	v[0] = CStringGetTextDatum(c->key.name);
	v[1] = count_datum(c->ready);
	v[2] = count_datum(c->scheduled);
	v[3] = count_datum(c->waiting);
	v[4] = count_datum(c->running);
	v[5] = count_datum(c->succeeded);
	v[6] = count_datum(c->failed);
	v[7] = count_datum(c->cancelled);
	v[8] = count_datum(c->retried);
	v[9] = count_datum(c->attempts);
	put_quantile(&v[10], &n[10], &c->wait, 0.5);
	put_quantile(&v[11], &n[11], &c->wait, 0.95);
	put_quantile(&v[12], &n[12], &c->wait, 0.99);
	put_quantile(&v[13], &n[13], &c->run, 0.5);
	put_quantile(&v[14], &n[14], &c->run, 0.95);
	put_quantile(&v[15], &n[15], &c->run, 0.99);
	v[16] = count_datum(c->submitted);
	v[17] = count_datum(c->retrying);
	v[18] = count_datum(c->unknown);
	for (int i = 0; i < ERRAND_FINALS; i++)
		retaken[i] = count_datum(c->retaken[i]);
	v[19] = PointerGetDatum(
		construct_array(retaken, ERRAND_FINALS, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
}

static void
host_row(ReturnSetInfo *rsinfo, const ErrandCounter *c)
{
	Datum v[6];
	bool n[6] = {false};

	v[0] = CStringGetTextDatum(c->key.name);
	v[1] = count_datum(c->running);
	v[2] = count_datum(c->attempts);
	v[3] = count_datum(c->failed);
	put_quantile(&v[4], &n[4], &c->run, 0.5);
	put_quantile(&v[5], &n[5], &c->run, 0.95);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
}

/* A copy of this database's counters of a kind: rows are made without the lock. */
static ErrandCounter *
copy_counters(int kind, int *n)
{
	ErrandCounter *copy = NULL;
	int room = 0;
	int need = 64;

	do
	{
		HASH_SEQ_STATUS scan;
		ErrandCounter *c;

		room = need;
		copy = copy ? repalloc_huge(copy, sizeof(ErrandCounter) * room) :
					  palloc_extended(sizeof(ErrandCounter) * room, MCXT_ALLOC_HUGE);
		*n = need = 0;
		LWLockAcquire(errand_shared->event_lock, LW_SHARED);
		hash_seq_init(&scan, errand_counters);
		while ((c = hash_seq_search(&scan)) != NULL)
		{
			if (c->key.database != MyDatabaseId || c->key.kind != kind)
				continue;
			if (need++ < room)
				copy[(*n)++] = *c;
		}
		LWLockRelease(errand_shared->event_lock);
	} while (need > room);
	return copy;
}

/* The names that any role may know of: queues and types that were defined. */
static Datum *
defined_names(char kind, int *n)
{
	ErrandArgs a = {0};
	bool isnull;
	bool *nulls;
	Datum *names;

	errand_arg(&a, CharGetDatum(kind));
	deconstruct_array(DatumGetArrayTypeP(errand_call("_defined_names", &a, &isnull)), TEXTOID, -1,
					  false, TYPALIGN_INT, &names, &nulls, n);
	return names;
}

static bool
is_defined(const char *name, const Datum *names, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(TextDatumGetCString(names[i]), name) == 0)
			return true;
	}
	return false;
}

/*
 * Behind the views, and called with the rights of who looks at them: whoever
 * does not see the tasks of others gets no names that only others use.
 */
Datum
errand_counters_srf(PG_FUNCTION_ARGS)
{
	int n;
	int n_names = 0;
	ErrandCounter *c;
	Datum *names = NULL;
	bool all;

	errand_shared_require();
	errand_init_materialized(fcinfo);
	all = errand_may("monitor");
	if (!all)
		names = defined_names(PG_GETARG_CHAR(0), &n_names);
	c = copy_counters(PG_GETARG_CHAR(0), &n);
	for (int i = 0; i < n; i++)
	{
		if (all || is_defined(c[i].key.name, names, n_names))
			counter_row((ReturnSetInfo *) fcinfo->resultinfo, &c[i]);
	}
	return (Datum) 0;
}

Datum
errand_hosts_srf(PG_FUNCTION_ARGS)
{
	int n;
	ErrandCounter *c;

	errand_shared_require();
	errand_init_materialized(fcinfo);
	if (!errand_may("monitor"))
		return (Datum) 0;
	c = copy_counters(ERRAND_COUNT_HOST, &n);
	for (int i = 0; i < n; i++)
		host_row((ReturnSetInfo *) fcinfo->resultinfo, &c[i]);
	return (Datum) 0;
}

static const char *
process_kind_name(ErrandKindOfProcess kind)
{
	switch (kind)
	{
		case ERRAND_PROCESS_WORKER:
			return "worker";
		case ERRAND_PROCESS_EXECUTOR:
			return "executor";
		case ERRAND_PROCESS_RELAY:
			return "relay";
		case ERRAND_PROCESS_STREAM:
			return "stream";
		case ERRAND_PROCESS_PROBE:
			return "probe";
		case ERRAND_PROCESS_NONE:
			break;
	}
	return "none";
}

static void
worker_row(ReturnSetInfo *rsinfo, const ErrandSlot *s)
{
	Datum v[15];
	bool n[15] = {false};
	char *role = OidIsValid(s->role) ? GetUserNameFromId(s->role, true) : NULL;
	double cpu;
	int64 rss;

	errand_process_usage(s->pid, &cpu, &rss);
	v[0] = Int32GetDatum(s->pid);
	v[1] = CStringGetTextDatum(process_kind_name(s->kind));
	v[2] = CStringGetTextDatum(s->busy ? "busy" : "idle");
	v[3] = BoolGetDatum(s->leader);
	v[4] = Int32GetDatum(s->running);
	v[5] = Int32GetDatum(s->queued);
	v[6] = Int64GetDatum(s->claimed);
	v[7] = Int64GetDatum(s->settled);
	v[8] = Int64GetDatum(s->succeeded);
	v[9] = Int64GetDatum(s->failed);
	v[10] = Float8GetDatum(cpu);
	n[10] = cpu < 0;
	v[11] = Int64GetDatum(rss);
	n[11] = rss < 0;
	v[12] = TimestampTzGetDatum(s->started_at);
	v[13] = TimestampTzGetDatum(s->last_seen);
	n[14] = role == NULL;
	if (role != NULL)
		v[14] = DirectFunctionCall1(namein, CStringGetDatum(role));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
}

Datum
errand_workers_srf(PG_FUNCTION_ARGS)
{
	ErrandSlot *copy = palloc(sizeof(errand_shared->slots));

	errand_shared_require();
	errand_init_materialized(fcinfo);
	if (!errand_may("monitor"))
		return (Datum) 0;
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	memcpy(copy, errand_shared->slots, sizeof(errand_shared->slots));
	LWLockRelease(errand_shared->slot_lock);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		if (copy[i].kind != ERRAND_PROCESS_NONE && copy[i].database == MyDatabaseId &&
			copy[i].pid != 0)
			worker_row((ReturnSetInfo *) fcinfo->resultinfo, &copy[i]);
	}
	return (Datum) 0;
}
