/*
 * http_paginate.c
 *		Reads and checks what "paginate" says.
 *
 * Runs in every backend, at submit, and in workers before the first page.  It
 * must not look at a table.
 */
#include "postgres.h"

#include "compat.h"
#include "http_paginate.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonpath.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)
#define DELAY_MAX_MS INT64CONST(3600000)

static const char *const modes[] = {
	[ERRAND_PAGE_LINK] = "link",	 [ERRAND_PAGE_NEXT_URL] = "next_url",
	[ERRAND_PAGE_CURSOR] = "cursor", [ERRAND_PAGE_NUMBER] = "page",
	[ERRAND_PAGE_OFFSET] = "offset",
};

static bool
is_word(const JsonbValue *v, const char *word)
{
	return v->type == jbvString && v->val.string.len == (int) strlen(word) &&
		   memcmp(v->val.string.val, word, v->val.string.len) == 0;
}

static ErrandPageMode
read_mode(const JsonbValue *v)
{
	for (int i = 0; v != NULL && i < (int) lengthof(modes); i++)
	{
		if (is_word(v, modes[i]))
			return i;
	}
	ereport(ERROR, (BAD_ARGUMENT, errmsg("\"mode\" of \"paginate\" is not valid"),
					errhint("It is \"link\", \"next_url\", \"cursor\", \"page\" or \"offset\".")));
	return ERRAND_PAGE_LINK;
}

/* A JSON value as the text that an input function reads. */
static char *
read_text(const JsonbValue *v, const char *what)
{
	if (v->type == jbvString)
		return pnstrdup(v->val.string.val, v->val.string.len);
	if (v->type != jbvNumeric)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of \"paginate\" is not valid", what),
						errhint("It must be a string or a number.")));
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
}

/* Calls a type's input function; what it raises becomes 22023 with our hint. */
static Datum
read_with(PGFunction input, char *text, const char *what, const char *hint)
{
	MemoryContext old = CurrentMemoryContext;
	Datum result = (Datum) 0;

	PG_TRY();
	{
		result = DirectFunctionCall3(input, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
									 Int32GetDatum(-1));
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of \"paginate\" is not valid: %s", what, error->message),
						errhint("%s", hint)));
	}
	PG_END_TRY();
	return result;
}

static struct varlena *
read_path(const JsonbValue *v)
{
	if (v->type != jbvString)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"path\" of \"paginate\" must be a string"),
						errhint("It is a jsonpath such as \"$.next\".")));
	return (struct varlena *) DatumGetPointer(read_with(jsonpath_in, read_text(v, "path"), "path",
														"It is a jsonpath such as \"$.next\"."));
}

static char *
read_param(const JsonbValue *v)
{
	if (v->type != jbvString || v->val.string.len < 1 || v->val.string.len > 200)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"param\" of \"paginate\" is not valid"),
						errhint("It is the name of a query parameter, such as \"page\".")));
	return pnstrdup(v->val.string.val, v->val.string.len);
}

static int64
read_number(const JsonbValue *v, const char *what, int64 max)
{
	int64 n = 0;

	if (v->type == jbvNumeric && !numeric_is_nan(v->val.numeric))
		n = DatumGetInt64(
			read_with(int8in, read_text(v, what), what, "It must be a whole number."));
	if (n < 1 || n > max)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of \"paginate\" is out of range", what),
						errhint("It must lie between 1 and %lld.", (long long) max)));
	return n;
}

static int64
read_delay(const JsonbValue *v)
{
	Interval *i = DatumGetIntervalP(read_with(interval_in, read_text(v, "delay"), "delay",
											  "It is an interval such as \"500 ms\"."));
	double ms = i->time / 1000.0 + i->day * 86400000.0 + i->month * 30.0 * 86400000.0;

	if (!(ms >= 0 && ms <= DELAY_MAX_MS))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"delay\" of \"paginate\" is out of range"),
						errhint("It must lie between 0 and 1 hour.")));
	return (int64) ms;
}

static void
read_key(ErrandPaginate *p, const JsonbValue *key, const JsonbValue *v)
{
	if (is_word(key, "path"))
		p->path = read_path(v);
	else if (is_word(key, "param"))
		p->param = read_param(v);
	else if (is_word(key, "size"))
		p->size = read_number(v, "size", 1000000);
	else if (is_word(key, "max_pages"))
		p->max_pages = read_number(v, "max_pages", ERRAND_PAGES_MAX);
	else if (is_word(key, "delay"))
		p->delay_ms = read_delay(v);
	else if (!is_word(key, "mode"))
		ereport(ERROR, (BAD_ARGUMENT,
						errmsg("\"paginate\" has no \"%.*s\"", Min(key->val.string.len, 100), key->val.string.val),
						errhint("It has mode, path, param, size, max_pages and delay.")));
}

/* What the mode cannot do without, and what would be without effect. */
static void
check_mode(const ErrandPaginate *p)
{
	const char *mode = modes[p->mode];
	bool in_body = p->mode == ERRAND_PAGE_NEXT_URL || p->mode == ERRAND_PAGE_CURSOR;
	bool by_param = p->mode == ERRAND_PAGE_CURSOR || p->mode >= ERRAND_PAGE_NUMBER;
	const char *missing = in_body && p->path == NULL					? "path" :
						  by_param && p->param == NULL					? "param" :
						  p->mode == ERRAND_PAGE_OFFSET && p->size == 0 ? "size" :
																		  NULL;

	if (missing != NULL)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"paginate\" with mode \"%s\" needs \"%s\"", mode, missing),
						errhint("Such as {\"mode\": \"cursor\", \"path\": \"$.next\", \"param\": \"cursor\"}, "
								"or {\"mode\": \"offset\", \"param\": \"offset\", \"size\": 100}.")));
	if ((p->mode == ERRAND_PAGE_LINK && p->path != NULL) || (!by_param && p->param != NULL) ||
		(p->mode != ERRAND_PAGE_OFFSET && p->size != 0))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"paginate\" with mode \"%s\" says too much", mode),
						errhint("link has neither path nor param, next_url has no param, and "
								"only offset has a size.")));
}

void
errand_paginate_read(const JsonbValue *v, ErrandPaginate *p)
{
	JsonbIterator *it;
	JsonbValue key = {0};
	JsonbValue item;
	JsonbIteratorToken token;

	memset(p, 0, sizeof(*p));
	p->max_pages = ERRAND_PAGES_DEFAULT;
	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"paginate\" must be an object"),
						errhint("Such as {\"mode\": \"link\"}.")));
	p->mode = read_mode(getKeyJsonValueFromContainer(v->val.binary.data, "mode", 4, NULL));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = item;
		else if (token == WJB_VALUE && item.type != jbvNull)
			read_key(p, &key, &item);
	}
	check_mode(p);
}
