/*
 * within.c
 *		errand._view_within(): a view of a user's is read, but not for long.
 *
 * Runs in every backend and in the relay, as the caller.  The statement's own
 * timeout stays what it was: it must never be put off, nor be left short.
 */
#include "postgres.h"

#include "call.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_view_within);

/* Returns when the statement would have been cancelled; 0: never. */
static TimestampTz
timeout_begin(int ms)
{
	TimestampTz before =
		get_timeout_active(STATEMENT_TIMEOUT) ? get_timeout_finish_time(STATEMENT_TIMEOUT) : 0;

	if (before == 0 || before > TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms))
		enable_timeout_after(STATEMENT_TIMEOUT, ms);
	return before;
}

static void
timeout_end(TimestampTz before)
{
	disable_timeout(STATEMENT_TIMEOUT, true);
	if (get_timeout_indicator(STATEMENT_TIMEOUT, true))
		QueryCancelPending = false; /* it came too late for the view */
	if (before != 0)
		enable_timeout_at(STATEMENT_TIMEOUT, before);
}

Datum
errand_view_within(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull = false;
	volatile Datum rows = (Datum) 0;
	TimestampTz before = timeout_begin(PG_GETARG_INT32(1));

	errand_arg(&a, PG_GETARG_DATUM(0));
	PG_TRY();
	{
		rows = errand_call_as_caller("_view_read", &a, &isnull);
	}
	PG_FINALLY();
	{
		timeout_end(before);
	}
	PG_END_TRY();
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(rows);
}
