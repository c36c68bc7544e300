/*
 * wait_sets.c
 *		wait(), as_completed(), race(): waiting for some of many tasks, with the
 *		meanings of Python's asyncio.
 *
 * Runs in every backend, with the caller's rights.  It sleeps in waiting.c
 * only, is registered only while it sleeps, and never writes: what race()
 * cancels goes through the mailbox.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "call.h"
#include "compat.h"
#include "events.h"
#include "funcapi.h"
#include "mailbox.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "waiting.h"

PG_FUNCTION_INFO_V1(errand_wait);
PG_FUNCTION_INFO_V1(errand_as_completed);
PG_FUNCTION_INFO_V1(errand_race);

/* How long race() waits for room in the mailbox, all in all. */
#define MAILBOX_TRIES 200
#define MAILBOX_PAUSE_MS 10

/* A set of tasks that somebody waits for. */
typedef struct WaitSet
{
	int n;
	int64 *ids; /* each once */
	TimestampTz until;
	ErrandLook look;
	int next; /* of look.fresh, for as_completed() */
} WaitSet;

static void
set_init(WaitSet *s, FunctionCallInfo fcinfo, int timeout_arg)
{
	memset(s, 0, sizeof(*s));
	s->ids = errand_wait_ids(fcinfo, 0, &s->n);
	s->n = errand_wait_distinct(s->ids, s->n);
	s->until = errand_wait_until(fcinfo, timeout_arg);
	errand_wait_check(s->ids, s->n);
}

typedef struct Numbered
{
	int64 id;
	int at;
} Numbered;

static int
compare_numbered(const void *a, const void *b)
{
	const Numbered *x = a;
	const Numbered *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

int
errand_wait_distinct(int64 *ids, int n)
{
	Numbered *sorted = palloc_extended(sizeof(Numbered) * Max(n, 1), MCXT_ALLOC_HUGE);
	bool *again = palloc0(Max(n, 1));
	int kept = 0;

	for (int i = 0; i < n; i++)
		sorted[i] = (Numbered){.id = ids[i], .at = i};
	qsort(sorted, n, sizeof(Numbered), compare_numbered);
	for (int i = 1; i < n; i++)
		again[sorted[i].at] = sorted[i].id == sorted[i - 1].id;
	for (int i = 0; i < n; i++)
	{
		if (!again[i])
			ids[kept++] = ids[i];
	}
	pfree(sorted);
	pfree(again);
	return kept;
}

/* Registers for those that were not final at the last look. */
static void
set_register(const WaitSet *s)
{
	int64 *left = palloc(sizeof(int64) * Max(s->n, 1));
	int n = 0;

	for (int i = 0; i < s->n; i++)
	{
		if (s->look.state == NULL || s->look.state[i] == ERRAND_LOOK_RUNNING)
			left[n++] = s->ids[i];
	}
	errand_wait_register(left, n);
	pfree(left);
}

typedef bool (*SetDone)(const WaitSet *s);

/* Waits until done says so or nothing is left to wait for; false if it timed out. */
static bool
set_wait(WaitSet *s, SetDone done)
{
	bool in_time = true;

	set_register(s);
	for (;;)
	{
		errand_look(s->ids, s->n, &s->look);
		if (s->look.running == 0 || done(s))
			break;
		if (!errand_wait_more(s->until, &s->look))
		{
			in_time = false;
			break;
		}
	}
	errand_wait_unregister();
	return in_time;
}

static void
set_timed_out(const WaitSet *s)
{
	ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
					errmsg("%d of %d tasks were not final in time", s->look.running, s->n),
					errhint("They go on; call the function again to wait longer.")));
}

static bool
done_all(const WaitSet *s)
{
	return s->look.running == 0;
}

static bool
done_one(const WaitSet *s)
{
	return s->look.running < s->n;
}

static bool
done_fresh(const WaitSet *s)
{
	return s->look.n_fresh > 0;
}

static bool
done_succeeded(const WaitSet *s)
{
	for (int i = 0; i < s->look.n_fresh; i++)
	{
		if (s->look.state[s->look.fresh[i]] == ERRAND_LOOK_SUCCEEDED)
			return true;
	}
	return false;
}

/* As in asyncio: a task that was cancelled raises nothing. */
static bool
done_exception(const WaitSet *s)
{
	for (int i = 0; i < s->look.n_fresh; i++)
	{
		ErrandLookState state = s->look.state[s->look.fresh[i]];

		if (state == ERRAND_LOOK_FAILED || state == ERRAND_LOOK_NONE)
			return true;
	}
	return false;
}

static SetDone
return_when_arg(FunctionCallInfo fcinfo, int arg)
{
	char *when = PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));

	if (when != NULL && strcmp(when, "ALL_COMPLETED") == 0)
		return done_all;
	if (when != NULL && strcmp(when, "FIRST_COMPLETED") == 0)
		return done_one;
	if (when != NULL && strcmp(when, "FIRST_EXCEPTION") == 0)
		return done_exception;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 when ? errmsg("unknown return_when \"%s\"", when) : errmsg("return_when must not be NULL"),
			 errhint("It is 'ALL_COMPLETED', 'FIRST_COMPLETED' or 'FIRST_EXCEPTION'.")));
	return NULL;
}

/* What errand.tasks would show of one that is not final. */
static Datum
live_state(int64 id, bool *isnull)
{
	ErrandArgs a = {0};
	Datum d;

	errand_arg(&a, Int64GetDatum(id));
	PushActiveSnapshot(GetLatestSnapshot());
	d = errand_call_as_caller("status", &a, isnull);
	PopActiveSnapshot();
	return d;
}

Datum
errand_wait(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	SetDone done = return_when_arg(fcinfo, 1);
	WaitSet s;

	set_init(&s, fcinfo, 2);
	errand_init_materialized(fcinfo);
	if (s.n > 0)
		(void) set_wait(&s, done);
	for (int i = 0; i < s.n; i++)
	{
		Datum values[3];
		bool nulls[3] = {false, false, false};
		bool over = s.look.state[i] != ERRAND_LOOK_RUNNING;

		values[0] = Int64GetDatum(s.ids[i]);
		values[1] = BoolGetDatum(over);
		if (s.look.state[i] == ERRAND_LOOK_NONE)
			nulls[2] = true;
		else if (over)
			values[2] = CStringGetTextDatum(s.look.name[i]);
		else
			values[2] = live_state(s.ids[i], &nulls[2]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static FuncCallContext *
as_completed_begin(FunctionCallInfo fcinfo)
{
	FuncCallContext *f = SRF_FIRSTCALL_INIT();
	MemoryContext old = MemoryContextSwitchTo(f->multi_call_memory_ctx);
	WaitSet *s = palloc(sizeof(WaitSet));
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	f->tuple_desc = BlessTupleDesc(desc);
	f->user_fctx = s;
	set_init(s, fcinfo, 1);
	MemoryContextSwitchTo(old);
	return f;
}

/* Sees to it that look.fresh has one that was not returned yet; false at the end. */
static bool
as_completed_more(FuncCallContext *f, WaitSet *s)
{
	MemoryContext old;

	if (s->next < s->look.n_fresh)
		return true;
	if (s->n == 0 || (s->look.state != NULL && s->look.running == 0))
		return false;
	s->next = 0;
	old = MemoryContextSwitchTo(f->multi_call_memory_ctx);
	if (!set_wait(s, done_fresh))
		set_timed_out(s);
	MemoryContextSwitchTo(old);
	return s->look.n_fresh > 0;
}

/*
 * One row a call, so that a cursor has each as it comes.  Between two calls
 * nothing is registered: nobody may ever call again.
 */
Datum
errand_as_completed(PG_FUNCTION_ARGS)
{
	FuncCallContext *f;
	WaitSet *s;
	Datum values[4];
	bool nulls[4] = {false, false, false, false};
	int i;

	if (SRF_IS_FIRSTCALL())
		(void) as_completed_begin(fcinfo);
	f = SRF_PERCALL_SETUP();
	s = f->user_fctx;
	if (!as_completed_more(f, s))
		SRF_RETURN_DONE(f);
	i = s->look.fresh[s->next++];
	values[0] = Int64GetDatum(s->ids[i]);
	values[1] = CStringGetTextDatum(s->look.name[i]);
	nulls[1] = s->look.state[i] == ERRAND_LOOK_NONE;
	errand_wait_row(&s->look, i, s->ids[i], &values[2], &nulls[2]);
	SRF_RETURN_NEXT(f, HeapTupleGetDatum(heap_form_tuple(f->tuple_desc, values, nulls)));
}

/* Asks one task to stop, and waits a moment for room in the mailbox. */
static bool
race_cancel(int64 id, bool all, int *tries)
{
	while (!errand_mailbox_put(ERRAND_MAIL_CANCEL, id, GetUserId(), all,
							   "cancelled: another one won the race"))
	{
		if (++*tries > MAILBOX_TRIES)
			return false;
		(void) errand_wait_sleep(0, MAILBOX_PAUSE_MS);
	}
	return true;
}

static void
race_cancel_others(const WaitSet *s)
{
	bool all = errand_may("admin");
	int tries = 0;
	int left = 0;

	for (int i = 0; i < s->n; i++)
	{
		if (s->look.state[i] == ERRAND_LOOK_RUNNING && !race_cancel(s->ids[i], all, &tries))
			left++;
	}
	if (left > 0)
		ereport(WARNING, (errmsg("%d tasks that lost the race could not be asked to stop", left),
						  errhint("Too many cancellations are under way: use errand.cancel().")));
}

/* The task that finished first of those that succeeded, or last of all; by the last look. */
static int
race_winner(const WaitSet *s, bool *succeeded)
{
	int last = s->look.n_fresh > 0 ? s->look.fresh[s->look.n_fresh - 1] : 0;

	for (int i = 0; i < s->look.n_fresh; i++)
	{
		if (s->look.state[s->look.fresh[i]] != ERRAND_LOOK_SUCCEEDED)
			continue;
		*succeeded = true;
		return s->look.fresh[i];
	}
	*succeeded = false;
	return last;
}

Datum
errand_race(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum values[2];
	bool nulls[2] = {false, false};
	bool succeeded;
	WaitSet s;
	int i;

	set_init(&s, fcinfo, 1);
	errand_init_materialized(fcinfo);
	if (s.n == 0)
		return (Datum) 0;
	if (!set_wait(&s, done_succeeded))
		set_timed_out(&s);
	i = race_winner(&s, &succeeded);
	if (succeeded)
		race_cancel_others(&s);
	values[0] = Int64GetDatum(s.ids[i]);
	values[1] = errand_wait_result(s.ids[i], &nulls[1]); /* raises the last one's error */
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}
