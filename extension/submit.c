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

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "email_check.h"
#include "events.h"
#include "funcapi.h"
#include "http_check.h"
#include "options.h"
#include "quota.h"
#include "shared.h"
#include "submit.h"
#include "submit_after.h"
#include "submit_row.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_submit);
PG_FUNCTION_INFO_V1(errand_submit_many);
PG_FUNCTION_INFO_V1(errand_email);
PG_FUNCTION_INFO_V1(errand_http);
PG_FUNCTION_INFO_V1(errand_http_get);
PG_FUNCTION_INFO_V1(errand_http_head);
PG_FUNCTION_INFO_V1(errand_http_delete);
PG_FUNCTION_INFO_V1(errand_http_post);
PG_FUNCTION_INFO_V1(errand_http_put);
PG_FUNCTION_INFO_V1(errand_http_patch);

/* Whose executor runs it; nobody's: the event loop does. */
static Oid
role_of(const ErrandTaskType *t)
{
	return strcmp(t->kind, "sql") == 0 ? GetUserId() : InvalidOid;
}

static void
arg_if(ErrandArgs *a, bool given, Datum value)
{
	if (given)
		errand_arg(a, value);
	else
		errand_arg_null(a);
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
	arg_if(a, p->has_run_at, TimestampTzGetDatum(p->run_at));
	errand_arg(a, Int16GetDatum(p->max_attempts));
	errand_arg(a, Int32GetDatum(p->timeout_ms));
	arg_if(a, p->has_backoff, Int16GetDatum(p->backoff));
	arg_if(a, p->base_ms >= 0, Int64GetDatum(p->base_ms));
	arg_if(a, p->factor > 0, Float4GetDatum(p->factor));
	arg_if(a, p->max_ms >= 0, Int64GetDatum(p->max_ms));
	arg_if(a, p->has_deadline, TimestampTzGetDatum(p->deadline));
}

static void
tail_args(ErrandArgs *a, const ErrandPolicy *p)
{
	arg_if(a, p->has_tags, p->tags);
	errand_arg(a, BoolGetDatum(p->at_most_once));
	errand_arg_text(a, p->notify);
	errand_arg_text(a, p->traceparent);
	errand_arg_pointer(a, p->on_success);
	errand_arg_pointer(a, p->on_failure);
	errand_after_args(a, p);
}

static void
announce(const ErrandTaskType *t, const ErrandPolicy *p, int64 id, TimestampTz now)
{
	ErrandEvent e = {0};
	e.kind = ERRAND_EVENT_TASK;
	e.id = id;
	e.owner = e.submitter = GetUserId();
	e.group = p->task_group;
	e.task_kind = t->kind[0];
	e.run = 1;
	e.to = errand_after_state(p, now);
	e.role = role_of(t);
	e.priority = p->priority;
	e.place = id;
	e.wait_us = e.run_us = -1;
	e.at = e.to == ERRAND_SCHEDULED ? p->run_at : now;
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

/* The arguments of _submit(). */
static void
row_args(ErrandArgs *a, const ErrandTaskType *t, const ErrandPolicy *p, Jsonb *payload,
		 TimestampTz now)
{
	common_args(a, t, p);
	errand_arg_text(a, p->key);
	tail_args(a, p);
	errand_arg_pointer(a, payload);
	errand_arg(a, TimestampTzGetDatum(now));
	errand_arg(a, ObjectIdGetDatum(role_of(t)));
}

static int64
submit_one(const ErrandTaskType *t, ErrandPolicy *p, Jsonb *payload, TimestampTz now)
{
	Datum item = PointerGetDatum(payload);
	ErrandPayloads one = {.items = &item, .n = 1};
	ErrandArgs a = {0};
	bool isnull;
	int64 id;

	errand_after_check(p);
	errand_room_check(p->queue, 1);
	row_args(&a, t, p, payload, now);
	if (!errand_submit_rows(&a, p, now, &one, &id))
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

int64
errand_submit_prepared(const ErrandTaskType *t, ErrandOptions *o, Jsonb *payload)
{
	TimestampTz now = GetCurrentTimestamp();
	ErrandPolicy p;

	resolve_policy(t, o, now, &p);
	return submit_one(t, &p, payload, now);
}

int64
errand_submit_options(const char *type, ErrandOptions *o)
{
	ErrandTaskType t;
	Jsonb *payload;

	errand_type_find(type, &t);
	payload = errand_payload_prepare(&t, o);
	return errand_submit_prepared(&t, o, payload);
}

char *
errand_required_task(const ErrandOptions *o)
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
	PG_RETURN_INT64(errand_submit_options(errand_required_task(&o), &o));
}

/* A task of a built-in type, from the function's own arguments. */
static Datum
submit_built_in(const char *type, const ErrandOptions *o, Jsonb *payload)
{
	ErrandTaskType t = {.name = type, .kind = type};
	TimestampTz now = GetCurrentTimestamp();
	ErrandPolicy p;

	errand_payload_kind(type)->check(payload, true);
	errand_policy_from_options(o, now, &p);
	return Int64GetDatum(submit_one(&t, &p, payload, now));
}

static Datum
submit_http(FunctionCallInfo fcinfo, const char *method)
{
	ErrandOptions o;

	errand_enter();
	errand_options_from_call(fcinfo, &o);
	return submit_built_in("http", &o, errand_http_payload(&o, method));
}

Datum
errand_email(PG_FUNCTION_ARGS)
{
	ErrandOptions o;

	errand_enter();
	errand_options_from_call(fcinfo, &o);
	return submit_built_in("email", &o, errand_email_payload(&o));
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

/* Each payload merged and checked. */
static void
payloads_prepare(const ErrandTaskType *t, const ErrandOptions *o, ErrandPayloads *payloads)
{
	MemoryContext ours = CurrentMemoryContext;
	MemoryContext scratch = errand_submit_scratch();
	bool *nulls;

	deconstruct_array(DatumGetArrayTypeP(o->value[OPT_PAYLOADS]), JSONBOID, -1, false, TYPALIGN_INT,
					  &payloads->items, &nulls, &payloads->n);
	for (int i = 0; i < payloads->n; i++)
	{
		ErrandOptions one;
		Jsonb *payload;

		memset(one.given, 0, sizeof(one.given));
		one.given[OPT_PAYLOAD] = !nulls[i];
		one.value[OPT_PAYLOAD] = payloads->items[i];
		MemoryContextSwitchTo(scratch);
		payload = errand_payload_prepare(t, &one);
		errand_payload_only(&one);
		MemoryContextSwitchTo(ours);
		payloads->items[i] = datumCopy(PointerGetDatum(payload), false, -1);
		MemoryContextReset(scratch);
	}
	MemoryContextDelete(scratch);
}

static int64 *
many_by_sql(const ErrandTaskType *t, const ErrandPolicy *p, const ErrandPayloads *payloads,
			TimestampTz now)
{
	ErrandArgs a = {0};
	ArrayType *ids;
	bool isnull;

	common_args(&a, t, p);
	tail_args(&a, p);
	errand_arg_pointer(&a, construct_array(payloads->items, payloads->n, JSONBOID, -1, false,
										   TYPALIGN_INT));
	errand_arg(&a, TimestampTzGetDatum(now));
	errand_arg(&a, ObjectIdGetDatum(role_of(t)));
	ids = DatumGetArrayTypeP(errand_call("_submit_many", &a, &isnull));
	return (int64 *) ARR_DATA_PTR(ids);
}

/* Tasks of one type with the same options; their ids. */
static int64 *
submit_alike(const ErrandTaskType *t, ErrandOptions *o, int *n)
{
	TimestampTz now = GetCurrentTimestamp();
	ErrandPayloads payloads;
	ErrandArgs a = {0};
	ErrandPolicy p;
	int64 *ids;

	payloads_prepare(t, o, &payloads);
	resolve_policy(t, o, now, &p);
	errand_after_check(&p);
	errand_room_check(p.queue, payloads.n);
	row_args(&a, t, &p, NULL, now);
	ids = palloc(sizeof(int64) * Max(payloads.n, 1));
	if (!errand_submit_rows(&a, &p, now, &payloads, ids))
		ids = many_by_sql(t, &p, &payloads, now);
	for (int i = 0; i < payloads.n; i++)
		announce(t, &p, ids[i], now);
	*n = payloads.n;
	return ids;
}

Datum
errand_submit_many(PG_FUNCTION_ARGS)
{
	ErrandOptions o;
	ErrandTaskType t;
	int64 *ids = NULL;
	int n = 0;

	errand_enter();
	errand_check_set_allowed(fcinfo);
	errand_options_from_call(fcinfo, &o);
	if (o.given[OPT_PAYLOADS])
	{
		errand_type_find(errand_required_task(&o), &t);
		ids = errand_type_has_key(&t) ? errand_submit_each(t.name, &o, &n) :
										submit_alike(&t, &o, &n);
	}
	errand_return_ids(fcinfo, ids, n);
	return (Datum) 0;
}
