/*
 * http_check.c
 *		Checks the payload of HTTP tasks.
 *
 * Runs in every backend, at submit.  Whatever it lets pass is sent as it is:
 * a line break in a header or a second host in a URL must end here.
 */
#include "postgres.h"

#include "common/base64.h"
#include "compat.h"
#include "core/header.h"
#include "core/url.h"
#include "http_check.h"
#include "http_paginate.h"
#include "secrets.h"
#include "utils/builtins.h"

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

static void
need_string(const JsonbValue *v, const char *what)
{
	if (v->type != jbvString)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of an HTTP task must be a string", what)));
}

static bool
is_string(const JsonbValue *v, const char *text)
{
	return v != NULL && v->type == jbvString && v->val.string.len == (int) strlen(text) &&
		   memcmp(v->val.string.val, text, v->val.string.len) == 0;
}

static void
need_object(const JsonbValue *v, const char *what)
{
	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of an HTTP task must be an object", what),
						errhint("Such as {\"name\": \"value\"}.")));
}

static void
check_url(const JsonbValue *v, const char *what)
{
	ErrandUrlCheck check;

	need_string(v, what);
	check = errand_url_check(v->val.string.val, v->val.string.len);
	if (check != ERRAND_URL_OK)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the URL cannot be requested: %s", errand_url_reason(check)),
						errhint("It must look like https://host[:port]/path?query, without a user "
								"name; percent-encode blanks.")));
}

static void
check_method(const JsonbValue *v, const char *what)
{
	need_string(v, what);
	if (v->val.string.len > 32 || !errand_is_token(v->val.string.val, v->val.string.len))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the method is not valid"),
						errhint("Methods are words such as GET, POST or PROPFIND.")));
	if (v->val.string.len == 7 && pg_strncasecmp(v->val.string.val, "CONNECT", 7) == 0)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the method CONNECT is not available"),
						errhint("It opens a tunnel, which is not a request.")));
}

static void
check_header_value(const JsonbValue *v, int len, const char *name)
{
	if (v->type == jbvNumeric || v->type == jbvBool)
		return;
	if (v->type != jbvString)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the value of header \"%.*s\" must be a string", len, name)));
	if (!errand_header_value_ok(v->val.string.val, v->val.string.len))
		ereport(ERROR,
				(BAD_ARGUMENT, errmsg("the value of header \"%.*s\" holds a control character", len, name),
				 errhint("Line breaks and NUL are not allowed in headers.")));
}

static void
check_header_name(const JsonbValue *v)
{
	int len = Min(v->val.string.len, 100);

	if (!errand_is_token(v->val.string.val, v->val.string.len))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%.*s\" is not a header name", len, v->val.string.val),
						errhint("Names have letters, digits and dashes.")));
	if (errand_header_forbidden(v->val.string.val, v->val.string.len))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("header \"%.*s\" cannot be set", len, v->val.string.val),
						errhint("It belongs to the connection and is set by the engine.")));
}

static void
check_headers(const JsonbValue *v, const char *what)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;
	char *name = NULL;
	int len = 0;

	need_object(v, what);
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, false)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			check_header_name(&item);
			name = item.val.string.val;
			len = Min(item.val.string.len, 100);
		}
		else if ((token == WJB_VALUE || token == WJB_ELEM) && item.type != jbvNull)
			check_header_value(&item, len, name);
		else if (token == WJB_BEGIN_OBJECT && name != NULL)
			ereport(ERROR, (BAD_ARGUMENT, errmsg("the value of header \"%.*s\" must be a string", len, name)));
	}
}

/* {"name": scalar or array of scalars}: parameters, forms, cookies. */
static void
check_pairs(const JsonbValue *v, const char *what)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;
	int depth = 0;

	need_object(v, what);
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, false)) != WJB_DONE)
	{
		if (token == WJB_BEGIN_OBJECT && ++depth > 1)
			ereport(ERROR, (BAD_ARGUMENT, errmsg("the values in \"%s\" must be strings or numbers", what),
							errhint("An array sends the name more than once.")));
	}
}

/* Names are tokens; a value cannot end its cookie or the header. */
static void
check_cookies(const JsonbValue *v, const char *what)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;

	check_pairs(v, what);
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, false)) != WJB_DONE)
	{
		int len;

		if ((token != WJB_KEY && token != WJB_VALUE && token != WJB_ELEM) || item.type != jbvString)
			continue;
		len = item.val.string.len;
		if (token == WJB_KEY ? errand_is_token(item.val.string.val, len) :
							   errand_header_value_ok(item.val.string.val, len) &&
								   memchr(item.val.string.val, ';', len) == NULL)
			continue;
		ereport(ERROR, (BAD_ARGUMENT, errmsg("a name or value in \"%s\" cannot be sent", what),
						errhint("Names are tokens; values have no control characters and no semicolons.")));
	}
}

/* A user name or password; a name with a colon would end there, unless it names a secret. */
static bool
basic_part_ok(const JsonbValue *v, bool user)
{
	const char *s = v->val.string.val;
	int len;

	if (v->type != jbvString)
		return false;
	len = v->val.string.len;
	if (!errand_header_value_ok(s, len))
		return false;
	return !user || memchr(s, ':', len) == NULL || (len > 9 && memcmp(s, "secret://", 9) == 0);
}

static void
check_auth(const JsonbValue *v, const char *what)
{
	JsonbValue *basic;
	JsonbValue *bearer;
	JsonbContainer *c;

	need_object(v, what);
	c = v->val.binary.data;
	basic = getKeyJsonValueFromContainer(c, "basic", 5, NULL);
	bearer = getKeyJsonValueFromContainer(c, "bearer", 6, NULL);
	if (JsonContainerSize(c) == 1 && bearer != NULL && bearer->type == jbvString &&
		errand_header_value_ok(bearer->val.string.val, bearer->val.string.len))
		return;
	if (JsonContainerSize(c) == 1 && basic != NULL && basic->type == jbvBinary &&
		JsonContainerIsArray(basic->val.binary.data) &&
		JsonContainerSize(basic->val.binary.data) == 2 &&
		basic_part_ok(getIthJsonbValueFromContainer(basic->val.binary.data, 0), true) &&
		basic_part_ok(getIthJsonbValueFromContainer(basic->val.binary.data, 1), false))
		return;
	ereport(ERROR, (BAD_ARGUMENT, errmsg("\"auth\" is not valid"),
					errhint("Write {\"basic\": [\"user\", \"password\"]} or {\"bearer\": \"token\"}.")));
}

static void
check_any(const JsonbValue *v, const char *what)
{
}

static void
check_base64(const JsonbValue *v, const char *what)
{
	char *buf;

	need_string(v, what);
	buf = palloc(pg_b64_dec_len(v->val.string.len) + 1);
	if (pg_b64_decode(v->val.string.val, v->val.string.len, buf,
					  pg_b64_dec_len(v->val.string.len) + 1) < 0)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" is not base64", what)));
	pfree(buf);
}

static int64
json_integer(const JsonbValue *v, const char *what, int64 min, int64 max)
{
	int64 n;

	if (v->type != jbvNumeric)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of an HTTP task must be a number", what)));
	n = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
	if (n < min || n > max)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of an HTTP task is out of range", what),
						errhint("It must lie between %lld and %lld.", (long long) min, (long long) max)));
	return n;
}

static void
check_redirects(const JsonbValue *v, const char *what)
{
	json_integer(v, what, 0, 20);
}

static void
check_max_body(const JsonbValue *v, const char *what)
{
	json_integer(v, what, 0, ERRAND_CHUNKS_MAX_BYTES);
}

static void
check_ms(const JsonbValue *v, const char *what)
{
	json_integer(v, what, 1, INT64CONST(7) * 86400 * 1000);
}

static void
check_success(const JsonbValue *v, const char *what)
{
	JsonbContainer *c = v->val.binary.data;

	if (v->type == jbvBinary && JsonContainerIsArray(c) && JsonContainerSize(c) == 2)
	{
		json_integer(getIthJsonbValueFromContainer(c, 0), what, 100, 1000);
		json_integer(getIthJsonbValueFromContainer(c, 1), what, 100, 1000);
		return;
	}
	ereport(ERROR, (BAD_ARGUMENT, errmsg("\"success_codes\" is not valid"),
					errhint("In a payload write [200, 300], the second number excluded.")));
}

static void
check_cache_ttl(const JsonbValue *v, const char *what)
{
	json_integer(v, what, 1, ERRAND_CACHE_TTL_MAX_MS);
}

static void
check_paginate(const JsonbValue *v, const char *what)
{
	ErrandPaginate p;

	errand_paginate_read(v, &p);
}

static void
check_store(const JsonbValue *v, const char *what)
{
	need_string(v, what);
	if (is_string(v, "inline") || is_string(v, "discard") || is_string(v, "chunks"))
		return;
	ereport(ERROR, (BAD_ARGUMENT, errmsg("\"store\" is not valid"),
					errhint("It is 'inline', 'discard' to keep only the status and headers, or "
							"'chunks' for large bodies.")));
}

typedef struct PayloadKey
{
	const char *name;
	void (*check)(const JsonbValue *v, const char *what);
} PayloadKey;

static const PayloadKey payload_keys[] = {
	{"url", check_url},
	{"method", check_method},
	{"headers", check_headers},
	{"body", check_any},
	{"json", check_any},
	{"body_base64", check_base64},
	{"params", check_pairs},
	{"form", check_pairs},
	{"cookies", check_cookies},
	{"auth", check_auth},
	{"follow_redirects", check_redirects},
	{"max_body_bytes", check_max_body},
	{"connect_timeout_ms", check_ms},
	{"success_codes", check_success},
	{"store", check_store},
	{"cache_ttl_ms", check_cache_ttl},
	{"paginate", check_paginate},
};

static const PayloadKey *
payload_key(const JsonbValue *v)
{
	for (int i = 0; i < (int) lengthof(payload_keys); i++)
	{
		if ((int) strlen(payload_keys[i].name) == v->val.string.len &&
			memcmp(payload_keys[i].name, v->val.string.val, v->val.string.len) == 0)
			return &payload_keys[i];
	}
	ereport(ERROR,
			(BAD_ARGUMENT,
			 errmsg("an HTTP task has no \"%.*s\"", Min(v->val.string.len, 100), v->val.string.val),
			 errhint("Its payload has url, method, headers, body, json, body_base64, params, form, "
					 "cookies, auth, follow_redirects, max_body_bytes, connect_timeout_ms, "
					 "success_codes, store, cache_ttl_ms and paginate.")));
	return NULL;
}

void
errand_http_check(Jsonb *payload, bool need_url)
{
	JsonbIterator *it;
	JsonbValue v;
	JsonbIteratorToken token;
	const PayloadKey *key = NULL;
	bool has_url = false;

	if (!JB_ROOT_IS_OBJECT(payload))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the payload of an HTTP task must be an object"),
						errhint("Such as {\"url\": \"https://example.com/\"}.")));
	it = JsonbIteratorInit(&payload->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = payload_key(&v);
		else if (token == WJB_VALUE && v.type != jbvNull && key != NULL)
		{
			key->check(&v, key->name);
			has_url |= key->check == check_url;
		}
	}
	if (need_url && !has_url)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("an HTTP task needs a \"url\""),
						errhint("Such as {\"url\": \"https://example.com/\"}.")));
	if (need_url) /* a template's are looked for when a task is submitted */
		errand_secrets_check(payload);
	errand_http_check_together(&payload->root, need_url);
}
