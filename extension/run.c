/*
 * run.c
 *		CALL errand.run(): submits, commits, waits.
 *
 * Runs in every backend, as a procedure: it commits the caller's transaction,
 * so it must hold no snapshot then, and must never be given a SET clause (which
 * makes a procedure atomic).  SPI is used for that commit alone: no SQL here.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "submit.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "waiting.h"

PG_FUNCTION_INFO_V1(errand_run);

static void
require_no_transaction(FunctionCallInfo fcinfo)
{
	CallContext *context = (CallContext *) fcinfo->context;

	if (context != NULL && IsA(context, CallContext) && !context->atomic && !IsSubTransaction())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
			 errmsg("errand.run() cannot be called inside a transaction block"),
			 errhint("It commits. Inside a transaction use errand.submit(), COMMIT, then errand.wait_for(id).")));
}

static int64
submit(FunctionCallInfo fcinfo)
{
	ErrandOptions o;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the task type must not be NULL"),
						errhint("Such as CALL errand.run('http', '{\"url\": ...}').")));
	memset(o.given, 0, sizeof(o.given));
	o.given[OPT_PAYLOAD] = true;
	o.value[OPT_PAYLOAD] = PG_ARGISNULL(1) ? DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")) :
											 PG_GETARG_DATUM(1);
	return errand_submit_options(text_to_cstring(PG_GETARG_TEXT_PP(0)), &o);
}

/* The one row of a procedure with an INOUT argument. */
static Datum
result_row(Datum result, bool isnull)
{
	TupleDesc desc = CreateTemplateTupleDesc(1);

	TupleDescInitEntry(desc, 1, "result", JSONBOID, -1, 0);
	desc = BlessTupleDesc(desc);
	return HeapTupleGetDatum(heap_form_tuple(desc, &result, &isnull));
}

Datum
errand_run(PG_FUNCTION_ARGS)
{
	int64 id;
	Datum result;
	bool isnull;

	require_no_transaction(fcinfo);
	errand_enter();
	id = submit(fcinfo);
	(void) errand_wait_until(fcinfo, 3); /* refused before anything commits */
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	SPI_commit();
	SPI_start_transaction();
	SPI_finish();
	errand_wait_one(id, errand_wait_until(fcinfo, 3),
					"CALL errand.run(..., timeout => ...) waits longer.");
	result = errand_wait_result(id, &isnull);
	return result_row(result, isnull);
}
