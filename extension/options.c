/*
 * options.c
 *		Binds and checks the named options of submitting functions.
 *
 * Runs in every backend.  Nothing reaches a table that was not checked here:
 * a mistake is refused at submit with a hint, never found at run time.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "core/header.h"
#include "options.h"
#include "spec.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define MAX_TIMEOUT_MS (INT64CONST(7) * 86400 * 1000)
#define MAX_AGE_MS (INT64CONST(3660) * 86400 * 1000)

typedef struct OptionDef
{
	const char *name;
	Oid type;
} OptionDef;

static const OptionDef option_defs[OPT_COUNT] = {
	[OPT_TASK] = {"task", TEXTOID},
	[OPT_TASKS] = {"tasks", JSONBOID},
	[OPT_PAYLOAD] = {"payload", JSONBOID},
	[OPT_PAYLOADS] = {"payloads", JSONBARRAYOID},
	[OPT_FUNCTION] = {"function", REGPROCEDUREOID},
	[OPT_ARGS] = {"args", JSONBOID},
	[OPT_QUEUE] = {"queue", TEXTOID},
	[OPT_PRIORITY] = {"priority", INT4OID},
	[OPT_RUN_AT] = {"run_at", TIMESTAMPTZOID},
	[OPT_MAX_ATTEMPTS] = {"max_attempts", INT4OID},
	[OPT_BACKOFF] = {"backoff", TEXTOID},
	[OPT_BACKOFF_BASE] = {"backoff_base", INTERVALOID},
	[OPT_BACKOFF_FACTOR] = {"backoff_factor", NUMERICOID},
	[OPT_BACKOFF_MAX] = {"backoff_max", INTERVALOID},
	[OPT_TIMEOUT] = {"timeout", INTERVALOID},
	[OPT_DEADLINE] = {"deadline", INTERVALOID},
	[OPT_KEY] = {"key", TEXTOID},
	[OPT_TAGS] = {"tags", TEXTARRAYOID},
	[OPT_DELIVERY] = {"delivery", TEXTOID},
	[OPT_NOTIFY] = {"notify", TEXTOID},
	[OPT_TRACEPARENT] = {"traceparent", TEXTOID},
	[OPT_ON_SUCCESS] = {"on_success", JSONBOID},
	[OPT_ON_FAILURE] = {"on_failure", JSONBOID},
	[OPT_AFTER] = {"after", INT8ARRAYOID},
	[OPT_AFTER_POLICY] = {"after_policy", TEXTOID},
	[OPT_TASK_GROUP] = {"task_group", INT8OID},
	[OPT_URL] = {"url", TEXTOID},
	[OPT_METHOD] = {"method", TEXTOID},
	[OPT_HEADERS] = {"headers", JSONBOID},
	[OPT_BODY] = {"body", InvalidOid},
	[OPT_PARAMS] = {"params", JSONBOID},
	[OPT_BODY_BYTES] = {"body_bytes", BYTEAOID},
	[OPT_FORM] = {"form", JSONBOID},
	[OPT_AUTH] = {"auth", JSONBOID},
	[OPT_COOKIES] = {"cookies", JSONBOID},
	[OPT_FOLLOW_REDIRECTS] = {"follow_redirects", INT4OID},
	[OPT_MAX_BODY_BYTES] = {"max_body_bytes", INT4OID},
	[OPT_CONNECT_TIMEOUT] = {"connect_timeout", INTERVALOID},
	[OPT_SUCCESS_CODES] = {"success_codes", INT4RANGEOID},
	[OPT_STORE] = {"store", TEXTOID},
	[OPT_CACHE_TTL] = {"cache_ttl", INTERVALOID},
	[OPT_PAGINATE] = {"paginate", JSONBOID},
	[OPT_RECIPIENT] = {"recipient", TEXTARRAYOID},
	[OPT_SUBJECT] = {"subject", TEXTOID},
	[OPT_HTML] = {"html", TEXTOID},
	[OPT_SENDER] = {"sender", TEXTOID},
	[OPT_ATTACHMENTS] = {"attachments", JSONBOID},
	[OPT_CC] = {"cc", TEXTARRAYOID},
	[OPT_BCC] = {"bcc", TEXTARRAYOID},
	[OPT_REPLY_TO] = {"reply_to", TEXTOID},
	[OPT_TIMEOUT_MILLISECONDS] = {"timeout_milliseconds", INT4OID},
};

const char *
errand_option_name(ErrandOption option)
{
	return option_defs[option].name;
}

int
errand_option_by_name(const char *name, size_t len)
{
	for (int i = 0; i < OPT_COUNT; i++)
	{
		if (strlen(option_defs[i].name) == len && memcmp(option_defs[i].name, name, len) == 0)
			return i;
	}
	return -1;
}

/* A JSON value as the text that the type's input function reads. */
static char *
json_scalar_text(JsonbValue *v, const char *name)
{
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(
				DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		case jbvBool:
			return pstrdup(v->val.boolean ? "true" : "false");
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" must be a string or a number", name)));
	}
	return NULL;
}

/* A JSON array of strings as text[]. */
static Datum
json_text_array(JsonbValue *v, const char *name)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;
	Datum *items = palloc(sizeof(Datum) * 100);
	int n = 0;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("option \"%s\" must be an array of strings", name)));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (item.type != jbvString || n >= 100)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("option \"%s\" must be an array of at most 100 strings", name)));
		items[n++] = PointerGetDatum(
			cstring_to_text_with_len(item.val.string.val, item.val.string.len));
	}
	return PointerGetDatum(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* A JSON array of ids as bigint[]. */
static Datum
json_id_array(JsonbValue *v, const char *name)
{
	JsonbContainer *c = v->val.binary.data;
	Datum *items;
	int n;

	if (v->type != jbvBinary || !JsonContainerIsArray(c))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be an array of ids", name), errhint("Such as [17, 18].")));
	n = JsonContainerSize(c);
	items = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		char *id = json_scalar_text(getIthJsonbValueFromContainer(c, i), name);

		items[i] = DirectFunctionCall1(int8in, CStringGetDatum(id));
	}
	return PointerGetDatum(construct_array(items, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* [lo, hi] as int4range, the second number excluded. */
static Datum
json_range(JsonbValue *v, const char *name)
{
	JsonbContainer *c = v->val.binary.data;
	char *text;

	if (!JsonContainerIsArray(c) || JsonContainerSize(c) != 2)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option \"%s\" is not valid", name),
						errhint("Write [200, 300], the second number excluded, or \"[200,300)\".")));
	text = psprintf("[%s,%s)", json_scalar_text(getIthJsonbValueFromContainer(c, 0), name),
					json_scalar_text(getIthJsonbValueFromContainer(c, 1), name));
	return OidInputFunctionCall(F_RANGE_IN, text, INT4RANGEOID, -1);
}

static void
option_from_json(ErrandOptions *o, int k, JsonbValue *v)
{
	const OptionDef *def = &option_defs[k];
	Oid type = def->type;

	if (type == InvalidOid)
		type = v->type == jbvString ? TEXTOID : JSONBOID;
	if (type == INT4RANGEOID && v->type == jbvBinary)
		o->value[k] = json_range(v, def->name);
	else if (type == TEXTARRAYOID && v->type == jbvString && k != OPT_TAGS)
	{
		/* one recipient may stand alone */
		Datum one = PointerGetDatum(cstring_to_text_with_len(v->val.string.val, v->val.string.len));

		o->value[k] = PointerGetDatum(construct_array(&one, 1, TEXTOID, -1, false, TYPALIGN_INT));
	}
	else if (type == TEXTARRAYOID)
		o->value[k] = json_text_array(v, def->name);
	else if (type == INT8ARRAYOID)
		o->value[k] = json_id_array(v, def->name);
	else if (type == JSONBOID)
		o->value[k] = JsonbPGetDatum(JsonbValueToJsonb(v));
	else
	{
		Oid in;
		Oid param;

		getTypeInputInfo(type, &in, &param);
		o->value[k] = OidInputFunctionCall(in, json_scalar_text(v, def->name), param, -1);
	}
	o->type[k] = type;
	o->given[k] = true;
}

void
errand_options_from_json(Jsonb *object, ErrandOptions *o, bool strict)
{
	JsonbIterator *it = JsonbIteratorInit(&object->root);
	JsonbValue v;
	JsonbIteratorToken token;
	int k = -1;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			k = errand_option_by_name(v.val.string.val, v.val.string.len);
			if (k < 0 && strict)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("unknown option \"%.*s\"", Min(v.val.string.len, 100),
								v.val.string.val),
						 errhint("The options are those of errand.submit(); in a payload, those of the kind, as errand.http() or errand.email().")));
		}
		else if (token == WJB_VALUE && k >= 0 && !o->given[k] && v.type != jbvNull)
			option_from_json(o, k, &v);
	}
}

char *
errand_option_text(const ErrandOptions *o, ErrandOption option)
{
	return o->given[option] ? TextDatumGetCString(o->value[option]) : NULL;
}

static void
bad_option(ErrandOption option, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" is not valid", errand_option_name(option)),
					errhint("%s", why)));
}

int64
errand_option_ms(const ErrandOptions *o, ErrandOption option, int64 min, int64 max)
{
	Interval *i = DatumGetIntervalP(o->value[option]);
	double ms = i->time / 1000.0 + i->day * 86400000.0 + i->month * 30.0 * 86400000.0;

	if (!(ms >= min && ms <= max))
		bad_option(option, psprintf("It must lie between %lld ms and %lld s.", (long long) min,
									(long long) (max / 1000)));
	return (int64) ms;
}

static int
option_int(const ErrandOptions *o, ErrandOption option, int min, int max, int if_missing)
{
	int n;

	if (!o->given[option])
		return if_missing;
	n = DatumGetInt32(o->value[option]);
	if (n < min || n > max)
		bad_option(option, psprintf("It must lie between %d and %d.", min, max));
	return n;
}

static void
backoff_from_options(const ErrandOptions *o, ErrandPolicy *p)
{
	p->has_backoff = o->given[OPT_BACKOFF];
	if (p->has_backoff && !errand_backoff_parse(errand_option_text(o, OPT_BACKOFF), &p->backoff))
		bad_option(OPT_BACKOFF, "It is 'exponential', 'linear' or 'constant'.");
	p->base_ms = o->given[OPT_BACKOFF_BASE] ? errand_option_ms(o, OPT_BACKOFF_BASE, 1, MAX_AGE_MS) :
											  -1;
	p->max_ms = o->given[OPT_BACKOFF_MAX] ? errand_option_ms(o, OPT_BACKOFF_MAX, 1, MAX_AGE_MS) :
											-1;
	p->factor = 0;
	if (o->given[OPT_BACKOFF_FACTOR])
	{
		double f = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8, o->value[OPT_BACKOFF_FACTOR]));

		if (!(f >= 1 && f <= 100))
			bad_option(OPT_BACKOFF_FACTOR, "It must lie between 1 and 100.");
		p->factor = f;
	}
}

static void
times_from_options(const ErrandOptions *o, TimestampTz now, ErrandPolicy *p)
{
	p->timeout_ms = ERRAND_TIMEOUT_DEFAULT_MS;
	if (o->given[OPT_TIMEOUT])
		p->timeout_ms = errand_option_ms(o, OPT_TIMEOUT, 1, MAX_TIMEOUT_MS);
	else if (o->given[OPT_TIMEOUT_MILLISECONDS])
		p->timeout_ms = option_int(o, OPT_TIMEOUT_MILLISECONDS, 1, MAX_TIMEOUT_MS, 0);
	p->has_run_at = o->given[OPT_RUN_AT];
	if (p->has_run_at)
	{
		p->run_at = DatumGetTimestampTz(o->value[OPT_RUN_AT]);
		if (TIMESTAMP_IS_NOEND(p->run_at))
			bad_option(OPT_RUN_AT, "A task that runs at infinity would wait for ever.");
		if (TIMESTAMP_IS_NOBEGIN(p->run_at))
			p->has_run_at = false;
	}
	p->has_deadline = o->given[OPT_DEADLINE];
	if (p->has_deadline)
		p->deadline = now + errand_option_ms(o, OPT_DEADLINE, 1, MAX_AGE_MS) * 1000;
}

/* A key also travels as a header: no control characters, at most 255 bytes. */
static const char *
key_from_options(const ErrandOptions *o)
{
	char *key = errand_option_text(o, OPT_KEY);

	if (key != NULL &&
		(strlen(key) < 1 || strlen(key) > 255 || !errand_header_value_ok(key, strlen(key))))
		bad_option(OPT_KEY, "It has 1 to 255 bytes and no control characters.");
	return key;
}

static void
texts_from_options(const ErrandOptions *o, ErrandPolicy *p)
{
	char *delivery = errand_option_text(o, OPT_DELIVERY);

	p->queue = errand_option_text(o, OPT_QUEUE);
	if (p->queue == NULL)
		p->queue = ERRAND_QUEUE_DEFAULT;
	errand_check_name("queue", p->queue);
	p->key = key_from_options(o);
	p->at_most_once = delivery != NULL && strcmp(delivery, "at_most_once") == 0;
	if (delivery != NULL && !p->at_most_once && strcmp(delivery, "at_least_once") != 0)
		bad_option(OPT_DELIVERY, "It is 'at_least_once' or 'at_most_once'.");
	p->notify = errand_option_text(o, OPT_NOTIFY);
	if (p->notify != NULL && (strlen(p->notify) < 1 || strlen(p->notify) >= NAMEDATALEN))
		bad_option(OPT_NOTIFY, "A channel's name has 1 to 63 bytes.");
	p->traceparent = errand_option_text(o, OPT_TRACEPARENT);
	if (p->traceparent != NULL && !errand_traceparent_ok(p->traceparent, strlen(p->traceparent)))
		bad_option(OPT_TRACEPARENT,
				   "It looks like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.");
	p->has_tags = o->given[OPT_TAGS];
	if (p->has_tags)
	{
		p->tags = o->value[OPT_TAGS];
		if (array_contains_nulls(DatumGetArrayTypeP(p->tags)))
			bad_option(OPT_TAGS, "A tag cannot be NULL.");
	}
}

static void
relations_from_options(const ErrandOptions *o, ErrandPolicy *p)
{
	char *policy = errand_option_text(o, OPT_AFTER_POLICY);
	ArrayType *after = o->given[OPT_AFTER] ? DatumGetArrayTypeP(o->value[OPT_AFTER]) : NULL;

	p->after_done = policy != NULL && strcmp(policy, "done") == 0;
	if (policy != NULL && !p->after_done && strcmp(policy, "success") != 0)
		bad_option(OPT_AFTER_POLICY, "It is 'success' or 'done'.");
	if (after != NULL && array_contains_nulls(after))
		bad_option(OPT_AFTER, "An id cannot be NULL.");
	p->has_after = after != NULL && ArrayGetNItems(ARR_NDIM(after), ARR_DIMS(after)) > 0;
	p->after = PointerGetDatum(after);
	p->task_group = 0;
	if (o->given[OPT_TASK_GROUP])
	{
		p->task_group = DatumGetInt64(o->value[OPT_TASK_GROUP]);
		if (p->task_group < 1)
			bad_option(OPT_TASK_GROUP, "It is an id that errand.open_group() returned.");
	}
	p->has_unmet = false;
	p->spoilt = 0;
}

void
errand_policy_from_options(const ErrandOptions *o, TimestampTz now, ErrandPolicy *p)
{
	p->priority = option_int(o, OPT_PRIORITY, PG_INT16_MIN, PG_INT16_MAX, 0);
	p->max_attempts = option_int(o, OPT_MAX_ATTEMPTS, 1, 10000, ERRAND_MAX_ATTEMPTS_DEFAULT);
	backoff_from_options(o, p);
	times_from_options(o, now, p);
	texts_from_options(o, p);
	p->on_success = errand_follow_up_prepare(o, OPT_ON_SUCCESS, now);
	p->on_failure = errand_follow_up_prepare(o, OPT_ON_FAILURE, now);
	relations_from_options(o, p);
}
