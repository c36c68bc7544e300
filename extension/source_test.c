/*
 * source_test.c
 *		errand.test_source(): a dry run of a source.
 *
 * Runs in every backend.  The fetch is a worker's: the request goes to the
 * leader by value, so that a definition can be tested before it commits.  What
 * is the user's runs as the caller, who must be the source's owner, in a
 * subtransaction that is undone.  It must not open a socket.
 */
#include "postgres.h"

#include "access/xact.h"
#include "call.h"
#include "compat.h"
#include "events.h"
#include "letter.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "wait_look.h"
#include "waiting.h"

PG_FUNCTION_INFO_V1(errand_test_source);

#define ANSWER_MS 15000 /* so long a leader may take to take a letter */
#define LOOK_MS 1000

static TimestampTz
after_ms(int64 ms)
{
	return GetCurrentTimestamp() + ms * 1000;
}

static int64
whole_number(Jsonb *object, const char *key)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&object->root, key, strlen(key), NULL);

	return v == NULL || v->type != jbvNumeric ?
			   0 :
			   DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
}

/* The task that the leader made of the letter; 0: none in time. */
static int64
post(Jsonb *letter)
{
	int n = errand_letter_post(JsonbToCString(NULL, &letter->root, VARSIZE(letter)));
	TimestampTz until = after_ms(ANSWER_MS);
	volatile int64 id = 0;

	if (n < 0)
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("the source cannot be tested now"),
						errhint("Eight tests run at once, and a request has up to %d bytes: try again later.",
								ERRAND_LETTER_BYTES)));
	PG_TRY();
	{
		while ((id = errand_letter_answer(n)) == 0 && errand_wait_sleep(until, LOOK_MS))
			;
	}
	PG_FINALLY();
	{
		errand_letter_end(n);
	}
	PG_END_TRY();
	return id;
}

/* Waits until the task is over; false if it is not in time. */
static bool
wait_for(int64 id, TimestampTz until)
{
	ErrandLook look = {0};
	bool over;

	errand_wait_register(&id, 1);
	do
	{
		errand_look(&id, 1, &look);
		over = look.state[0] != ERRAND_LOOK_RUNNING && look.state[0] != ERRAND_LOOK_NONE;
	} while (!over && errand_wait_sleep(until, LOOK_MS));
	errand_wait_unregister();
	return over;
}

/* Calls a function that must leave no trace; what it raised goes to *error. */
static Jsonb *
try_part(const char *function, Jsonb *plan, char **error)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Jsonb *volatile result = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		ErrandArgs a = {0};
		bool isnull;

		errand_arg_pointer(&a, plan);
		errand_arg_text(&a, GetConfigOptionResetString("search_path"));
		result = DatumGetJsonbPCopy(errand_call_as_caller(function, &a, &isnull));
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *e;

		MemoryContextSwitchTo(memory);
		e = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (e->sqlerrcode == ERRCODE_QUERY_CANCELED)
			ReThrowError(e);
		*error = pstrdup(e->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	return result;
}

/* The plan with the rows that were made: what is to be inserted. */
static Jsonb *
with_rows(Jsonb *plan, Jsonb *mapped)
{
	return DatumGetJsonbP(
		DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(plan), JsonbPGetDatum(mapped)));
}

static Jsonb *
report(const char *name, int64 task, Jsonb *plan, Jsonb *mapped, Jsonb *stored, const char *error)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_arg_text(&a, name);
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, Int64GetDatum(task));
	errand_arg_pointer(&a, plan);
	errand_arg_pointer(&a, mapped);
	errand_arg_pointer(&a, stored);
	errand_arg_text(&a, error);
	return DatumGetJsonbP(errand_call("_source_test_report", &a, &isnull));
}

/* What the answer holds, by the latest snapshot: the task is newer than this transaction's. */
static Jsonb *
read_answer(const char *name, int64 task)
{
	ErrandArgs a = {0};
	Jsonb *plan;
	bool isnull;

	errand_arg_text(&a, name);
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, Int64GetDatum(task));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	PushActiveSnapshot(GetLatestSnapshot());
	plan = DatumGetJsonbPCopy(errand_call("_source_test_read", &a, &isnull));
	PopActiveSnapshot();
	return plan;
}

static Jsonb *
dry_run(const char *name, Jsonb *letter)
{
	int64 task = post(letter);
	Jsonb *plan;
	Jsonb *mapped = NULL;
	Jsonb *stored = NULL;
	char *error = NULL;

	if (task == 0)
		return report(name, 0, NULL, NULL, NULL,
					  "no worker took the test: SELECT errand.health() tells why");
	if (!wait_for(task, after_ms(whole_number(letter, "timeout_ms") + ANSWER_MS)))
		return report(
			name, 0, NULL, NULL, NULL,
			"the request was not made in time: the engine is paused, or busy, or the host is held back");
	plan = read_answer(name, task);
	if (getKeyJsonValueFromContainer(&plan->root, "items", 5, NULL) != NULL)
		mapped = try_part("_source_map", plan, &error);
	if (mapped != NULL)
		stored = try_part("_source_insert", with_rows(plan, mapped), &error);
	return report(name, task, plan, mapped, stored, error);
}

Datum
errand_test_source(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	Jsonb *letter;
	char *name;
	bool isnull;

	errand_enter();
	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the name of a source must not be NULL"),
						errhint("SELECT * FROM errand.sources lists yours.")));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	errand_check_name("source", name);
	errand_arg_text(&a, name);
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, BoolGetDatum(errand_may("admin")));
	letter = DatumGetJsonbPCopy(errand_call("_source_test_letter", &a, &isnull));
	PG_RETURN_JSONB_P(dry_run(name, letter));
}
