/*
 * steer_where.c
 *		cancel_where(), retry_where(), purge(), purge_queue(): steering over a
 *		filter.
 *
 * Runs in every backend, in the caller's transaction: everything takes effect
 * at commit.  Ids are found once, in one statement, and then worked off in id
 * order, each as the function for one task does it: so the rights, the events
 * and the order of locks are the same.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "shared.h"
#include "steer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_cancel_where);
PG_FUNCTION_INFO_V1(errand_retry_where);
PG_FUNCTION_INFO_V1(errand_purge);
PG_FUNCTION_INFO_V1(errand_purge_queue);

#define PAGE 1000 /* tasks between two resets of memory */

typedef struct Found
{
	int64 *ids; /* ascending */
	int n;
	bool all; /* the role may touch the tasks of others */
} Found;

/* The tasks that a filter means for a purpose: 'cancel', 'retry' or 'purge'. */
static Found
find(Datum filter, bool filter_null, const char *purpose)
{
	Found f;
	ErrandArgs a = {0};
	ArrayType *array;
	bool isnull;

	f.all = errand_may("admin");
	if (filter_null)
		errand_arg_null(&a);
	else
		errand_arg(&a, filter);
	errand_arg_text(&a, purpose);
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, BoolGetDatum(f.all));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	array = DatumGetArrayTypeP(errand_call("_where", &a, &isnull));
	f.n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	f.ids = (int64 *) ARR_DATA_PTR(array);
	return f;
}

typedef int64 (*Act)(const int64 *ids, int n, bool all, const char *reason);

/* Page by page, so that memory and interrupts have their turn. */
static int64
work_off(const Found *f, Act act, const char *reason)
{
	MemoryContext page = AllocSetContextCreate(CurrentMemoryContext, "errand page",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(page);
	int64 done = 0;

	for (int i = 0; i < f->n; i += PAGE)
	{
		CHECK_FOR_INTERRUPTS();
		done += act(f->ids + i, Min(PAGE, f->n - i), f->all, reason);
		MemoryContextReset(page);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(page);
	return done;
}

static int64
act_cancel(const int64 *ids, int n, bool all, const char *reason)
{
	int64 done = 0;

	for (int i = 0; i < n; i++)
		done += errand_cancel_one(ids[i], all, reason);
	return done;
}

static int64
act_retry(const int64 *ids, int n, bool all, const char *reason)
{
	int64 done = 0;

	for (int i = 0; i < n; i++)
		done += errand_retry_one(ids[i], all);
	return done;
}

static int64
act_purge(const int64 *ids, int n, bool all, const char *reason)
{
	Datum *items = palloc(sizeof(Datum) * n);
	ErrandArgs a = {0};
	bool isnull;

	for (int i = 0; i < n; i++)
		items[i] = Int64GetDatum(ids[i]);
	errand_arg_pointer(&a, construct_array(items, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	return DatumGetInt64(errand_call("_purge", &a, &isnull));
}

/* What cancel_where() and retry_where() share. */
static Datum
act_where(FunctionCallInfo fcinfo, const char *purpose, Act act)
{
	bool dry = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	Found f;

	errand_enter();
	f = find(PG_GETARG_DATUM(0), PG_ARGISNULL(0), purpose);
	return Int64GetDatum(dry ? f.n : work_off(&f, act, NULL));
}

Datum
errand_cancel_where(PG_FUNCTION_ARGS)
{
	return act_where(fcinfo, "cancel", act_cancel);
}

Datum
errand_retry_where(PG_FUNCTION_ARGS)
{
	return act_where(fcinfo, "retry", act_retry);
}

Datum
errand_purge(PG_FUNCTION_ARGS)
{
	Found f;

	errand_enter();
	f = find(PG_GETARG_DATUM(0), PG_ARGISNULL(0), "purge");
	PG_RETURN_INT64(work_off(&f, act_purge, NULL));
}

/* {"queue": name}, and the states in which nothing runs. */
static Datum
queue_filter(text *name)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(
		&s, "{\"state\": [\"waiting\", \"scheduled\", \"ready\", \"retrying\"], \"queue\": ");
	escape_json(&s, text_to_cstring(name));
	appendStringInfoChar(&s, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data));
}

Datum
errand_purge_queue(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	Found f;

	errand_enter();
	errand_require("admin");
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the name of a queue must not be NULL"),
						errhint("SELECT * FROM errand.queues lists them.")));
	errand_arg(&a, PG_GETARG_DATUM(0));
	if (!DatumGetBool(errand_call("_queue_exists", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("there is no queue \"%s\"", text_to_cstring(PG_GETARG_TEXT_PP(0))),
						errhint("SELECT * FROM errand.queues lists them.")));
	f = find(queue_filter(PG_GETARG_TEXT_PP(0)), false, "cancel");
	PG_RETURN_INT64(work_off(&f, act_cancel, "the queue was purged"));
}
