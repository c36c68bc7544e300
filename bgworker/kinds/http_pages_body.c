/*
 * http_pages_body.c
 *		Reads pages: JSON, jsonpath, and the parameters of their URLs.
 *
 * Runs in worker processes, out of the loop and outside of transactions: what
 * is called here needs none.  Pages are a stranger's: what is no JSON is text.
 */
#include "postgres.h"

#include "common/base64.h"
#include "core/ascii.h"
#include "kinds/http_pages_body.h"
#include "kinds/http_request.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"

static bool
is_text(const char *body, size_t len)
{
	return len < INT_MAX && memchr(body, '\0', len) == NULL &&
		   pg_verify_mbstr(PG_UTF8, body, len, true);
}

Jsonb *
errand_page_parse(const char *body, size_t len)
{
	MemoryContext old = CurrentMemoryContext;
	Jsonb *volatile page = NULL;

	if (len == 0 || !is_text(body, len))
		return NULL;
	PG_TRY();
	{
		page = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(body, len))));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		page = NULL;
	}
	PG_END_TRY();
	return page;
}

void
errand_page_append(StringInfo s, const char *body, size_t len, bool json)
{
	appendStringInfoChar(s, s->len > 0 ? ',' : '[');
	if (json)
		appendBinaryStringInfo(s, body, len);
	else if (len == 0)
		appendStringInfoString(s, "null");
	else if (is_text(body, len))
		escape_json(s, pnstrdup(body, len));
	else
	{
		int room = pg_b64_enc_len(len) + 1;
		char *encoded = palloc(room);
		int n = pg_b64_encode(body, len, encoded, room);

		appendStringInfo(s, "\"%.*s\"", Max(n, 0), encoded);
		pfree(encoded);
	}
}

/* What the path finds first; NULL if nothing.  Errors of the path are nothing. */
static Jsonb *
find(Jsonb *page, struct varlena *path)
{
	LOCAL_FCINFO(call, 4);
	Jsonb *vars = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pstrdup("{}"))));
	Datum found;

	InitFunctionCallInfoData(*call, NULL, 4, InvalidOid, NULL, NULL);
	call->args[0].value = JsonbPGetDatum(page);
	call->args[1].value = PointerGetDatum(path);
	call->args[2].value = JsonbPGetDatum(vars);
	call->args[3].value = BoolGetDatum(true);
	for (int i = 0; i < 4; i++)
		call->args[i].isnull = false;
	found = jsonb_path_query_first(call);
	return call->isnull ? NULL : DatumGetJsonbP(found);
}

char *
errand_page_word(Jsonb *page, struct varlena *path)
{
	Jsonb *found = page ? find(page, path) : NULL;
	JsonbValue v;

	if (found == NULL || !JB_ROOT_IS_SCALAR(found) || !JsonbExtractScalar(&found->root, &v))
		return NULL;
	if (v.type == jbvString && v.val.string.len > 0)
		return pnstrdup(v.val.string.val, v.val.string.len);
	if (v.type == jbvNumeric)
		return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v.val.numeric)));
	return NULL; /* null, false, "" */
}

/* Of an object: of its arrays the one that is longest; -1 if it has none. */
static int64
items_in_object(JsonbContainer *object)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue v;
	JsonbIteratorToken token;
	int64 most = -1;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_VALUE && v.type == jbvBinary && JsonContainerIsArray(v.val.binary.data))
			most = Max(most, (int64) JsonContainerSize(v.val.binary.data));
	}
	return JsonContainerSize(object) == 0 ? 0 : most;
}

int64
errand_page_items(Jsonb *page, size_t len, struct varlena *path)
{
	JsonbValue v;

	if (len == 0)
		return 0;
	if (page == NULL)
		return -1;
	if (path != NULL && (page = find(page, path)) == NULL)
		return 0;
	if (JB_ROOT_IS_SCALAR(page))
		return JsonbExtractScalar(&page->root, &v) && v.type == jbvNull ? 0 : -1;
	if (JB_ROOT_IS_ARRAY(page))
		return JB_ROOT_COUNT(page);
	return items_in_object(&page->root);
}

/* A name or value of a query, as it is meant. */
static char *
decode(const char *text, size_t len)
{
	char *out = palloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
	{
		if (text[i] == '%' && i + 2 < len && errand_ascii_hex(text[i + 1]) >= 0 &&
			errand_ascii_hex(text[i + 2]) >= 0)
		{
			out[n++] = (char) (errand_ascii_hex(text[i + 1]) * 16 + errand_ascii_hex(text[i + 2]));
			i += 2;
		}
		else
			out[n++] = text[i] == '+' ? ' ' : text[i];
	}
	out[n] = '\0';
	return out;
}

/* Is this "name=value", or only "name", of that name? */
static bool
is_pair_of(const char *pair, size_t len, const char *name)
{
	const char *equals = memchr(pair, '=', len);

	return strcmp(decode(pair, equals ? (size_t) (equals - pair) : len), name) == 0;
}

char *
errand_url_parameter(const char *url, const char *name)
{
	const char *p = strchr(url, '?');

	while (p != NULL && *p)
	{
		size_t len = strcspn(++p, "&");
		const char *equals = memchr(p, '=', len);

		if (equals != NULL && is_pair_of(p, len, name))
			return decode(equals + 1, p + len - equals - 1);
		p += len;
	}
	return NULL;
}

char *
errand_url_with(const char *url, const char *name, const char *value)
{
	const char *p = strchr(url, '?');
	StringInfoData s;

	initStringInfo(&s);
	appendBinaryStringInfo(&s, url, p ? (int) (p - url) : (int) strlen(url));
	appendStringInfoChar(&s, '?');
	while (p != NULL && *p)
	{
		size_t len = strcspn(++p, "&");

		if (len > 0 && !is_pair_of(p, len, name))
			appendStringInfo(&s, "%.*s&", (int) len, p);
		p += len;
	}
	errand_http_encode(&s, name);
	appendStringInfoChar(&s, '=');
	errand_http_encode(&s, value);
	return s.data;
}
