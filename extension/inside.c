/*
 * inside.c
 *		What a SQL task's handler can call: current_task(), parent_results(),
 *		set_progress().
 *
 * Runs in executors, and in any backend where there is no current task.
 * Progress goes to shared memory, so that others see it before the commit.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "contract.h"
#include "current.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(errand_current_task_id);
PG_FUNCTION_INFO_V1(errand_parent_results);
PG_FUNCTION_INFO_V1(errand_set_progress);
PG_FUNCTION_INFO_V1(errand_progress_of);
PG_FUNCTION_INFO_V1(errand_progress_text_of);

int64 errand_current_task = 0;
ErrandSlot *errand_current_slot = NULL;

Datum
errand_current_task_id(PG_FUNCTION_ARGS)
{
	if (errand_current_task == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(errand_current_task);
}

static void
require_task(void)
{
	if (errand_current_task == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("there is no current task"),
						errhint("Call this in a function that errand.call() runs.")));
}

Datum
errand_parent_results(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	Datum d;

	require_task();
	errand_arg(&a, Int64GetDatum(errand_current_task));
	d = errand_call("_parent_results", &a, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(d);
}

Datum
errand_set_progress(PG_FUNCTION_ARGS)
{
	double fraction;
	char *message = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));

	require_task();
	fraction = PG_ARGISNULL(0) ? -1 : PG_GETARG_FLOAT8(0);
	if (!PG_ARGISNULL(0) && !(fraction >= 0 && fraction <= 1))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("progress is out of range"),
						errhint("It is a fraction between 0 and 1.")));
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	errand_current_slot->progress = fraction;
	if (message != NULL)
	{
		int len = pg_mbcliplen(message, strlen(message), ERRAND_PROGRESS_BYTES - 1);

		memcpy(errand_current_slot->progress_text, message, len);
		errand_current_slot->progress_text[len] = '\0';
	}
	LWLockRelease(errand_shared->slot_lock);
	PG_RETURN_VOID();
}

/* The progress of a running task of the caller's, or of anyone's for who sees all; false if none. */
static bool
progress_find(int64 id, double *fraction, char *message)
{
	Oid role = InvalidOid;

	if (errand_shared == NULL)
		return false;
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		const ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind != ERRAND_PROCESS_EXECUTOR || s->database != MyDatabaseId || s->task != id)
			continue;
		role = s->role;
		*fraction = s->progress;
		strlcpy(message, s->progress_text, ERRAND_PROGRESS_BYTES);
	}
	LWLockRelease(errand_shared->slot_lock);
	return OidIsValid(role) && (role == GetUserId() || errand_may("monitor"));
}

Datum
errand_progress_of(PG_FUNCTION_ARGS)
{
	char message[ERRAND_PROGRESS_BYTES];
	double fraction = -1;

	if (!progress_find(PG_GETARG_INT64(0), &fraction, message) || fraction < 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(fraction);
}

Datum
errand_progress_text_of(PG_FUNCTION_ARGS)
{
	char message[ERRAND_PROGRESS_BYTES] = "";
	double fraction = -1;

	if (!progress_find(PG_GETARG_INT64(0), &fraction, message) || message[0] == '\0')
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(message));
}
