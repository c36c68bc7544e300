/*
 * attempt.c
 *		One attempt of a SQL task: its handler in a subtransaction.
 *
 * Runs in executors, as the submitter, in the transaction that will also hold
 * the outcome.  A handler may raise, hang, or leave what it likes behind: its
 * subtransaction, its GUC nest level and session.c undo it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/clock.h"
#include "base/process.h"
#include "commands/trigger.h"
#include "compat.h"
#include "current.h"
#include "exec/attempt.h"
#include "exec/handler.h"
#include "exec/notices.h"
#include "exec/session.h"
#include "exec/source.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgstat.h"
#include "settings.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#define SHORT_US 5000
#define MAX_INTERRUPTED 3 /* more often than that it does so itself */
#define GUARD_MS 1000

static TimeoutId timeout_id;
static TimeoutId guard_id;
static volatile sig_atomic_t timed_out = false;

static void
time_is_over(void)
{
	timed_out = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/*
 * Every second of a handler's time.  One that was interrupted and goes on all
 * the same catches query_canceled: what comes now cannot be caught.
 */
static void
guard(void)
{
	static int overdue = 0;

	overdue = timed_out || errand_my_slot->cancel_asked || errand_process_must_leave() ?
				  overdue + 1 :
				  0;
	if (overdue < 2)
		return;
	overdue = 0;
	InterruptPending = true;
	ProcDiePending = true;
	SetLatch(MyLatch);
}

void
errand_attempts_init(void)
{
	timeout_id = RegisterTimeout(USER_TIMEOUT, time_is_over);
	guard_id = RegisterTimeout(USER_TIMEOUT, guard);
	errand_handlers_init();
	errand_notices_init();
	errand_current_slot = errand_my_slot;
}

static JsonbValue *
field(const ErrandRun *r, const char *name)
{
	if (r->payload == NULL || !JB_ROOT_IS_OBJECT(r->payload))
		return NULL;
	return getKeyJsonValueFromContainer(&r->payload->root, name, strlen(name), NULL);
}

static ErrandHandler *
handler_of(const ErrandRun *r)
{
	JsonbValue *v = field(r, "function");

	if (v != NULL && v->type == jbvString)
		return errand_handler_find(v->val.string.val, v->val.string.len);
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the task names no function")));
	return NULL;
}

static Jsonb *
args_of(const ErrandRun *r)
{
	JsonbValue *v = field(r, "args");
	JsonbValue empty = {.type = jbvObject};

	return JsonbValueToJsonb(v != NULL ? v : &empty);
}

bool
errand_attempt_is_short(const ErrandRun *r)
{
	JsonbValue *v = field(r, "function");
	double us = -1;

	if (v != NULL && v->type == jbvString)
		us = errand_handler_mean_us(v->val.string.val, v->val.string.len);
	return us >= 0 && us < SHORT_US;
}

static void
push_text(JsonbParseState **state, const char *name, const char *text)
{
	JsonbValue v = {.type = jbvString};

	if (text == NULL)
		return;
	v.val.string.val = (char *) name;
	v.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &v);
	v.val.string.val = (char *) text;
	v.val.string.len = Min(strlen(text), 4000);
	v.val.string.len = pg_mbcliplen(text, v.val.string.len, v.val.string.len);
	pushJsonbValue(state, WJB_VALUE, &v);
}

/* What else is to be kept of the attempt: NULL if there is nothing. */
static Jsonb *
extra_of(const ErrorData *error)
{
	JsonbParseState *state = NULL;
	JsonbValue k = {.type = jbvString};

	if (errand_notices_count() == 0 && error == NULL)
		return NULL;
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (errand_notices_count() > 0)
	{
		k.val.string.val = "notices";
		k.val.string.len = strlen("notices");
		pushJsonbValue(&state, WJB_KEY, &k);
		errand_notices_push(&state);
	}
	if (error != NULL)
	{
		push_text(&state, "detail", error->detail);
		push_text(&state, "hint", error->hint);
		push_text(&state, "context", error->context);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* Which failure an error is: of the task itself, or one that may pass. */
static void
take_error(ErrandRun *r, const ErrorData *error, bool resolved)
{
	MemoryContext old = MemoryContextSwitchTo(r->memory);

	r->failure = resolved ? ERRAND_FAIL_INTERNAL : ERRAND_FAIL_BAD_REQUEST;
	r->error = pstrdup(error->message ? error->message : "");
	r->sqlstate = pstrdup(unpack_sql_state(error->sqlerrcode));
	r->extra = extra_of(error);
	if (error->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED)
		r->failure = ERRAND_FAIL_TOO_LARGE;
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && errand_process_must_leave() && !timed_out)
		r->error = "its process was told to stop each time it ran";
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED && timed_out)
	{
		r->timed_out = true;
		r->failure = ERRAND_FAIL_TIMEOUT;
		r->error = psprintf("timed out after %d ms", r->timeout_ms);
	}
	MemoryContextSwitchTo(old);
}

/* Deferred triggers are the handler's: they run with it, and fail it. */
static void
fire_deferred(void)
{
	ConstraintsSetStmt *all = makeNode(ConstraintsSetStmt);

	all->constraints = NIL;
	all->deferred = false;
	AfterTriggerSetState(all);
}

/* h is NULL for a source's stage. */
static void
call_handler(ErrandRun *r, ErrandHandler *h)
{
	Jsonb *result;

	PushActiveSnapshot(GetTransactionSnapshot());
	result = h != NULL ? errand_handler_call(h, args_of(r)) : errand_source_work(r);
	CommandCounterIncrement();
	fire_deferred();
	PopActiveSnapshot();
	CHECK_FOR_INTERRUPTS(); /* a time-out or a cancellation that came at the very end */
	if (result != NULL && VARSIZE(result) > errand_max_response_bytes)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("the result has more than errand.max_response_bytes (%d)",
							   errand_max_response_bytes)));
	if (result != NULL)
	{
		r->result = MemoryContextAlloc(r->memory, VARSIZE(result));
		memcpy(r->result, result, VARSIZE(result));
	}
}

static void
begin(ErrandRun *r)
{
	int64 left = r->timeout_ms;

	r->started_at = errand_clock_now();
	if (r->has_deadline && r->number == 1)
		left = Max(1, Min(left, (r->deadline - r->started_at) / 1000));
	timed_out = false;
	errand_process_task(r->id, r->attempt, r->started_at + left * 1000);
	errand_current_task = r->id;
	errand_notices_begin();
	enable_timeout_after(timeout_id, (int) Min(left, INT_MAX));
	ERRAND_ENABLE_TIMEOUT_EVERY(guard_id, GUARD_MS);
}

/* From here on no signal is meant for the task; tells whether one was. */
static bool
end(void)
{
	bool asked = errand_my_slot->cancel_asked;

	disable_timeout(timeout_id, false);
	disable_timeout(guard_id, false);
	errand_current_task = 0;
	errand_process_task(0, 0, 0);
	return asked;
}

static void
learn(ErrandHandler *h, ErrandRun *r)
{
	int64 us = errand_clock_now() - r->started_at;

	if (h == NULL)
		return;
	h->mean_us = h->mean_us < 0 || us > 4 * SHORT_US ? us : h->mean_us + (us - h->mean_us) / 8;
}

/* Its process was told to stop: nobody's fault, unless that is what the handler does. */
static bool
interrupted(const ErrandRun *r, const ErrorData *error, bool asked)
{
	return errand_process_must_leave() && error->sqlerrcode == ERRCODE_QUERY_CANCELED && !asked &&
		   !timed_out && r->attempt <= r->max_attempts + MAX_INTERRUPTED;
}

bool
errand_attempt(ErrandRun *r, bool first)
{
	MemoryContext memory = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrandHandler *volatile h = NULL;
	ErrorData *volatile error = NULL;
	volatile int settings = 0;
	bool asked;

	begin(r);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(memory);
	PG_TRY();
	{
		settings = NewGUCNestLevel();
		if (!errand_is_source(r))
			h = handler_of(r);
		call_handler(r, h);
		AtEOXact_GUC(false, settings);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(memory);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		if (h != NULL)
			errand_handler_forget(h);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(memory);
	CurrentResourceOwner = owner;
	asked = end();
	errand_session_clean();
	learn(h, r);
	if (error == NULL)
	{
		r->extra = extra_of(NULL);
		r->effects = true;
	}
	else if (interrupted(r, error, asked))
	{
		errand_run_interrupt(r);
		return true;
	}
	else if (!first && !asked && !timed_out)
		return false;
	else
	{
		take_error(r, error, h != NULL || errand_is_source(r));
		if (asked && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			r->cancel_asked = true;
	}
	errand_run_over(r);
	return true;
}

void
errand_attempt_fail(ErrandRun *r, ErrorData *error)
{
	timed_out = false;
	r->started_at = errand_clock_now();
	take_error(r, error, true);
	errand_run_over(r);
}
