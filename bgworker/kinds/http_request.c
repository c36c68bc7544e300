/*
 * http_request.c
 *		Builds the request of an HTTP task from its payload.
 *
 * Runs in worker processes.  The payload was checked at submit; a row that was
 * edited since is checked again, and refused, not sent.
 */
#include "postgres.h"

#include "common/base64.h"
#include "core/header.h"
#include "core/url.h"
#include "http_check.h"
#include "kinds/http_request.h"
#include "kinds/http_secrets.h"
#include "lib/stringinfo.h"
#include "queue/chunks.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#define MAX_HEADERS 100

typedef struct Builder
{
	ErrandRun *run;
	Jsonb *payload; /* the run's, with the values of its secrets */
	ErrandRequest *q;
	ErrandHeaderLine *headers;
	int n_headers;
	int n_fixed; /* of these are ours alone */
	int n_ours;	 /* of these give way to the user's of the same name */
	bool has_content_type;
	const char *why;
} Builder;

static JsonbValue *
field(const Builder *b, const char *name)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&b->payload->root, name, strlen(name), NULL);

	return v == NULL || v->type == jbvNull ? NULL : v;
}

static char *
string_of(const JsonbValue *v)
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
			return NULL;
	}
}

static int64
integer_of(const Builder *b, const char *name, int64 if_missing)
{
	JsonbValue *v = field(b, name);

	if (v == NULL || v->type != jbvNumeric)
		return if_missing;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
}

static void
add_header(Builder *b, const char *name, const char *value)
{
	if (b->n_headers >= MAX_HEADERS)
		b->why = "it has more than 100 headers";
	else if (!errand_is_token(name, strlen(name)) ||
			 !errand_header_value_ok(value, strlen(value)) ||
			 errand_header_forbidden(name, strlen(name)))
		b->why = "it has a header that cannot be sent";
	else
	{
		b->headers[b->n_headers].credential = false;
		b->headers[b->n_headers].name = name;
		b->headers[b->n_headers++].value = value;
		b->has_content_type |= pg_strcasecmp(name, "content-type") == 0;
	}
}

/* Calls add for each name and scalar of an object; an array gives the name again. */
static void
each_pair(const JsonbValue *object, void (*add)(void *arg, char *name, char *value), void *arg)
{
	JsonbIterator *it;
	JsonbValue v;
	JsonbIteratorToken token;
	char *name = NULL;

	if (object == NULL || object->type != jbvBinary)
		return;
	it = JsonbIteratorInit(object->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = string_of(&v);
		else if ((token == WJB_VALUE || token == WJB_ELEM) && name != NULL)
		{
			char *value = string_of(&v);

			if (value != NULL)
				add(arg, name, value);
		}
	}
}

/* A user's header takes the place of ours of that name; X-Errand-* cannot be taken. */
static void
pair_as_header(void *arg, char *name, char *value)
{
	Builder *b = arg;

	for (int i = 0; i < b->n_ours; i++)
	{
		if (pg_strcasecmp(b->headers[i].name, name) != 0)
			continue;
		if (i < b->n_fixed)
			return;
		memmove(&b->headers[i], &b->headers[i + 1],
				sizeof(ErrandHeaderLine) * (b->n_headers - i - 1));
		b->n_headers--;
		b->n_ours--;
		break;
	}
	add_header(arg, name, value);
}

void
errand_http_encode(StringInfo s, const char *text)
{
	for (const unsigned char *p = (const unsigned char *) text; *p; p++)
	{
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			strchr("-._~", *p) != NULL)
			appendStringInfoChar(s, *p);
		else
			appendStringInfo(s, "%%%02X", *p);
	}
}

/* name=value pairs of a query or a form. */
static void
pair_as_query(void *arg, char *name, char *value)
{
	StringInfo s = arg;

	if (s->len > 0 && s->data[s->len - 1] != '?' && s->data[s->len - 1] != '&')
		appendStringInfoChar(s, '&');
	errand_http_encode(s, name);
	appendStringInfoChar(s, '=');
	errand_http_encode(s, value);
}

static void
pair_as_cookie(void *arg, char *name, char *value)
{
	StringInfo s = arg;

	if (s->len > 0)
		appendStringInfoString(s, "; ");
	appendStringInfo(s, "%s=%s", name, value);
}

/* The URL, its fragment cut off, params behind what it has of a query. */
static void
build_url(Builder *b)
{
	JsonbValue *v = field(b, "url");
	JsonbValue *params = field(b, "params");
	StringInfoData s;
	char *fragment;

	if (v == NULL || v->type != jbvString)
	{
		b->why = "it has no URL";
		return;
	}
	initStringInfo(&s);
	appendBinaryStringInfo(&s, v->val.string.val, v->val.string.len);
	fragment = strchr(s.data, '#');
	if (fragment != NULL)
	{
		*fragment = '\0';
		s.len = fragment - s.data;
	}
	if (params != NULL)
	{
		appendStringInfoChar(&s, strchr(s.data, '?') ? '&' : '?');
		each_pair(params, pair_as_query, &s);
	}
	if (errand_url_check(s.data, s.len) != ERRAND_URL_OK)
		b->why = errand_url_reason(errand_url_check(s.data, s.len));
	b->q->url = s.data;
}

static void
set_body(Builder *b, const char *data, size_t len, const char *content_type)
{
	b->q->body = data;
	b->q->body_len = len;
	b->q->has_body = true;
	if (content_type != NULL && !b->has_content_type)
		add_header(b, "Content-Type", content_type);
}

static void
set_json_body(Builder *b, JsonbValue *v)
{
	Jsonb *j = JsonbValueToJsonb(v);
	char *text = JsonbToCString(NULL, &j->root, VARSIZE(j));

	set_body(b, text, strlen(text), "application/json");
}

static void
build_body(Builder *b)
{
	JsonbValue *v;
	StringInfoData s;

	/* JSON null is a body, too. */
	if ((v = getKeyJsonValueFromContainer(&b->payload->root, "json", 4, NULL)) != NULL)
		set_json_body(b, v);
	else if ((v = field(b, "body")) != NULL && v->type != jbvString)
		set_json_body(b, v);
	else if (v != NULL)
		set_body(b, pnstrdup(v->val.string.val, v->val.string.len), v->val.string.len,
				 "text/plain; charset=utf-8");
	else if ((v = field(b, "body_base64")) != NULL && v->type == jbvString)
	{
		int room = pg_b64_dec_len(v->val.string.len) + 1;
		char *raw = palloc(room);
		int len = pg_b64_decode(v->val.string.val, v->val.string.len, raw, room);

		if (len < 0)
			b->why = "its body is not base64";
		else
			set_body(b, raw, len, "application/octet-stream");
	}
	else if ((v = field(b, "form")) != NULL)
	{
		initStringInfo(&s);
		each_pair(v, pair_as_query, &s);
		set_body(b, s.data, s.len, "application/x-www-form-urlencoded");
	}
}

static void
build_auth(Builder *b)
{
	JsonbValue *v = field(b, "auth");
	JsonbValue *item;
	char *pair;
	char *encoded;
	int room;
	int len;

	if (v == NULL || v->type != jbvBinary)
		return;
	item = getKeyJsonValueFromContainer(v->val.binary.data, "bearer", 6, NULL);
	if (item != NULL && item->type == jbvString)
		add_header(b, "Authorization", psprintf("Bearer %s", string_of(item)));
	item = getKeyJsonValueFromContainer(v->val.binary.data, "basic", 5, NULL);
	if (item == NULL || item->type != jbvBinary || JsonContainerSize(item->val.binary.data) != 2)
		return;
	pair = psprintf("%s:%s", string_of(getIthJsonbValueFromContainer(item->val.binary.data, 0)),
					string_of(getIthJsonbValueFromContainer(item->val.binary.data, 1)));
	room = pg_b64_enc_len(strlen(pair)) + 1;
	encoded = palloc(room);
	len = pg_b64_encode(pair, strlen(pair), encoded, room);
	add_header(b, "Authorization", psprintf("Basic %.*s", Max(len, 0), encoded));
}

static void
build_headers(Builder *b, const char *idempotency_key)
{
	JsonbValue *cookies = field(b, "cookies");
	StringInfoData s;

	add_header(b, "X-Errand-Task", psprintf("%lld", (long long) b->run->id));
	add_header(b, "X-Errand-Attempt", psprintf("%d", b->run->attempt));
	b->n_fixed = b->n_headers;
	add_header(b, "Idempotency-Key", idempotency_key);
	if (b->run->traceparent != NULL)
		add_header(b, "traceparent", b->run->traceparent);
	if (cookies != NULL)
	{
		initStringInfo(&s);
		each_pair(cookies, pair_as_cookie, &s);
		add_header(b, "Cookie", s.data);
	}
	build_auth(b);
	b->n_ours = b->n_headers;
	each_pair(field(b, "headers"), pair_as_header, b);
}

static bool
is_word(const JsonbValue *v, const char *word)
{
	return v != NULL && v->type == jbvString && v->val.string.len == (int) strlen(word) &&
		   memcmp(v->val.string.val, word, v->val.string.len) == 0;
}

static void
build_limits(Builder *b, bool *discard)
{
	JsonbValue *v = field(b, "success_codes");
	JsonbValue *store = field(b, "store");
	int64 largest;

	b->q->follow_redirects = integer_of(b, "follow_redirects", 0);
	b->run->chunked = is_word(store, "chunks");
	largest = b->run->chunked ? ERRAND_CHUNKS_MAX_BYTES : errand_max_response_bytes;
	b->q->max_body = Min(integer_of(b, "max_body_bytes", largest), largest);
	b->q->stream_at = b->run->chunked ? ERRAND_STREAM_BYTES : 0;
	b->q->connect_timeout_ms = integer_of(b, "connect_timeout_ms", 10000);
	b->q->timeout_ms = b->run->timeout_ms;
	b->q->never_resend = b->run->at_most_once;
	*discard = is_word(store, "discard");
	if (v != NULL && v->type == jbvBinary && JsonContainerSize(v->val.binary.data) == 2)
	{
		JsonbValue *lo = getIthJsonbValueFromContainer(v->val.binary.data, 0);
		JsonbValue *hi = getIthJsonbValueFromContainer(v->val.binary.data, 1);

		b->run->success_lo = DatumGetInt32(
			DirectFunctionCall1(numeric_int4, NumericGetDatum(lo->val.numeric)));
		b->run->success_hi = DatumGetInt32(
			DirectFunctionCall1(numeric_int4, NumericGetDatum(hi->val.numeric)));
	}
}

const char *
errand_http_build(ErrandRun *run, const char *idempotency_key, ErrandRequest *q, bool *discard)
{
	Builder b = {.run = run, .q = q};
	JsonbValue *method;

	if (!JB_ROOT_IS_OBJECT(run->payload))
		return "its payload is not an object";
	b.payload = errand_http_secrets_fill(run, q, &b.why);
	if (b.payload == NULL)
		return b.why;
	b.headers = palloc(sizeof(ErrandHeaderLine) * MAX_HEADERS);
	build_url(&b);
	build_headers(&b, idempotency_key);
	errand_http_secrets_mark(run, b.headers, b.n_headers);
	build_body(&b);
	build_limits(&b, discard);
	method = field(&b, "method");
	q->method = method != NULL && method->type == jbvString ? string_of(method) :
															  (q->has_body ? "POST" : "GET");
	if (!errand_is_token(q->method, strlen(q->method)))
		b.why = "its method is not a word";
	q->headers = b.headers;
	q->n_headers = b.n_headers;
	q->owner = run;
	if (b.payload != run->payload)
		explicit_bzero(b.payload, VARSIZE(b.payload));
	return b.why;
}
