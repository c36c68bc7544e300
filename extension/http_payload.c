/*
 * http_payload.c
 *		Builds the payload of an HTTP task from named options.
 *
 * Runs in every backend, at submit.  It only puts together: http_check.c looks
 * at the result.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/base64.h"
#include "compat.h"
#include "http_check.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue k = {.type = jbvString};

	k.val.string.val = (char *) name;
	k.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &k);
}

static void
push_text(JsonbParseState **state, const char *name, const char *text, int len)
{
	JsonbValue v = {.type = jbvString};

	push_key(state, name);
	v.val.string.val = (char *) text;
	v.val.string.len = len;
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_number(JsonbParseState **state, const char *name, int64 n)
{
	JsonbValue v = {.type = jbvNumeric};

	push_key(state, name);
	v.val.numeric = DatumGetNumeric(DirectFunctionCall1(int8_numeric, Int64GetDatum(n)));
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_jsonb(JsonbParseState **state, const char *name, Jsonb *j)
{
	JsonbValue v;

	push_key(state, name);
	if (JB_ROOT_IS_SCALAR(j))
		JsonbExtractScalar(&j->root, &v);
	else
		JsonbToJsonbValue(j, &v);
	pushJsonbValue(state, WJB_VALUE, &v);
}

static void
push_text_option(JsonbParseState **state, const char *name, const ErrandOptions *o, ErrandOption k)
{
	if (o->given[k])
	{
		text *t = DatumGetTextPP(o->value[k]);

		push_text(state, name, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	}
}

static void
push_jsonb_option(JsonbParseState **state, const char *name, const ErrandOptions *o, ErrandOption k)
{
	if (o->given[k])
		push_jsonb(state, name, DatumGetJsonbP(o->value[k]));
}

static void
push_bytes_option(JsonbParseState **state, const ErrandOptions *o)
{
	bytea *b;
	char *encoded;
	int room;
	int len;

	if (!o->given[OPT_BODY_BYTES])
		return;
	b = DatumGetByteaPP(o->value[OPT_BODY_BYTES]);
	room = pg_b64_enc_len(VARSIZE_ANY_EXHDR(b)) + 1;
	encoded = palloc(room);
	len = pg_b64_encode(VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b), encoded, room);
	push_text(state, "body_base64", encoded, Max(len, 0));
}

/* int4range is canonical: [lo,hi). */
static void
push_success_option(JsonbParseState **state, const ErrandOptions *o)
{
	char *text;
	int lo;
	int hi;
	JsonbValue v = {.type = jbvNumeric};

	if (!o->given[OPT_SUCCESS_CODES])
		return;
	text = OidOutputFunctionCall(F_RANGE_OUT, o->value[OPT_SUCCESS_CODES]);
	if (sscanf(text, "[%d,%d)", &lo, &hi) != 2)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"success_codes\" is not valid"),
						errhint("Such as int4range(200, 300).")));
	push_key(state, "success_codes");
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	v.val.numeric = DatumGetNumeric(DirectFunctionCall1(int4_numeric, Int32GetDatum(lo)));
	pushJsonbValue(state, WJB_ELEM, &v);
	v.val.numeric = DatumGetNumeric(DirectFunctionCall1(int4_numeric, Int32GetDatum(hi)));
	pushJsonbValue(state, WJB_ELEM, &v);
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}

static void
check_one_body(const ErrandOptions *o)
{
	if (o->given[OPT_BODY] + o->given[OPT_BODY_BYTES] + o->given[OPT_FORM] > 1)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("a request has only one body"),
						errhint("Give one of body, body_bytes and form.")));
}

Jsonb *
errand_http_payload(const ErrandOptions *o, const char *method)
{
	JsonbParseState *state = NULL;

	if (!o->given[OPT_URL] && o->given[OPT_PAYLOAD] == false)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the URL must not be NULL"),
						errhint("Such as 'https://example.com/'.")));
	check_one_body(o);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_text_option(&state, "url", o, OPT_URL);
	if (o->given[OPT_METHOD])
		push_text_option(&state, "method", o, OPT_METHOD);
	else if (method != NULL)
		push_text(&state, "method", method, strlen(method));
	push_jsonb_option(&state, "headers", o, OPT_HEADERS);
	if (o->given[OPT_BODY] && o->type[OPT_BODY] == JSONBOID)
		push_jsonb_option(&state, "json", o, OPT_BODY);
	else
		push_text_option(&state, "body", o, OPT_BODY);
	push_bytes_option(&state, o);
	push_jsonb_option(&state, "params", o, OPT_PARAMS);
	push_jsonb_option(&state, "form", o, OPT_FORM);
	push_jsonb_option(&state, "auth", o, OPT_AUTH);
	push_jsonb_option(&state, "cookies", o, OPT_COOKIES);
	if (o->given[OPT_FOLLOW_REDIRECTS])
		push_number(&state, "follow_redirects", DatumGetInt32(o->value[OPT_FOLLOW_REDIRECTS]));
	if (o->given[OPT_MAX_BODY_BYTES])
		push_number(&state, "max_body_bytes", DatumGetInt32(o->value[OPT_MAX_BODY_BYTES]));
	if (o->given[OPT_CONNECT_TIMEOUT])
		push_number(&state, "connect_timeout_ms",
					errand_option_ms(o, OPT_CONNECT_TIMEOUT, 1, INT64CONST(7) * 86400 * 1000));
	push_success_option(&state, o);
	push_text_option(&state, "store", o, OPT_STORE);
	if (o->given[OPT_CACHE_TTL])
		push_number(&state, "cache_ttl_ms",
					errand_option_ms(o, OPT_CACHE_TTL, 1, ERRAND_CACHE_TTL_MAX_MS));
	push_jsonb_option(&state, "paginate", o, OPT_PAGINATE);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

Jsonb *
errand_http_cache_default(Jsonb *payload, Jsonb *type_row)
{
	JsonbParseState *state = NULL;
	ErrandOptions o;
	Jsonb *ttl;

	memset(o.given, 0, sizeof(o.given));
	errand_options_from_json(type_row, &o, false);
	if (!o.given[OPT_CACHE_TTL] || !errand_http_cacheable(payload) ||
		getKeyJsonValueFromContainer(&payload->root, "cache_ttl_ms", 12, NULL) != NULL)
		return payload;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_number(&state, "cache_ttl_ms",
				errand_option_ms(&o, OPT_CACHE_TTL, 1, ERRAND_CACHE_TTL_MAX_MS));
	ttl = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	return DatumGetJsonbP(
		DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(payload), JsonbPGetDatum(ttl)));
}

/*
 * A payload may use the names of errand.http()'s arguments: those that the
 * engine spells otherwise, and those that say how to run it, are taken out.
 */
void
errand_http_lift(Jsonb *payload, ErrandOptions *o)
{
	static const char *const engine_keys[] = {"json", "body_base64", "connect_timeout_ms",
											  "cache_ttl_ms"};
	static const ErrandOption outside[] = {OPT_TASK,		OPT_TASKS,	 OPT_PAYLOAD, OPT_PAYLOADS,
										   OPT_RECIPIENT,	OPT_SUBJECT, OPT_HTML,	  OPT_SENDER,
										   OPT_ATTACHMENTS, OPT_CC,		 OPT_BCC,	  OPT_REPLY_TO,
										   OPT_FUNCTION,	OPT_ARGS};
	Jsonb *lifted;

	for (int i = 0; i < (int) lengthof(engine_keys); i++)
	{
		if (getKeyJsonValueFromContainer(&payload->root, engine_keys[i], strlen(engine_keys[i]),
										 NULL))
			return;
	}
	for (int i = 0; i < (int) lengthof(outside); i++)
	{
		const char *name = errand_option_name(outside[i]);

		if (getKeyJsonValueFromContainer(&payload->root, name, strlen(name), NULL) != NULL)
			ereport(ERROR, (BAD_ARGUMENT, errmsg("an HTTP task has no \"%s\"", name),
							errhint("A payload has the names of errand.http()'s arguments.")));
	}
	errand_options_from_json(payload, o, true);
	lifted = errand_http_payload(o, NULL);
	o->value[OPT_PAYLOAD] = JsonbPGetDatum(lifted);
	o->given[OPT_PAYLOAD] = true;
}
