/*
 * reap.c
 *		Reaps the leases of workers that are gone, and finds poison.
 *
 * Runs in the leader.  By liveness, never by age.  A lease goes in one
 * statement, what of it is unsettled is looked up in the next: with the first
 * one's snapshot a task that was settled meanwhile would run again.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "base/process.h"
#include "catalog/pg_type.h"
#include "core/poison.h"
#include "events.h"
#include "miscadmin.h"
#include "queue/groups.h"
#include "queue/reap.h"
#include "queue/specs.h"
#include "shared.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

typedef enum HowLost
{
	LOST_LEFT,	/* the worker alone: it was told to, or failed */
	LOST_CRASH, /* all processes were reset */
	LOST_RESTART
} HowLost;

typedef struct DeadLease
{
	Datum ids, attempts, failures, runs; /* arrays */
	bool was_suspects;
	int alone_falls;
	int pid;
	TimestampTz claimed_at;
	HowLost how;
} DeadLease;

/* An unsettled task of a dead lease, and where it goes. */
typedef struct Lost
{
	int64 id;
	int64 task_group;
	Oid owner;
	int32 attempt;
	int16 failures;
	int16 run;
	int16 priority;
	int16 max_attempts;
	Oid role;
	char *queue;
	char *type;
	char *notify;
	char to; /* q, p, F, U */
	char kind;
	int64 group;
	int16 alone;
} Lost;

static int64 suspects_group = 0; /* of this pass: one for all of the event loop, others apart */

#define MAX_DIED 64
#define DEATHS 3 /* so often a task may end its process */
static int64 died[MAX_DIED];
static int n_died = 0;

void
errand_reap_died(int64 id)
{
	if (n_died < MAX_DIED)
		died[n_died++] = id;
}

/* Tells, once, whether the task was in hand when its process ended. */
static bool
take_died(int64 id)
{
	for (int i = 0; i < n_died; i++)
	{
		if (died[i] != id)
			continue;
		died[i] = died[--n_died];
		return true;
	}
	return false;
}

static const char *
how_sqlstate(HowLost how)
{
	return how == LOST_CRASH ? "57P02" : how == LOST_RESTART ? "57P01" : "57P03";
}

static const char *
how_error(HowLost how)
{
	return how == LOST_CRASH   ? "the server crashed while it ran" :
		   how == LOST_RESTART ? "the server was restarted while it ran" :
								 "its worker left while it ran";
}

static void
read_lease(DeadLease *l, int row)
{
	bool isnull;
	char *how = errand_db_text(row, errand_db_column("how"));
	Datum d = errand_db_value(row, errand_db_column("suspects"), &isnull);

	l->was_suspects = !isnull;
	l->alone_falls = isnull ? 0 : (int) DatumGetInt64(d);
	l->how = strcmp(how, "left") == 0  ? LOST_LEFT :
			 strcmp(how, "crash") == 0 ? LOST_CRASH :
										 LOST_RESTART;
	l->pid = DatumGetInt32(errand_db_value(row, errand_db_column("pid"), &isnull));
	l->claimed_at = DatumGetTimestampTz(
		errand_db_value(row, errand_db_column("claimed_at"), &isnull));
	l->ids = PointerGetDatum(
		PG_DETOAST_DATUM_COPY(errand_db_value(row, errand_db_column("ids"), &isnull)));
	l->attempts = PointerGetDatum(
		PG_DETOAST_DATUM_COPY(errand_db_value(row, errand_db_column("attempts"), &isnull)));
	l->failures = PointerGetDatum(
		PG_DETOAST_DATUM_COPY(errand_db_value(row, errand_db_column("failures"), &isnull)));
	l->runs = PointerGetDatum(
		PG_DETOAST_DATUM_COPY(errand_db_value(row, errand_db_column("runs"), &isnull)));
}

/* Where a lost task goes; the second half of a group gets another group. */
static void
decide_lost(Lost *t, const DeadLease *l, int falls, int restarts, int deaths, bool unsendable,
			int index, int n)
{
	ErrandFall fall = {0};

	t->group = suspects_group;
	t->alone = 0;
	if (unsendable)
	{
		t->to = ERRAND_UNKNOWN;
		return;
	}
	t->to = ERRAND_READY;
	if (l->how == LOST_LEFT && take_died(t->id))
	{
		/* It ended its process, or would not stop: an attempt that failed. */
		t->failures++;
		if (t->failures >= t->max_attempts || deaths + 1 >= DEATHS)
			t->to = ERRAND_FAILED;
		return;
	}
	if (l->how == LOST_LEFT && !l->was_suspects)
		return;
	fall.falls = falls + (l->how == LOST_CRASH);
	fall.restarts = restarts + (l->how == LOST_RESTART);
	fall.in_group = l->was_suspects && l->how == LOST_CRASH;
	fall.group_size = n;
	fall.alone_falls = fall.in_group && n == 1 ? l->alone_falls + 1 : 0;
	switch (errand_fall_decide(&fall))
	{
		case ERRAND_FALL_READY:
			break;
		case ERRAND_FALL_SUSPECT:
			t->to = 'p';
			break;
		case ERRAND_FALL_SPLIT:
			t->to = 'p';
			t->group = suspects_group + (index >= (n + 1) / 2 ? 1 : 0);
			break;
		case ERRAND_FALL_ALONE_AGAIN:
			t->to = 'p';
			t->alone = fall.alone_falls;
			break;
		case ERRAND_FALL_FAILED:
			t->to = ERRAND_FAILED;
			break;
	}
}

static Lost *
find_lost(const DeadLease *l, int *n)
{
	ErrandDbArgs a = {0};
	Lost *lost;
	bool isnull;

	errand_db_arg(&a, l->ids);
	errand_db_arg(&a, l->attempts);
	errand_db_arg(&a, l->failures);
	errand_db_arg(&a, l->runs);
	*n = errand_db_call(DB_REAP_LOST, &a);
	lost = palloc0(sizeof(Lost) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		Lost *t = &lost[i];
		bool once = DatumGetBool(errand_db_value(i, errand_db_column("at_most_once"), &isnull));
		bool marked = DatumGetBool(errand_db_value(i, errand_db_column("marked"), &isnull));

		t->id = DatumGetInt64(errand_db_value(i, errand_db_column("id"), &isnull));
		t->owner = DatumGetObjectId(errand_db_value(i, errand_db_column("owner_oid"), &isnull));
		t->task_group = errand_db_int8(i, errand_db_column("task_group"));
		t->kind = errand_db_char(i, "kind");
		t->attempt = DatumGetInt32(errand_db_value(i, errand_db_column("attempt"), &isnull));
		t->failures = DatumGetInt16(errand_db_value(i, errand_db_column("failures"), &isnull));
		t->run = DatumGetInt16(errand_db_value(i, errand_db_column("run"), &isnull));
		t->priority = DatumGetInt16(errand_db_value(i, errand_db_column("priority"), &isnull));
		t->max_attempts = DatumGetInt16(
			errand_db_value(i, errand_db_column("max_attempts"), &isnull));
		t->role = DatumGetObjectId(errand_db_value(i, errand_db_column("role"), &isnull));
		t->queue = errand_db_text(i, errand_db_column("queue"));
		t->type = errand_db_text(i, errand_db_column("type"));
		t->notify = errand_db_text(i, errand_db_column("notify"));
		if (i == 0 && OidIsValid(t->role))
			suspects_group += 2; /* one group, one role */
		decide_lost(t, l, DatumGetInt64(errand_db_value(i, errand_db_column("falls"), &isnull)),
					DatumGetInt64(errand_db_value(i, errand_db_column("restarts"), &isnull)),
					DatumGetInt64(errand_db_value(i, errand_db_column("deaths"), &isnull)),
					once && marked, i, *n);
	}
	return lost;
}

static void
put_back(const DeadLease *l, const Lost *lost, int n)
{
	ErrandDbArgs a = {0};
	Datum *column[7];

	for (int k = 0; k < 7; k++)
		column[k] = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
	{
		column[0][i] = Int64GetDatum(lost[i].id);
		column[1][i] = Int32GetDatum(lost[i].attempt);
		column[2][i] = Int16GetDatum(lost[i].failures);
		column[3][i] = Int16GetDatum(lost[i].run);
		column[4][i] = CharGetDatum(lost[i].to);
		column[5][i] = Int64GetDatum(lost[i].group);
		column[6][i] = Int16GetDatum(lost[i].alone);
	}
	errand_db_arg(&a, errand_db_array(column[0], NULL, n, INT8OID));
	errand_db_arg(&a, errand_db_array(column[1], NULL, n, INT4OID));
	errand_db_arg(&a, errand_db_array(column[2], NULL, n, INT2OID));
	errand_db_arg(&a, errand_db_array(column[3], NULL, n, INT2OID));
	errand_db_arg(&a, errand_db_array(column[4], NULL, n, CHAROID));
	errand_db_arg(&a, errand_db_array(column[5], NULL, n, INT8OID));
	errand_db_arg(&a, errand_db_array(column[6], NULL, n, INT2OID));
	errand_db_arg(&a, CStringGetTextDatum(how_sqlstate(l->how)));
	errand_db_arg(&a, CStringGetTextDatum(how_error(l->how)));
	errand_db_arg(&a, Int32GetDatum(l->pid));
	errand_db_arg(&a, TimestampTzGetDatum(l->claimed_at));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_REAP_RETURN, &a);
}

static void
announce(const Lost *t)
{
	ErrandEvent e = {0};

	e.kind = ERRAND_EVENT_TASK;
	e.id = t->id;
	e.owner = e.submitter = t->owner;
	e.group = t->task_group;
	e.task_kind = t->kind;
	e.run = t->run;
	e.attempt = t->attempt;
	e.from = ERRAND_RUNNING;
	e.to = t->to == 'p' ? ERRAND_READY : t->to;
	e.role = t->role;
	e.priority = t->priority;
	e.place = t->id;
	e.wait_us = e.run_us = -1;
	e.queue = t->queue;
	e.task = t->type;
	e.channel = t->notify;
	errand_event_add(&e);
}

/* What follows those that are over with it. */
static void
follow_up(const Lost *lost, int n)
{
	Datum *ids = palloc(sizeof(Datum) * n);
	int n_final = 0;

	for (int i = 0; i < n; i++)
	{
		if (errand_state_is_final(lost[i].to))
			ids[n_final++] = Int64GetDatum(lost[i].id);
	}
	errand_follow_ups(ids, n_final);
}

static void
reap_one(const DeadLease *l, bool *suspects)
{
	int n;
	Lost *lost = find_lost(l, &n);

	if (n == 0)
		return;
	put_back(l, lost, n);
	follow_up(lost, n);
	if (OidIsValid(lost[0].role))
		suspects_group += 2;
	errand_groups_look();
	for (int i = 0; i < n; i++)
	{
		announce(&lost[i]);
		*suspects |= lost[i].to == 'p';
	}
	ereport(LOG, (errmsg("put back %d tasks that worker %d had in hand: %s", n, l->pid, how_error(l->how))));
}

int
errand_reap(bool *suspects)
{
	ErrandDbArgs a = {0};
	DeadLease *dead;
	int n_live;
	int64 *live = errand_process_live(&n_live);
	Datum *identities = palloc(sizeof(Datum) * Max(n_live, 1));
	int n;

	for (int i = 0; i < n_live; i++)
		identities[i] = Int64GetDatum(live[i]);
	errand_db_arg(&a, errand_db_array(identities, NULL, n_live, INT8OID));
	errand_db_arg(&a, Int64GetDatum(errand_shared->epoch));
	errand_db_arg(&a, TimestampTzGetDatum(PgStartTime));
	errand_db_arg(&a, Int32GetDatum(ERRAND_REAP_AT_ONCE));
	n = errand_db_call(DB_REAP_TAKE, &a);
	dead = palloc(sizeof(DeadLease) * Max(n, 1));
	for (int i = 0; i < n; i++)
		read_lease(&dead[i], i);
	suspects_group = errand_clock_now();
	for (int i = 0; i < n; i++)
	{
		ERRAND_FAULT("reap");
		if (dead[i].was_suspects)
			suspects_group += 2;
		reap_one(&dead[i], suspects);
	}
	return n;
}
