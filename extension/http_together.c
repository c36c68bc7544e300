/*
 * http_together.c
 *		Which parts of an HTTP task's payload cannot go together.
 *
 * Runs in every backend, at submit, after each part was checked by itself.
 */
#include "postgres.h"

#include "compat.h"
#include "http_check.h"
#include "settings.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

static bool
is_string(const JsonbValue *v, const char *text)
{
	return v != NULL && v->type == jbvString && v->val.string.len == (int) strlen(text) &&
		   memcmp(v->val.string.val, text, v->val.string.len) == 0;
}

static JsonbValue *
part(JsonbContainer *payload, const char *name)
{
	JsonbValue *v = getKeyJsonValueFromContainer(payload, name, strlen(name), NULL);

	return v == NULL || v->type == jbvNull ? NULL : v;
}

static bool
has_body(JsonbContainer *payload)
{
	static const char *const bodies[] = {"body", "json", "body_base64", "form"};

	for (int i = 0; i < (int) lengthof(bodies); i++)
	{
		if (getKeyJsonValueFromContainer(payload, bodies[i], strlen(bodies[i]), NULL) != NULL)
			return true;
	}
	return false;
}

/* HEAD has no body, neither way. */
static void
check_head(JsonbContainer *payload)
{
	if (is_string(part(payload, "method"), "HEAD") && has_body(payload))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("a HEAD request cannot have a body"),
						errhint("Use another method, or leave the body out.")));
}

/* GET or HEAD, and nothing is sent. */
static bool
is_read(JsonbContainer *payload)
{
	JsonbValue *method = part(payload, "method");

	return !has_body(payload) &&
		   (method == NULL || is_string(method, "GET") || is_string(method, "HEAD"));
}

/* How large a body may be that is kept in one piece, or only read. */
static void
check_size(JsonbContainer *payload)
{
	JsonbValue *size = part(payload, "max_body_bytes");
	int64 n;

	if (size == NULL || is_string(part(payload, "store"), "chunks"))
		return;
	n = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(size->val.numeric)));
	if (n > errand_max_response_bytes)
		ereport(ERROR, (BAD_ARGUMENT,
						errmsg("an answer of %lld bytes is more than errand.max_response_bytes allows", (long long) n),
						errhint("Say at most %d, have errand.max_response_bytes raised, or use errand.http() "
								"with store => 'chunks', for up to 1 GB.", errand_max_response_bytes)));
}

bool
errand_http_cacheable(Jsonb *payload)
{
	return is_read(&payload->root) && part(&payload->root, "paginate") == NULL &&
		   !is_string(part(&payload->root, "store"), "chunks");
}

void
errand_http_check_together(JsonbContainer *payload, bool whole)
{
	JsonbValue *method = part(payload, "method");
	bool chunks = is_string(part(payload, "store"), "chunks");
	bool cached = part(payload, "cache_ttl_ms") != NULL;
	bool pages = part(payload, "paginate") != NULL;

	check_head(payload);
	if (whole)
		check_size(payload);
	if (cached && !is_read(payload))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("only GET and HEAD requests without a body can be cached"),
						errhint("Leave cache_ttl out.")));
	if (cached && (pages || chunks))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"cache_ttl\" cannot go with %s", pages ? "\"paginate\"" : "store => 'chunks'"),
						errhint("Leave one of them out.")));
	if (pages &&
		(chunks || is_string(part(payload, "store"), "discard") || is_string(method, "HEAD")))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"paginate\" needs the bodies of its pages"),
						errhint("Leave out \"store\", and use another method than HEAD.")));
}
