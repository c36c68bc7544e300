/*
 * submit_after.c
 *		What a new task has to do with others: parents and group; and the ids
 *		that submitting several returns.
 *
 * Runs in every backend, at submit.  It looks and checks; what is written is
 * written by the internal function that inserts the task.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "events.h"
#include "funcapi.h"
#include "shared.h"
#include "submit_after.h"

static void
look_at_parents(ErrandPolicy *p)
{
	ErrandArgs a = {0};
	bool isnull;
	Datum row;
	Datum d;

	errand_arg(&a, p->after);
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, BoolGetDatum(errand_may("monitor")));
	errand_arg(&a, BoolGetDatum(p->after_done));
	row = errand_call("_after_look", &a, &isnull);
	p->after = errand_column(row, "parents", &isnull);
	d = errand_column(row, "spoilt", &isnull);
	p->spoilt = isnull ? 0 : DatumGetInt64(d);
	p->unmet = errand_column(row, "unmet", &isnull);
	p->has_unmet = !isnull && p->spoilt == 0;
}

void
errand_after_check(ErrandPolicy *p)
{
	ErrandArgs a = {0};
	ErrandDatabase *d = errand_database_mine();
	bool isnull;

	if (p->has_after)
		look_at_parents(p);
	if (p->has_unmet && d != NULL)
		(void) pg_atomic_add_fetch_u32(&d->dependencies, 1);
	if (p->task_group == 0)
		return;
	errand_arg(&a, Int64GetDatum(p->task_group));
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, BoolGetDatum(errand_may("admin")));
	(void) errand_call("_group_check", &a, &isnull);
	errand_event_touch_groups();
}

void
errand_after_args(ErrandArgs *a, const ErrandPolicy *p)
{
	if (p->has_after)
	{
		errand_arg(a, p->after);
		errand_arg(a, BoolGetDatum(p->after_done));
	}
	else
	{
		errand_arg_null(a);
		errand_arg_null(a);
	}
	if (p->has_unmet)
		errand_arg(a, p->unmet);
	else
		errand_arg_null(a);
	if (p->spoilt != 0)
		errand_arg(a, Int64GetDatum(p->spoilt));
	else
		errand_arg_null(a);
	if (p->task_group != 0)
		errand_arg(a, Int64GetDatum(p->task_group));
	else
		errand_arg_null(a);
}

ErrandState
errand_after_state(const ErrandPolicy *p, TimestampTz now)
{
	if (p->spoilt != 0)
		return ERRAND_CANCELLED;
	if (p->has_unmet)
		return ERRAND_WAITING;
	return p->has_run_at && p->run_at > now ? ERRAND_SCHEDULED : ERRAND_READY;
}

void
errand_return_ids(FunctionCallInfo fcinfo, const int64 *ids, int n)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	TupleDesc desc = CreateTemplateTupleDesc(1);
	Tuplestorestate *store = tuplestore_begin_heap(true, false, work_mem);

	TupleDescInitEntry(desc, 1, "id", INT8OID, -1, 0);
	for (int i = 0; i < n; i++)
	{
		Datum value = Int64GetDatum(ids[i]);
		bool null = false;

		tuplestore_putvalues(store, desc, &value, &null);
	}
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = store;
	rsinfo->setDesc = desc;
	MemoryContextSwitchTo(old);
}

void
errand_check_set_allowed(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
}
