/*
 * within.c
 *		errand._view_within(): a view of a user's is read, but not for long, and
 *		so that nothing of it stays in the session.
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

/* When the statement is to be cancelled anyway; 0: never. */
static TimestampTz
timeout_due(void)
{
	return get_timeout_active(STATEMENT_TIMEOUT) ? get_timeout_finish_time(STATEMENT_TIMEOUT) : 0;
}

static void
timeout_back(TimestampTz due)
{
	disable_timeout(STATEMENT_TIMEOUT, true);
	if (get_timeout_indicator(STATEMENT_TIMEOUT, true))
		QueryCancelPending = false; /* it came too late for the view */
	if (due != 0)
		enable_timeout_at(STATEMENT_TIMEOUT, due);
}

Datum
errand_view_within(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull = false;
	volatile Datum rows = (Datum) 0;
	int ms = PG_GETARG_INT32(1);
	TimestampTz due = timeout_due();
	Oid user;
	int context;
	bool sooner = due == 0 || due > TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);

	if (sooner)
		enable_timeout_after(STATEMENT_TIMEOUT, ms);
	errand_arg(&a, PG_GETARG_DATUM(0));
	GetUserIdAndSecContext(&user, &context);
	PG_TRY();
	{
		SetUserIdAndSecContext(user, context | SECURITY_RESTRICTED_OPERATION);
		rows = errand_call_as_caller("_view_read", &a, &isnull);
	}
	PG_FINALLY();
	{
		SetUserIdAndSecContext(user, context);
		if (sooner)
			timeout_back(due);
	}
	PG_END_TRY();
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(rows);
}
