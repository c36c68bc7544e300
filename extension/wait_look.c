/*
 * wait_look.c
 *		Looks at tasks with the latest snapshot, for the waiting functions.
 *
 * Runs in every backend, with the caller's rights: a task that is not the
 * caller's is one that does not exist.
 */
#include "postgres.h"

#include "wait_look.h"
#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "portability/instr_time.h"
#include "shared.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

static void
look_prepare(ErrandLook *look, int n)
{
	if (look->state != NULL)
		return;
	look->state = palloc0(sizeof(ErrandLookState) * Max(n, 1));
	look->name = palloc0(sizeof(char *) * Max(n, 1));
	look->error = palloc0(sizeof(char *) * Max(n, 1));
	look->finished = palloc0(sizeof(TimestampTz) * Max(n, 1));
	look->fresh = palloc0(sizeof(int) * Max(n, 1));
}

static ErrandLookState
look_state(const char *name)
{
	if (strcmp(name, "succeeded") == 0)
		return ERRAND_LOOK_SUCCEEDED;
	if (strcmp(name, "cancelled") == 0)
		return ERRAND_LOOK_CANCELLED;
	if (strcmp(name, "none") == 0)
		return ERRAND_LOOK_NONE;
	return ERRAND_LOOK_FAILED;
}

/* One row of _look(): position, state, error, time.  What remains goes to keep. */
static void
look_row(ErrandLook *look, const int *position, HeapTupleHeader row, MemoryContext keep)
{
	bool isnull;
	int i = position[DatumGetInt32(GetAttributeByName(row, "ord", &isnull)) - 1];
	Datum d = GetAttributeByName(row, "state", &isnull);
	char *error;

	if (isnull)
		return;
	look->name[i] = MemoryContextStrdup(keep, TextDatumGetCString(d));
	look->state[i] = look_state(look->name[i]);
	d = GetAttributeByName(row, "error", &isnull);
	error = isnull ? NULL : TextDatumGetCString(d);
	look->error[i] = error ? MemoryContextStrdup(keep, error) : NULL;
	d = GetAttributeByName(row, "finished_at", &isnull);
	look->finished[i] = isnull ? DT_NOBEGIN : DatumGetTimestampTz(d);
	look->fresh[look->n_fresh++] = i;
}

/* Calls _look() for those of the ids that were not final before. */
static void
look_rows(const int64 *ids, int n, ErrandLook *look, MemoryContext keep)
{
	ErrandArgs a = {0};
	Datum *wanted = palloc_extended(sizeof(Datum) * Max(n, 1), MCXT_ALLOC_HUGE);
	int *position = palloc(sizeof(int) * Max(n, 1));
	int n_wanted = 0;
	bool isnull;
	Datum *rows;
	bool *nulls;
	int n_rows;
	Datum result;
	ArrayType *array;
	int16 len;
	bool byval;
	char align;

	for (int i = 0; i < n; i++)
	{
		if (look->state[i] != ERRAND_LOOK_RUNNING)
			continue;
		position[n_wanted] = i;
		wanted[n_wanted++] = Int64GetDatum(ids[i]);
	}
	errand_arg_pointer(&a, construct_array(wanted, n_wanted, INT8OID, 8, FLOAT8PASSBYVAL,
										   TYPALIGN_DOUBLE));
	PushActiveSnapshot(GetLatestSnapshot());
	result = errand_call_as_caller("_look", &a, &isnull);
	PopActiveSnapshot();
	if (isnull)
		return;
	array = DatumGetArrayTypeP(result);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align, &rows, &nulls, &n_rows);
	for (int i = 0; i < n_rows; i++)
		look_row(look, position, DatumGetHeapTupleHeader(rows[i]), keep);
}

/* In order of time, then of the list. */
static int
compare_fresh(const void *a, const void *b, void *arg)
{
	const ErrandLook *look = arg;
	int i = *(const int *) a;
	int k = *(const int *) b;

	if (look->finished[i] != look->finished[k])
		return look->finished[i] < look->finished[k] ? -1 : 1;
	return i < k ? -1 : i > k;
}

void
errand_look(const int64 *ids, int n, ErrandLook *look)
{
	MemoryContext keep = CurrentMemoryContext;
	MemoryContext scratch = AllocSetContextCreate(keep, "errand look", ALLOCSET_DEFAULT_SIZES);
	instr_time began;
	instr_time took;

	INSTR_TIME_SET_CURRENT(began);
	look_prepare(look, n);
	look->n_fresh = 0;
	MemoryContextSwitchTo(scratch);
	look_rows(ids, n, look, keep);
	MemoryContextSwitchTo(keep);
	MemoryContextDelete(scratch);
	qsort_arg(look->fresh, look->n_fresh, sizeof(int), compare_fresh, look);
	look->running = look->failed = 0;
	for (int i = 0; i < n; i++)
	{
		look->running += look->state[i] == ERRAND_LOOK_RUNNING;
		look->failed += errand_look_failed(look->state[i]);
	}
	INSTR_TIME_SET_CURRENT(took);
	INSTR_TIME_SUBTRACT(took, began);
	look->took_us = (int64) INSTR_TIME_GET_MICROSEC(took);
}

void
errand_init_materialized(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;
	TupleDesc desc;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || !(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("set-valued function called in context that cannot accept a set")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap(true, false, work_mem);
	rsinfo->setDesc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
}

int
errand_leader_pid(Oid database)
{
	int pid = 0;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS && pid == 0; i++)
	{
		const ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind == ERRAND_PROCESS_WORKER && s->database == database && s->leader)
			pid = s->pid;
	}
	LWLockRelease(errand_shared->slot_lock);
	return pid;
}

void
errand_wait_refuse_pool(const int64 *ids, int n)
{
	ErrandArgs a = {0};
	Datum *items = palloc(sizeof(Datum) * Max(n, 1));
	bool isnull;

	for (int i = 0; i < n; i++)
		items[i] = Int64GetDatum(ids[i]);
	errand_arg_pointer(&a, construct_array(items, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	PushActiveSnapshot(GetLatestSnapshot());
	if (DatumGetBool(errand_call("_needs_executor", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("a SQL task cannot wait for another one"),
						errhint("It could take its executor: use the option after, and errand.parent_results().")));
	PopActiveSnapshot();
}
