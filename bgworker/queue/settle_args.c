/*
 * settle_args.c
 *		Builds the arrays of a settle.
 *
 * Runs in worker processes, within the settle's transaction.  Texts that came
 * from outside are made valid in the server's encoding here: a bad byte must
 * not cost the batch.
 */
#include "postgres.h"

#include "base/db.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "queue/settle_args.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Columns of one array being built. */
typedef struct Column
{
	Datum *value;
	bool *null;
} Column;

static Column
column_new(int n)
{
	Column c;

	c.value = palloc(sizeof(Datum) * Max(n, 1));
	c.null = palloc0(sizeof(bool) * Max(n, 1));
	return c;
}

/* Any bytes as text of this database; what is not becomes a question mark. */
static Datum
safe_text(const char *s, size_t len)
{
	char *copy = pnstrdup(s, len);

	len = strlen(copy);
	if (!pg_verifymbstr(copy, len, true))
	{
		for (char *p = copy; *p; p++)
		{
			if (IS_HIGHBIT_SET(*p))
				*p = '?';
		}
	}
	return CStringGetTextDatum(copy);
}

static void
put_text(Column *c, int i, const char *s)
{
	c->null[i] = s == NULL;
	if (s != NULL)
		c->value[i] = safe_text(s, strlen(s));
}

static void
put_bytes(Column *c, int i, const char *data, size_t len, bool present)
{
	bytea *b;

	c->null[i] = !present;
	if (!present)
		return;
	b = palloc(VARHDRSZ + len);
	SET_VARSIZE(b, VARHDRSZ + len);
	if (len > 0)
		memcpy(VARDATA(b), data, len);
	c->value[i] = PointerGetDatum(b);
}

static void
put_time(Column *c, int i, TimestampTz t)
{
	c->null[i] = t == 0;
	c->value[i] = TimestampTzGetDatum(t);
}

/* What every settled attempt has. */
typedef struct Common
{
	Column started, finished, status, timed_out, sqlstate, error, timing[5];
} Common;

static void
common_new(Common *c, int n)
{
	c->started = column_new(n);
	c->finished = column_new(n);
	c->status = column_new(n);
	c->timed_out = column_new(n);
	c->sqlstate = column_new(n);
	c->error = column_new(n);
	for (int k = 0; k < 5; k++)
		c->timing[k] = column_new(n);
}

static void
common_put(Common *c, int i, const ErrandRun *r)
{
	put_time(&c->started, i, r->started_at);
	put_time(&c->finished, i, r->finished_at);
	c->status.value[i] = Int16GetDatum(r->status);
	c->status.null[i] = r->status == 0;
	c->timed_out.value[i] = BoolGetDatum(r->timed_out);
	put_text(&c->sqlstate, i, r->outcome == ERRAND_SUCCEEDED ? NULL : r->sqlstate);
	put_text(&c->error, i, r->outcome == ERRAND_SUCCEEDED ? NULL : r->error);
	for (int k = 0; k < 5; k++)
	{
		c->timing[k].value[i] = Int32GetDatum(r->timing_us[k]);
		c->timing[k].null[i] = !r->has_timings;
	}
}

static void
arg_column(ErrandDbArgs *a, const Column *c, int n, Oid type)
{
	errand_db_arg(a, errand_db_array(c->value, c->null, n, type));
}

/* Ids, attempt numbers, run numbers. */
static void
arg_numbers(ErrandDbArgs *a, ErrandRun **runs, int n)
{
	Column ids = column_new(n);
	Column attempts = column_new(n);
	Column numbers = column_new(n);

	for (int i = 0; i < n; i++)
	{
		ids.value[i] = Int64GetDatum(runs[i]->id);
		attempts.value[i] = Int32GetDatum(runs[i]->attempt);
		numbers.value[i] = Int16GetDatum(runs[i]->number);
	}
	arg_column(a, &ids, n, INT8OID);
	arg_column(a, &attempts, n, INT4OID);
	arg_column(a, &numbers, n, INT2OID);
}

static Column
states_of(ErrandRun **runs, int n)
{
	Column states = column_new(n);

	for (int i = 0; i < n; i++)
		states.value[i] = CharGetDatum(runs[i]->outcome);
	return states;
}

static int
pick(ErrandRun **runs, int n, ErrandRun **out, bool final)
{
	int picked = 0;

	for (int i = 0; i < n; i++)
	{
		if (!runs[i]->stale && errand_state_is_final(runs[i]->outcome) == final)
			out[picked++] = runs[i];
	}
	return picked;
}

void
errand_settle_finals(ErrandRun **all, int n_all)
{
	ErrandRun **runs = palloc(sizeof(ErrandRun *) * Max(n_all, 1));
	int n = pick(all, n_all, runs, true);
	ErrandDbArgs a = {0};
	Common c;
	Column states = states_of(runs, n);
	Column types = column_new(n);
	Column heads = column_new(n);
	Column bodies = column_new(n);
	Column results = column_new(n);

	if (n == 0)
		return;
	common_new(&c, n);
	for (int i = 0; i < n; i++)
	{
		common_put(&c, i, runs[i]);
		put_text(&types, i, runs[i]->content_type);
		put_bytes(&heads, i, runs[i]->head, runs[i]->head_len,
				  runs[i]->status != 0 && runs[i]->head_len > 0);
		put_bytes(&bodies, i, runs[i]->body, runs[i]->body_len, runs[i]->has_body);
		results.null[i] = runs[i]->result == NULL;
		results.value[i] = JsonbPGetDatum(runs[i]->result);
	}
	arg_numbers(&a, runs, n);
	arg_column(&a, &states, n, CHAROID);
	arg_column(&a, &c.started, n, TIMESTAMPTZOID);
	arg_column(&a, &c.finished, n, TIMESTAMPTZOID);
	errand_db_arg(&a, Int32GetDatum(MyProcPid));
	arg_column(&a, &c.status, n, INT2OID);
	arg_column(&a, &c.timed_out, n, BOOLOID);
	arg_column(&a, &c.sqlstate, n, TEXTOID);
	arg_column(&a, &c.error, n, TEXTOID);
	arg_column(&a, &types, n, TEXTOID);
	arg_column(&a, &heads, n, BYTEAOID);
	arg_column(&a, &bodies, n, BYTEAOID);
	arg_column(&a, &results, n, JSONBOID);
	for (int k = 0; k < 5; k++)
		arg_column(&a, &c.timing[k], n, INT4OID);
	(void) errand_db_call(DB_SETTLE, &a);
}

void
errand_settle_requeues(ErrandRun **all, int n_all)
{
	ErrandRun **runs = palloc(sizeof(ErrandRun *) * Max(n_all, 1));
	int n = pick(all, n_all, runs, false);
	ErrandDbArgs a = {0};
	Common c;
	Column failures = column_new(n);
	Column priorities = column_new(n);
	Column queues = column_new(n);
	Column due = column_new(n);
	Column states = states_of(runs, n);

	if (n == 0)
		return;
	common_new(&c, n);
	for (int i = 0; i < n; i++)
	{
		common_put(&c, i, runs[i]);
		failures.value[i] = Int16GetDatum(runs[i]->failures);
		priorities.value[i] = Int16GetDatum(runs[i]->priority);
		put_text(&queues, i, runs[i]->queue);
		put_time(&due, i, runs[i]->due);
	}
	arg_numbers(&a, runs, n);
	arg_column(&a, &failures, n, INT2OID);
	arg_column(&a, &priorities, n, INT2OID);
	arg_column(&a, &queues, n, TEXTOID);
	arg_column(&a, &states, n, CHAROID);
	arg_column(&a, &due, n, TIMESTAMPTZOID);
	arg_column(&a, &c.started, n, TIMESTAMPTZOID);
	arg_column(&a, &c.finished, n, TIMESTAMPTZOID);
	errand_db_arg(&a, Int32GetDatum(MyProcPid));
	arg_column(&a, &c.status, n, INT2OID);
	arg_column(&a, &c.timed_out, n, BOOLOID);
	arg_column(&a, &c.sqlstate, n, TEXTOID);
	arg_column(&a, &c.error, n, TEXTOID);
	for (int k = 0; k < 5; k++)
		arg_column(&a, &c.timing[k], n, INT4OID);
	(void) errand_db_call(DB_REQUEUE, &a);
}

/* The ids of the runs that have something, or NULL if none has. */
static void
arg_ids_if(ErrandDbArgs *a, ErrandRun **runs, int n, bool (*has)(const ErrandRun *r))
{
	Datum *ids = palloc(sizeof(Datum) * Max(n, 1));
	int picked = 0;

	for (int i = 0; i < n; i++)
	{
		if (!runs[i]->stale && has(runs[i]))
			ids[picked++] = Int64GetDatum(runs[i]->id);
	}
	if (picked == 0)
		errand_db_arg_null(a);
	else
		errand_db_arg(a, errand_db_array(ids, NULL, picked, INT8OID));
}

static bool
is_keyed(const ErrandRun *r)
{
	return r->key != NULL && errand_state_is_final(r->outcome);
}

static bool
is_marked(const ErrandRun *r)
{
	return r->marked;
}

static bool
is_cancelled(const ErrandRun *r)
{
	return r->cancel_asked;
}

void
errand_settle_side(ErrandRun **runs, int n)
{
	ErrandDbArgs a = {0};

	arg_ids_if(&a, runs, n, is_keyed);
	arg_ids_if(&a, runs, n, is_marked);
	arg_ids_if(&a, runs, n, is_cancelled);
	if (a.null[0] == 'n' && a.null[1] == 'n' && a.null[2] == 'n')
		return;
	(void) errand_db_call(DB_RELEASE_SIDE, &a);
}
