/*
 * submit_list.c
 *		errand.submit_many() of tasks that differ: one after the other.
 *
 * Runs in every backend, at submit.  A list may be long: what one task takes is
 * used again for the next.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "submit.h"
#include "submit_after.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(errand_submit_list);

MemoryContext
errand_submit_scratch(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "errand submit", ALLOCSET_DEFAULT_SIZES);
}

static void
item_check(const ErrandOptions *o, int number)
{
	for (int k = OPT_URL; k < OPT_TIMEOUT_MILLISECONDS; k++)
	{
		if (o->given[k])
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("\"%s\" of task %d of the list belongs in its payload",
								   errand_option_name(k), number)));
	}
}

/* One of the list. */
static int64
submit_item(Jsonb *list, int i)
{
	JsonbValue *item = getIthJsonbValueFromContainer(&list->root, i);
	ErrandOptions o;

	memset(o.given, 0, sizeof(o.given));
	if (item->type != jbvBinary || !JsonContainerIsObject(item->val.binary.data))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("task %d of the list is not an object", i + 1),
						errhint("Such as {\"task\": \"http\", \"payload\": {\"url\": ...}}.")));
	errand_options_from_json(JsonbValueToJsonb(item), &o, true);
	item_check(&o, i + 1);
	if (!o.given[OPT_PAYLOAD])
	{
		o.given[OPT_PAYLOAD] = true;
		o.value[OPT_PAYLOAD] = DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	}
	return errand_submit_options(errand_required_task(&o), &o);
}

Datum
errand_submit_list(PG_FUNCTION_ARGS)
{
	Jsonb *list = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	MemoryContext scratch, ours;
	int64 *ids;
	int n;

	errand_enter();
	errand_check_set_allowed(fcinfo);
	if (list == NULL || !JB_ROOT_IS_ARRAY(list) || JB_ROOT_IS_SCALAR(list))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the tasks must be a JSON array of objects"),
						errhint("Such as [{\"task\": \"http\", \"payload\": {\"url\": ...}}].")));
	n = JB_ROOT_COUNT(list);
	ids = palloc(sizeof(int64) * Max(n, 1));
	scratch = errand_submit_scratch();
	ours = MemoryContextSwitchTo(scratch);
	for (int i = 0; i < n; i++)
	{
		ids[i] = submit_item(list, i);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(ours);
	MemoryContextDelete(scratch);
	errand_return_ids(fcinfo, ids, n);
	return (Datum) 0;
}

int64 *
errand_submit_each(const char *type, const ErrandOptions *o, int *n)
{
	MemoryContext scratch, ours;
	Datum *items;
	bool *nulls;
	int64 *ids;

	deconstruct_array(DatumGetArrayTypeP(o->value[OPT_PAYLOADS]), JSONBOID, -1, false, TYPALIGN_INT,
					  &items, &nulls, n);
	ids = palloc(sizeof(int64) * Max(*n, 1));
	scratch = errand_submit_scratch();
	ours = MemoryContextSwitchTo(scratch);
	for (int i = 0; i < *n; i++)
	{
		ErrandOptions one = *o;

		one.given[OPT_PAYLOADS] = false;
		one.given[OPT_PAYLOAD] = !nulls[i];
		one.value[OPT_PAYLOAD] = items[i];
		ids[i] = errand_submit_options(type, &one);
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(ours);
	MemoryContextDelete(scratch);
	return ids;
}
