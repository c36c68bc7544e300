/*
 * sources.c
 *		errand.define_source() and its kin, and what SQL announces of sources.
 *
 * Runs in every backend, in the caller's transaction; the announcing functions
 * also in our processes.  A source belongs to the role that defined it: all of
 * its work is done with that role's rights.  Nothing here touches the network.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "events.h"
#include "funcapi.h"
#include "http_check.h"
#include "options.h"
#include "shared.h"
#include "submit.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_define_source);
PG_FUNCTION_INFO_V1(errand_start_source);
PG_FUNCTION_INFO_V1(errand_stop_source);
PG_FUNCTION_INFO_V1(errand_run_source_now);
PG_FUNCTION_INFO_V1(errand_drop_source);
PG_FUNCTION_INFO_V1(errand_announce_task);
PG_FUNCTION_INFO_V1(errand_announce_source);

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)
#define TIMEOUT_MAX_MS INT64CONST(3600000)

/* Positions of define_source()'s arguments that are always there. */
enum
{
	ARG_NAME,
	ARG_KIND,
	ARG_URL
};

static void
push_jsonb(JsonbParseState **state, JsonbIteratorToken as, Jsonb *j)
{
	JsonbValue v;

	if (JB_ROOT_IS_SCALAR(j))
		JsonbExtractScalar(&j->root, &v);
	else
		JsonbToJsonbValue(j, &v);
	pushJsonbValue(state, as, &v);
}

static void
push_jsonb_array(JsonbParseState **state, Datum array)
{
	Datum *items;
	bool *nulls;
	int n;

	deconstruct_array(DatumGetArrayTypeP(array), JSONBOID, -1, false, TYPALIGN_INT, &items, &nulls,
					  &n);
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			push_jsonb(state, WJB_ELEM, DatumGetJsonbP(items[i]));
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

/* JSON as it is, what a reg type names as its oid, all else as text. */
static void
push_argument(JsonbParseState **state, Oid type, Datum value)
{
	JsonbValue v = {.type = jbvString};
	Oid out;
	bool varlena;

	if (type == JSONBOID)
		push_jsonb(state, WJB_VALUE, DatumGetJsonbP(value));
	else if (type == JSONBARRAYOID)
		push_jsonb_array(state, value);
	else
	{
		getTypeOutputInfo(type == REGCLASSOID || type == REGPROCEDUREOID ? OIDOID : type, &out,
						  &varlena);
		v.val.string.val = OidOutputFunctionCall(out, value);
		v.val.string.len = strlen(v.val.string.val);
		pushJsonbValue(state, WJB_VALUE, &v);
	}
}

/* The arguments that are not NULL, by their names. */
static Jsonb *
arguments(FunctionCallInfo fcinfo)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	JsonbParseState *state = NULL;
	JsonbValue key = {.type = jbvString};
	Oid *types;
	char **names;
	char *modes;
	int n;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	n = Min(get_func_arg_info(tuple, &types, &names, &modes), fcinfo->nargs);
	ReleaseSysCache(tuple);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < n; i++)
	{
		if (PG_ARGISNULL(i))
			continue;
		key.val.string.val = names[i];
		key.val.string.len = strlen(names[i]);
		pushJsonbValue(&state, WJB_KEY, &key);
		push_argument(&state, types[i], PG_GETARG_DATUM(i));
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static char *
required(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the %s of a source must not be NULL", what),
						errhint("Such as errand.define_source('news', 'feed', 'https://example.com/rss', "
								"target => 'news').")));
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static char *
name_arg(FunctionCallInfo fcinfo)
{
	char *name = required(fcinfo, ARG_NAME, "name");

	errand_check_name("source", name);
	return name;
}

/* A stream's URL is checked like that of the HTTP request that opens it. */
static Datum
stream_url(const char *url)
{
	if (pg_strncasecmp(url, "ws://", 5) == 0 || pg_strncasecmp(url, "wss://", 6) == 0)
		return CStringGetTextDatum(psprintf("http%s", url + 2));
	ereport(ERROR, (BAD_ARGUMENT, errmsg("the URL of a stream begins with wss:// or ws://"),
					errhint("This one is \"%s\".", url)));
	return (Datum) 0;
}

static void
limit_bytes(FunctionCallInfo fcinfo, ErrandOptions *o)
{
	Jsonb *def = arguments(fcinfo);
	JsonbValue *v = getKeyJsonValueFromContainer(&def->root, "max_bytes", 9, NULL);

	if (v == NULL)
		return;
	o->given[OPT_MAX_BODY_BYTES] = true;
	o->value[OPT_MAX_BODY_BYTES] = Int32GetDatum(
		pg_strtoint32(pnstrdup(v->val.string.val, v->val.string.len)));
}

/* The request of each fetch, checked as errand.http() checks it. */
static Jsonb *
request_of(FunctionCallInfo fcinfo, const char *kind, int64 *timeout_ms)
{
	ErrandOptions o;
	Jsonb *request;

	errand_options_from_call(fcinfo, &o);
	*timeout_ms = o.given[OPT_TIMEOUT] ? errand_option_ms(&o, OPT_TIMEOUT, 1, TIMEOUT_MAX_MS) :
										 ERRAND_TIMEOUT_DEFAULT_MS;
	if (strcmp(kind, "websocket") == 0)
		o.value[OPT_URL] = stream_url(errand_option_text(&o, OPT_URL));
	limit_bytes(fcinfo, &o);
	request = errand_http_payload(&o, NULL);
	errand_http_check(request, true);
	return request;
}

static void
announce_config(void)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_CONFIG};
	ErrandDatabase *d = errand_database_mine();

	if (d != NULL)
		pg_atomic_write_u32(&d->queue_limits, 1);
	errand_event_add(&e);
}

Datum
errand_define_source(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	Jsonb *request;
	int64 timeout_ms;
	char *kind;
	bool isnull;

	errand_enter();
	(void) name_arg(fcinfo);
	kind = required(fcinfo, ARG_KIND, "kind");
	(void) required(fcinfo, ARG_URL, "URL");
	if (strcmp(kind, "rest") != 0 && strcmp(kind, "feed") != 0 && strcmp(kind, "websocket") != 0)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("there is no kind of source \"%s\"", kind),
						errhint("The kinds are rest, feed and websocket.")));
	errand_sql_check_role();
	request = request_of(fcinfo, kind, &timeout_ms);
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg_text(&a, GetUserNameFromId(GetUserId(), false));
	errand_arg_pointer(&a, arguments(fcinfo));
	errand_arg_pointer(&a, request);
	errand_arg(&a, Int64GetDatum(timeout_ms));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	(void) errand_call("_source_define", &a, &isnull);
	announce_config();
	PG_RETURN_VOID();
}

/* name, the caller, and whether that role may touch the sources of others */
static void
who_args(ErrandArgs *a, const char *name)
{
	errand_arg_text(a, name);
	errand_arg(a, ObjectIdGetDatum(GetUserId()));
	errand_arg(a, BoolGetDatum(errand_may("admin")));
}

static void
source_set(FunctionCallInfo fcinfo, bool enabled)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_enter();
	who_args(&a, name_arg(fcinfo));
	errand_arg(&a, BoolGetDatum(enabled));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	(void) errand_call("_source_set", &a, &isnull);
	announce_config();
}

Datum
errand_start_source(PG_FUNCTION_ARGS)
{
	source_set(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
errand_stop_source(PG_FUNCTION_ARGS)
{
	source_set(fcinfo, false);
	PG_RETURN_VOID();
}

Datum
errand_run_source_now(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_enter();
	who_args(&a, name_arg(fcinfo));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	PG_RETURN_INT64(DatumGetInt64(errand_call("_source_run_now", &a, &isnull)));
}

Datum
errand_drop_source(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	bool gone;

	errand_enter();
	who_args(&a, name_arg(fcinfo));
	gone = DatumGetBool(errand_call("_source_drop", &a, &isnull));
	if (gone)
		announce_config();
	PG_RETURN_BOOL(gone);
}

Datum
errand_announce_task(PG_FUNCTION_ARGS)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_TASK, .run = 1, .wait_us = -1, .run_us = -1};

	e.id = e.place = PG_GETARG_INT64(0);
	e.queue = text_to_cstring(PG_GETARG_TEXT_PP(1));
	e.task = text_to_cstring(PG_GETARG_TEXT_PP(2));
	e.priority = PG_GETARG_INT32(3);
	e.to = PG_ARGISNULL(4) ? ERRAND_READY : ERRAND_SCHEDULED;
	e.at = PG_ARGISNULL(4) ? 0 : PG_GETARG_TIMESTAMPTZ(4);
	e.role = PG_GETARG_OID(5);
	e.owner = PG_GETARG_OID(6);
	errand_event_add(&e);
	PG_RETURN_VOID();
}

Datum
errand_announce_source(PG_FUNCTION_ARGS)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_SOURCE};

	e.queue = text_to_cstring(PG_GETARG_TEXT_PP(0));
	e.task = text_to_cstring(PG_GETARG_TEXT_PP(1));
	e.id = PG_GETARG_INT64(2);
	e.submitter = PG_GETARG_OID(3);
	errand_event_add(&e);
	PG_RETURN_VOID();
}
