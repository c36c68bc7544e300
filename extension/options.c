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
#include "submit.h"
#include "spec.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

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
	else if (type == REGPROCEDUREOID)
		o->value[k] = ObjectIdGetDatum(errand_sql_function(json_scalar_text(v, def->name)));
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
