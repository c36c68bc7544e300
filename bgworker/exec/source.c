/*
 * source.c
 *		What tasks of kind source do: transform items, store rows.
 *
 * Runs in executors, as the source's owner.  What is read and recorded of the
 * source is done with the rights of the extension's owner, by the functions
 * that errand_call() calls; what is the user's (his function, his table) with
 * his own.  The two must never be mixed up.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/fault.h"
#include "call.h"
#include "exec/source.h"
#include "kinds/kind.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

bool
errand_is_source(const ErrandRun *r)
{
	return r->kind != NULL && strcmp(r->kind->name, "source") == 0;
}

static bool
has(Jsonb *plan, const char *key)
{
	return getKeyJsonValueFromContainer(&plan->root, key, strlen(key), NULL) != NULL;
}

/* As the source's owner, with the search_path that his session began with. */
static Jsonb *
users_part(Jsonb *plan)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_arg_pointer(&a, plan);
	errand_arg_text(&a, GetConfigOptionResetString("search_path"));
	return DatumGetJsonbP(
		errand_call_as_caller(has(plan, "rows") ? "_source_insert" : "_source_map", &a, &isnull));
}

Jsonb *
errand_source_work(const ErrandRun *r)
{
	ErrandArgs a = {0};
	Jsonb *plan;
	Jsonb *result = NULL;
	bool isnull;
	Datum d;

	errand_arg(&a, Int64GetDatum(r->id));
	errand_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	d = errand_call("_source_begin", &a, &isnull);
	if (isnull)
		return NULL; /* the source was dropped */
	plan = DatumGetJsonbP(d);
	if (!has(plan, "problem"))
		result = users_part(plan);
	ERRAND_FAULT("source");
	a.n = 1;
	errand_arg_pointer(&a, plan);
	errand_arg_pointer(&a, result);
	errand_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	d = errand_call("_source_end", &a, &isnull);
	return isnull ? NULL : DatumGetJsonbP(d);
}
