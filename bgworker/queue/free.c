/*
 * free.c
 *		Frees tasks whose parents are final.
 *
 * Runs in worker processes.  Each worker frees in the settle of a parent.  The
 * leader does it once more when it hears the parent's end, and for a new child
 * when it hears of that: a submit and a settle do not see each other.  So only
 * the leader keeps lists, and a new leader looks at everything.  It never
 * waits for a child that somebody holds: it tries again.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "catalog/pg_type.h"
#include "events.h"
#include "queue/config.h"
#include "queue/free.h"
#include "shared.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define AT_ONCE 1000
#define PAGE 5000
#define LISTED_MAX 1000000 /* more than that: look at everything instead */
#define TRICKLE_US INT64CONST(1000000)
#define HELD_US INT64CONST(4000)
#define HELD_MAX_US INT64CONST(500000)

typedef struct IdList
{
	int64 *ids;
	int n;
	int max;
} IdList;

/* parents[i]: children with ids up to after[i] are done. */
static IdList parents, after;
static IdList children; /* heard of */
static IdList held;		/* by a client, or another worker */
static int64 held_us = HELD_US;
static int64 try_at = 0; /* the held ones, monotonic */
static bool sweeping = true;
static bool trickle = false; /* one page of a sweep, now and then */
static int64 trickle_at = 0;
static int64 sweep_from = 0;

static void
list_add(IdList *l, int64 id)
{
	if (l->n == l->max)
	{
		Size bytes;

		l->max = Max(256, l->max * 2);
		bytes = sizeof(int64) * (Size) l->max;
		l->ids = l->ids == NULL ? MemoryContextAllocHuge(TopMemoryContext, bytes) :
								  repalloc_huge(l->ids, bytes);
	}
	l->ids[l->n++] = id;
}

static void
list_drop(IdList *l, int n)
{
	l->n -= n;
	memmove(l->ids, l->ids + n, sizeof(int64) * l->n);
}

static Datum
list_array(const IdList *l, int n)
{
	Datum *items = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		items[i] = Int64GetDatum(l->ids[i]);
	return errand_db_array(items, NULL, n, INT8OID);
}

/* Whether any task may wait for another. */
static bool
possible(void)
{
	ErrandDatabase *d = errand_database_mine();

	return d == NULL || pg_atomic_read_u32(&d->dependencies) != 0;
}

static void
add_parent(int64 id)
{
	list_add(&parents, id);
	list_add(&after, 0);
}

void
errand_free_parent(int64 id)
{
	if (!possible())
		return;
	add_parent(id);
	if (parents.n > LISTED_MAX)
		errand_free_sweep();
}

void
errand_free_child(int64 id)
{
	list_add(&children, id);
	if (children.n > LISTED_MAX)
		errand_free_sweep();
}

void
errand_free_sweep(void)
{
	parents.n = after.n = children.n = held.n = 0;
	sweep_from = 0;
	sweeping = true;
}

static void
add_held(int64 id)
{
	list_add(&held, id);
	try_at = errand_clock_monotonic() + held_us;
}

/* What a call of _free() and its kin returned, by column. */
typedef struct FreeColumns
{
	int id, what, run, attempt, priority, place, at, queue, type, notify, owner_oid, task_group;
} FreeColumns;

static void
find_columns(FreeColumns *c)
{
	c->id = errand_db_column("id");
	c->what = errand_db_column("what");
	c->run = errand_db_column("run");
	c->attempt = errand_db_column("attempt");
	c->priority = errand_db_column("priority");
	c->place = errand_db_column("place");
	c->at = errand_db_column("at");
	c->queue = errand_db_column("queue");
	c->type = errand_db_column("type");
	c->notify = errand_db_column("notify");
	c->owner_oid = errand_db_column("owner_oid");
	c->task_group = errand_db_column("task_group");
}

static void
announce(const FreeColumns *c, int row, int64 id, char to)
{
	ErrandEvent e = {0};
	bool isnull;

	e.kind = ERRAND_EVENT_TASK;
	e.id = id;
	e.run = DatumGetInt16(errand_db_value(row, c->run, &isnull));
	e.attempt = DatumGetInt32(errand_db_value(row, c->attempt, &isnull));
	e.submitter = DatumGetObjectId(errand_db_value(row, c->owner_oid, &isnull));
	e.group = errand_db_int8(row, c->task_group);
	e.from = ERRAND_WAITING;
	e.to = to;
	e.wait_us = e.run_us = -1;
	e.queue = errand_db_text(row, c->queue);
	e.task = errand_db_text(row, c->type);
	if (to == ERRAND_READY)
	{
		e.role = DatumGetObjectId(errand_db_value(row, errand_db_column("role"), &isnull));
		e.priority = DatumGetInt16(errand_db_value(row, c->priority, &isnull));
		e.place = DatumGetInt64(errand_db_value(row, c->place, &isnull));
	}
	else if (to == ERRAND_SCHEDULED)
		e.at = DatumGetTimestampTz(errand_db_value(row, c->at, &isnull));
	else
	{
		e.channel = errand_db_text(row, c->notify);
		e.owner = e.submitter; /* one less of its tasks waits */
		e.task_kind = errand_db_char(row, "kind");
	}
	errand_event_add(&e);
}

/* Announces what moved.  Returns the row that says where the limit was, or -1. */
static int
read_rows(const FreeColumns *c, int n, bool keep_held)
{
	int limit = -1;
	bool isnull;

	for (int i = 0; i < n; i++)
	{
		int64 id = DatumGetInt64(errand_db_value(i, c->id, &isnull));
		char what = DatumGetChar(errand_db_value(i, c->what, &isnull));

		if (what == 'l')
			limit = i;
		else if (what != 'h')
			announce(c, i, id, what);
		else if (keep_held)
			add_held(id);
	}
	return limit;
}

void
errand_free_settled(ErrandRun **runs, int n)
{
	Datum *ids;
	ErrandDbArgs a = {0};
	FreeColumns c;
	int picked = 0;

	if (!possible())
		return;
	ids = palloc(sizeof(Datum) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		if (!runs[i]->stale && errand_state_is_final(runs[i]->outcome))
			ids[picked++] = Int64GetDatum(runs[i]->id);
	}
	if (picked == 0)
		return;
	errand_db_arg(&a, errand_db_array(ids, NULL, picked, INT8OID));
	errand_db_arg_null(&a);
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_db_arg(&a, Int32GetDatum(AT_ONCE));
	n = errand_db_call(DB_FREE, &a);
	find_columns(&c);
	/* What is held or beyond the limit is done when the leader hears of the end. */
	(void) read_rows(&c, n, false);
}

static void
free_parents(void)
{
	int taken = Min(parents.n, AT_ONCE);
	ErrandDbArgs a = {0};
	FreeColumns c;
	int limit;
	bool isnull;

	errand_db_arg(&a, list_array(&parents, taken));
	errand_db_arg(&a, list_array(&after, taken));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_db_arg(&a, Int32GetDatum(AT_ONCE));
	limit = errand_db_call(DB_FREE, &a);
	find_columns(&c);
	limit = read_rows(&c, limit, true);
	if (limit >= 0)
	{
		taken = DatumGetInt64(errand_db_value(limit, c.place, &isnull)) - 1;
		after.ids[taken] = DatumGetInt64(errand_db_value(limit, c.id, &isnull));
	}
	list_drop(&parents, taken);
	list_drop(&after, taken);
}

/* Those of a list; who is held goes, or stays, among the held ones. */
static void
free_children(IdList *l)
{
	int taken = Min(l->n, AT_ONCE);
	ErrandDbArgs a = {0};
	FreeColumns c;
	int n;

	errand_db_arg(&a, list_array(l, taken));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	errand_db_arg(&a, Int32GetDatum(AT_ONCE));
	n = errand_db_call(DB_FREE_CHILDREN, &a);
	find_columns(&c);
	list_drop(l, taken);
	(void) read_rows(&c, n, true);
}

static void
free_held(void)
{
	int before = held.n;

	free_children(&held);
	/* Who holds them for long is asked less often. */
	held_us = held.n == before ? Min(held_us * 2, HELD_MAX_US) : HELD_US;
	try_at = errand_clock_monotonic() + held_us;
}

/* Looks at a page of everything that waits. */
static void
sweep_page(void)
{
	ErrandDatabase *d = errand_database_mine();
	uint32 seen = d != NULL ? pg_atomic_read_u32(&d->dependencies) : 0;
	ErrandDbArgs a = {0};
	ArrayType *found;
	Datum last;
	bool isnull;
	bool any;

	trickle = false;
	/* While a dump is being restored children may be missing that come later. */
	errand_config_instance(NULL, 0);
	if (errand_config_copied())
	{
		sweeping = false;
		return;
	}
	errand_db_arg(&a, Int64GetDatum(sweep_from));
	errand_db_arg(&a, Int32GetDatum(PAGE));
	(void) errand_db_call(DB_UNFREED, &a);
	found = DatumGetArrayTypeP(errand_db_value(0, errand_db_column("parents"), &isnull));
	for (int i = 0; i < ArrayGetNItems(ARR_NDIM(found), ARR_DIMS(found)); i++)
		add_parent(((int64 *) ARR_DATA_PTR(found))[i]);
	any = DatumGetBool(errand_db_value(0, errand_db_column("found"), &isnull));
	last = errand_db_value(0, errand_db_column("last"), &isnull);
	/* Nobody submitted since we looked: settles need not look. */
	if (d != NULL && sweep_from == 0 && !any)
		(void) pg_atomic_compare_exchange_u32(&d->dependencies, &seen, 0);
	else if (d != NULL && any && seen == 0)
		(void) pg_atomic_add_fetch_u32(&d->dependencies, 1);
	sweep_from = isnull ? 0 : DatumGetInt64(last);
	sweeping = sweeping && !isnull;
}

bool
errand_free_wanted(void)
{
	ErrandDatabase *d = errand_database_mine();
	int64 now = errand_clock_monotonic();

	/* A prepared transaction tells nobody what it submitted: a page now and then. */
	if (now >= trickle_at)
	{
		trickle_at = now + TRICKLE_US;
		trickle = d == NULL || pg_atomic_read_u32(&d->paused) == 0;
	}
	return trickle || errand_free_wait_us() == 0;
}

void
errand_free_work(void)
{
	if (sweeping || trickle)
		sweep_page();
	if (parents.n > 0)
		free_parents();
	if (children.n > 0)
		free_children(&children);
	if (held.n > 0 && errand_clock_monotonic() >= try_at)
		free_held();
}

int64
errand_free_wait_us(void)
{
	if (sweeping || parents.n > 0 || children.n > 0)
		return 0;
	return held.n > 0 ? Max(0, try_at - errand_clock_monotonic()) : PG_INT64_MAX;
}
