/*
 * pages.c
 *		errand._page(): a page of a list of tasks, found in the tables on behalf
 *		of who asks.
 *
 * Runs in every backend and in the relay.  The role in force is looked up here,
 * so that nobody can ask in another's name; what is found is read through the
 * views all the same.
 */
#include "postgres.h"

#include "call.h"
#include "fmgr.h"
#include "miscadmin.h"

PG_FUNCTION_INFO_V1(errand_page);
PG_FUNCTION_INFO_V1(errand_rows);

#define PAGE_MAX 10000

/* Who asks, and whether it sees the tasks of others. */
static void
caller_args(ErrandArgs *a)
{
	errand_arg(a, ObjectIdGetDatum(GetUserId()));
	errand_arg(a, BoolGetDatum(errand_may("monitor")));
}

Datum
errand_page(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(2) || PG_GETARG_INT32(2) < 1 ||
		PG_GETARG_INT32(2) > PAGE_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the page is not valid"),
						errhint("It needs a filter and a limit between 1 and %d.", PAGE_MAX)));
	errand_arg(&a, PG_GETARG_DATUM(0));
	if (PG_ARGISNULL(1))
		errand_arg_null(&a);
	else
		errand_arg(&a, PG_GETARG_DATUM(1));
	errand_arg(&a, PG_GETARG_DATUM(2));
	caller_args(&a);
	return errand_call("_page_find", &a, &isnull);
}

Datum
errand_rows(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_arg(&a, PG_GETARG_DATUM(0));
	caller_args(&a);
	return errand_call("_rows_find", &a, &isnull);
}
