/*
 * submit.c
 *		errand.submit(), submit_many(), http() and its kin: from named options
 *		to rows in task and ready, in the caller's transaction.
 *
 * Runs in every backend.  The owner of a task is the role in force at entry
 * (GetUserId): never the session's, never one the caller can name.  It must
 * not open a socket, look at the network or wait for a worker.
 */
#include "postgres.h"

#include "access/xact.h"
#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "events.h"
#include "funcapi.h"
#include "http_check.h"
#include "options.h"
#include "quota.h"
#include "shared.h"
#include "submit.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_submit);
PG_FUNCTION_INFO_V1(errand_submit_many);
PG_FUNCTION_INFO_V1(errand_submit_list);
PG_FUNCTION_INFO_V1(errand_http);
PG_FUNCTION_INFO_V1(errand_http_get);
PG_FUNCTION_INFO_V1(errand_http_head);
PG_FUNCTION_INFO_V1(errand_http_delete);
PG_FUNCTION_INFO_V1(errand_http_post);
PG_FUNCTION_INFO_V1(errand_http_put);
PG_FUNCTION_INFO_V1(errand_http_patch);

/* What the counters say of the queue, for max_depth. */
static int64
queue_depth(const char *queue)
{
	ErrandCounter *c;
	int64 depth = 0;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	c = errand_counter(MyDatabaseId, ERRAND_COUNT_QUEUE, queue);
	if (c != NULL)
		depth = c->ready + c->scheduled + c->waiting;
	LWLockRelease(errand_shared->event_lock);
	return depth;
}

/* A draining or full queue refuses, and a role that has submitted too much. */
static void
queue_check(const char *queue, int64 adding)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_quota_check(adding);
	if (!errand_queue_limits_exist())
		return;
	errand_arg_text(&a, queue);
	errand_arg(&a, Int64GetDatum(queue_depth(queue)));
	errand_arg(&a, Int64GetDatum(adding));
	(void) errand_call("_queue_check", &a, &isnull);
}

/* The arguments that _submit and _submit_many begin with. */
static void
common_args(ErrandArgs *a, const ErrandTaskType *t, const ErrandPolicy *p)
{
	errand_arg(a, ObjectIdGetDatum(GetUserId()));
	errand_arg_text(a, GetUserNameFromId(GetUserId(), false));
	errand_arg_text(a, t->name);
	errand_arg_text(a, t->kind);
	errand_arg_text(a, p->queue);
	errand_arg(a, Int16GetDatum(p->priority));
	if (p->has_run_at)
		errand_arg(a, TimestampTzGetDatum(p->run_at));
	else
		errand_arg_null(a);
	errand_arg(a, Int16GetDatum(p->max_attempts));
	errand_arg(a, Int32GetDatum(p->timeout_ms));
	if (p->has_backoff)
		errand_arg(a, Int16GetDatum(p->backoff));
	else
		errand_arg_null(a);
	if (p->base_ms >= 0)
		errand_arg(a, Int64GetDatum(p->base_ms));
	else
		errand_arg_null(a);
	if (p->factor > 0)
		errand_arg(a, Float4GetDatum(p->factor));
	else
		errand_arg_null(a);
	if (p->max_ms >= 0)
		errand_arg(a, Int64GetDatum(p->max_ms));
	else
		errand_arg_null(a);
	if (p->has_deadline)
		errand_arg(a, TimestampTzGetDatum(p->deadline));
	else
		errand_arg_null(a);
}

static void
tail_args(ErrandArgs *a, const ErrandPolicy *p)
{
	if (p->has_tags)
		errand_arg(a, p->tags);
	else
		errand_arg_null(a);
	errand_arg(a, BoolGetDatum(p->at_most_once));
	errand_arg_text(a, p->notify);
	errand_arg_text(a, p->traceparent);
}

static void
announce(const ErrandTaskType *t, const ErrandPolicy *p, int64 id, TimestampTz now)
{
	ErrandEvent e = {0};
	bool later = p->has_run_at && p->run_at > now;

	e.kind = ERRAND_EVENT_TASK;
	e.id = id;
	e.owner = GetUserId();
	e.run = 1;
	e.to = later ? ERRAND_SCHEDULED : ERRAND_READY;
	e.priority = p->priority;
	e.place = id;
	e.wait_us = e.run_us = -1;
	e.at = later ? p->run_at : now;
	e.queue = p->queue;
	e.task = t->name;
	e.channel = p->notify;
	errand_event_add(&e);
	if (p->has_deadline)
	{
		e.kind = ERRAND_EVENT_DUE;
		e.at = p->deadline;
		errand_event_add(&e);
	}
}

static int64
submit_one(const ErrandTaskType *t, const ErrandPolicy *p, Jsonb *payload, TimestampTz now)
{
	ErrandArgs a = {0};
	bool isnull;
	int64 id;

	queue_check(p->queue, 1);
	common_args(&a, t, p);
	errand_arg_text(&a, p->key);
	tail_args(&a, p);
	errand_arg_pointer(&a, payload);
	errand_arg(&a, TimestampTzGetDatum(now));
	id = DatumGetInt64(errand_call("_submit", &a, &isnull));
	if (id < 0)
		return -id; /* the key's earlier task */
	announce(t, p, id, now);
	return id;
}

static void
resolve_policy(const ErrandTaskType *t, ErrandOptions *o, TimestampTz now, ErrandPolicy *p)
{
	if (t->row != NULL)
		errand_options_from_json(t->row, o, false);
	errand_policy_from_options(o, now, p);
}

static int64
submit_options(const char *type, ErrandOptions *o)
{
	TimestampTz now = GetCurrentTimestamp();
	ErrandTaskType t;
	ErrandPolicy p;
	Jsonb *payload;

	errand_type_find(type, &t);
	payload = errand_payload_prepare(&t, o);
	resolve_policy(&t, o, now, &p);
	return submit_one(&t, &p, payload, now);
}

static char *
required_task(const ErrandOptions *o)
{
	if (!o->given[OPT_TASK])
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the task type must not be NULL"),
						errhint("Such as errand.submit('http', '{\"url\": ...}').")));
	return errand_option_text(o, OPT_TASK);
}

Datum
errand_submit(PG_FUNCTION_ARGS)
{
	ErrandOptions o;

	errand_enter();
	errand_options_from_call(fcinfo, &o);
	PG_RETURN_INT64(submit_options(required_task(&o), &o));
}

static Datum
submit_http(FunctionCallInfo fcinfo, const char *method)
{
	static const ErrandTaskType http = {.name = "http", .kind = "http"};
	TimestampTz now = GetCurrentTimestamp();
	ErrandOptions o;
	ErrandPolicy p;
	Jsonb *payload;

	errand_enter();
	errand_options_from_call(fcinfo, &o);
	payload = errand_http_payload(&o, method);
	errand_http_check(payload, true);
	errand_policy_from_options(&o, now, &p);
	return Int64GetDatum(submit_one(&http, &p, payload, now));
}

Datum
errand_http(PG_FUNCTION_ARGS)
{
	return submit_http(fcinfo, NULL);
}

Datum
errand_http_get(PG_FUNCTION_ARGS)
{
	return submit_http(fcinfo, "GET");
}

Datum
errand_http_head(PG_FUNCTION_ARGS)
{
	return submit_http(fcinfo, "HEAD");
}

Datum
errand_http_delete(PG_FUNCTION_ARGS)
{
	return submit_http(fcinfo, "DELETE");
}

Datum
errand_http_post(PG_FUNCTION_ARGS)
{
	return submit_http(fcinfo, "POST");
}

Datum
errand_http_put(PG_FUNCTION_ARGS)
{
	return submit_http(fcinfo, "PUT");
}

Datum
errand_http_patch(PG_FUNCTION_ARGS)
{
	return submit_http(fcinfo, "PATCH");
}

/* Returning sets of ids: into a tuplestore, since all are known at once. */
static void
return_ids(FunctionCallInfo fcinfo, const int64 *ids, int n)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	TupleDesc desc = CreateTemplateTupleDesc(1);
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);

	TupleDescInitEntry(desc, 1, "id", INT8OID, -1, 0);
	for (int i = 0; i < n; i++)
	{
		Datum value = Int64GetDatum(ids[i]);
		bool null = false;

		tuplestore_putvalues(store, desc, &value, &null);
	}
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = store;
	rsinfo->setDesc = desc;
	MemoryContextSwitchTo(old);
}

static void
check_set_allowed(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
}

/* Each payload merged and checked; the array that _submit_many gets. */
static Datum
payloads_prepare(const ErrandTaskType *t, const ErrandOptions *o, int *n)
{
	Datum *items;
	bool *nulls;

	deconstruct_array(DatumGetArrayTypeP(o->value[OPT_PAYLOADS]), JSONBOID, -1, false, TYPALIGN_INT,
					  &items, &nulls, n);
	for (int i = 0; i < *n; i++)
	{
		ErrandOptions one;

		memset(one.given, 0, sizeof(one.given));
		one.given[OPT_PAYLOAD] = !nulls[i];
		one.value[OPT_PAYLOAD] = items[i];
		items[i] = PointerGetDatum(errand_payload_prepare(t, &one));
		errand_payload_only(&one);
	}
	return PointerGetDatum(construct_array(items, *n, JSONBOID, -1, false, TYPALIGN_INT));
}

Datum
errand_submit_many(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTimestamp();
	ErrandOptions o;
	ErrandArgs a = {0};
	ErrandTaskType t;
	ErrandPolicy p;
	ArrayType *result;
	int64 *ids;
	int n;
	bool isnull;
	Datum payloads;

	errand_enter();
	check_set_allowed(fcinfo);
	errand_options_from_call(fcinfo, &o);
	if (!o.given[OPT_PAYLOADS])
	{
		return_ids(fcinfo, NULL, 0);
		return (Datum) 0;
	}
	errand_type_find(required_task(&o), &t);
	payloads = payloads_prepare(&t, &o, &n);
	resolve_policy(&t, &o, now, &p);
	queue_check(p.queue, n);
	common_args(&a, &t, &p);
	tail_args(&a, &p);
	errand_arg(&a, payloads);
	errand_arg(&a, TimestampTzGetDatum(now));
	result = DatumGetArrayTypeP(errand_call("_submit_many", &a, &isnull));
	ids = (int64 *) ARR_DATA_PTR(result);
	for (int i = 0; i < n; i++)
		announce(&t, &p, ids[i], now);
	return_ids(fcinfo, ids, n);
	return (Datum) 0;
}

Datum
errand_submit_list(PG_FUNCTION_ARGS)
{
	Jsonb *list = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	int64 *ids;
	int n;

	errand_enter();
	check_set_allowed(fcinfo);
	if (list == NULL || !JB_ROOT_IS_ARRAY(list) || JB_ROOT_IS_SCALAR(list))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the tasks must be a JSON array of objects"),
						errhint("Such as [{\"task\": \"http\", \"payload\": {\"url\": ...}}].")));
	n = JB_ROOT_COUNT(list);
	ids = palloc(sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(&list->root, i);
		ErrandOptions o;

		memset(o.given, 0, sizeof(o.given));
		if (item->type != jbvBinary || !JsonContainerIsObject(item->val.binary.data))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("task %d of the list is not an object", i + 1),
							errhint("Such as {\"task\": \"http\", \"payload\": {\"url\": ...}}.")));
		errand_options_from_json(JsonbValueToJsonb(item), &o, true);
		errand_item_check(&o, i + 1);
		if (!o.given[OPT_PAYLOAD])
		{
			o.given[OPT_PAYLOAD] = true;
			o.value[OPT_PAYLOAD] = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
		}
		ids[i] = submit_options(required_task(&o), &o);
	}
	return_ids(fcinfo, ids, n);
	return (Datum) 0;
}
