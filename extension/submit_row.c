/*
 * submit_row.c
 *		Inserts the rows of new tasks without SQL: what most submits need.
 *
 * Runs in every backend, at submit.  plpgsql and two executors cost more than
 * all the rest of a submit; _submit() in sql/20_submit.sql does the same for
 * every task, and a test compares the rows.  It must leave alone any table that
 * is not as the install script made it: there _submit() honours what was added.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "compat.h"
#include "contract.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "submit_after.h"
#include "submit_row.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define ROWS_AT_ONCE 500

typedef struct RowColumn
{
	const char *name; /* NULL: this value goes to no column */
	Oid type;
} RowColumn;

/* The arguments of _submit() in their order, then the id. */
static const RowColumn task_columns[] = {
	{"owner_oid", OIDOID},
	{"owner", TEXTOID},
	{"type", TEXTOID},
	{"kind", TEXTOID},
	{"queue", TEXTOID},
	{"priority", INT2OID},
	{"run_at", TIMESTAMPTZOID},
	{"max_attempts", INT2OID},
	{"timeout_ms", INT4OID},
	{"backoff", INT2OID},
	{"backoff_base_ms", INT8OID},
	{"backoff_factor", FLOAT4OID},
	{"backoff_max_ms", INT8OID},
	{"deadline", TIMESTAMPTZOID},
	{"key", TEXTOID},
	{"tags", TEXTARRAYOID},
	{"at_most_once", BOOLOID},
	{"notify", TEXTOID},
	{"traceparent", TEXTOID},
	{"on_success", JSONBOID},
	{"on_failure", JSONBOID},
	{NULL, InvalidOid},
	{"after_done", BOOLOID},
	{NULL, InvalidOid},
	{NULL, InvalidOid},
	{"task_group", INT8OID},
	{"payload", JSONBOID},
	{"submitted_at", TIMESTAMPTZOID},
	{"role", OIDOID},
	{"id", INT8OID},
};

static const RowColumn ready_columns[] = {
	{"id", INT8OID},	   {"place", INT8OID},	  {"attempt", INT4OID}, {"role", OIDOID},
	{"priority", INT2OID}, {"failures", INT2OID}, {"run", INT2OID},		{"queue", TEXTOID},
};

/* Where those of _submit()'s arguments stand that ready has, too. */
#define ARG_QUEUE 4
#define ARG_PRIORITY 5
#define ARG_PAYLOAD 26
#define ARG_ROLE 28

/* A table as it was when its relcache entry last changed. */
typedef struct RowTable
{
	const char *name;
	const RowColumn *columns;
	int n_columns;
	bool valid;
	bool fits; /* it is as the install script made it */
	Oid oid;
	AttrNumber at[ERRAND_CALL_MAX_ARGS]; /* of each column */
} RowTable;

static RowTable task_table = {"task", task_columns, lengthof(task_columns)};
static RowTable ready_table = {"ready", ready_columns, lengthof(ready_columns)};
static Oid id_sequence = InvalidOid;

static void
relation_changed(Datum arg, Oid oid)
{
	if (!OidIsValid(oid) || oid == task_table.oid)
		task_table.valid = false;
	if (!OidIsValid(oid) || oid == ready_table.oid)
		ready_table.valid = false;
	if (!OidIsValid(oid) || oid == id_sequence)
		id_sequence = InvalidOid;
}

static Oid
oid_of(const char *name)
{
	Oid schema = get_namespace_oid(ERRAND_SCHEMA, true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/* Finds the table's columns: all of ours, and no others. */
static bool
columns_fit(RowTable *t, TupleDesc desc)
{
	int missing = desc->natts;

	for (int i = 0; i < desc->natts; i++)
		missing -= TupleDescAttr(desc, i)->attisdropped;
	for (int i = 0; i < t->n_columns; i++)
	{
		const RowColumn *c = &t->columns[i];

		t->at[i] = 0;
		for (int k = 0; c->name != NULL && k < desc->natts; k++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, k);

			if (!att->attisdropped && strcmp(NameStr(att->attname), c->name) == 0 &&
				att->atttypid == c->type && att->atttypmod < 0)
				t->at[i] = att->attnum;
		}
		if (c->name != NULL && t->at[i] == 0)
			return false;
		missing -= c->name != NULL;
	}
	return missing == 0;
}

/* Whether nothing but our insert has a say in what goes into the table. */
static bool
relation_is_plain(const RowTable *t, Relation rel)
{
	Form_pg_class c = rel->rd_rel;

	return c->relkind == RELKIND_RELATION && !c->relispartition && rel->trigdesc == NULL &&
		   rel->rd_rules == NULL && !c->relrowsecurity &&
		   strcmp(NameStr(c->relname), t->name) == 0 &&
		   c->relnamespace == get_namespace_oid(ERRAND_SCHEMA, true);
}

/* Opens and locks the table; NULL if our insert will not do. */
static Relation
table_get(RowTable *t, Oid owner)
{
	Relation rel;

	if (!t->valid)
		t->oid = oid_of(t->name);
	rel = OidIsValid(t->oid) ? try_relation_open(t->oid, RowExclusiveLock) : NULL;
	if (rel == NULL)
	{
		t->valid = false;
		return NULL;
	}
	/* Taking the lock may have told us of a change. */
	if (!t->valid)
		t->fits = relation_is_plain(t, rel) && columns_fit(t, RelationGetDescr(rel));
	t->valid = true;
	if (t->fits && rel->rd_rel->relowner == owner)
		return rel;
	relation_close(rel, RowExclusiveLock);
	return NULL;
}

/* A table that rows go into, a batch at a time. */
typedef struct RowSink
{
	const RowTable *table;
	TupleTableSlot **slots; /* [ROWS_AT_ONCE], or of fewer rows */
	int n;
	ResultRelInfo *info;
} RowSink;

static void
sink_open(RowSink *sink, const RowTable *t, Relation rel, EState *estate, int most)
{
	sink->table = t;
	sink->n = 0;
	sink->slots = palloc(sizeof(TupleTableSlot *) * most);
	for (int i = 0; i < most; i++)
		sink->slots[i] = ExecInitExtraTupleSlot(estate, RelationGetDescr(rel), &TTSOpsVirtual);
	sink->info = makeNode(ResultRelInfo);
	InitResultRelInfo(sink->info, rel, 0, NULL, 0);
	ExecOpenIndices(sink->info, false);
}

static void
sink_put(RowSink *sink, const ErrandArgs *a)
{
	const RowTable *t = sink->table;
	TupleTableSlot *slot = sink->slots[sink->n++];

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, sizeof(bool) * slot->tts_tupleDescriptor->natts);
	for (int i = 0; i < t->n_columns; i++)
	{
		if (t->at[i] == 0)
			continue;
		slot->tts_values[t->at[i] - 1] = a->value[i];
		slot->tts_isnull[t->at[i] - 1] = a->null[i];
	}
	ExecStoreVirtualTuple(slot);
}

/* As COPY does it: a record of WAL and a lock a page, not a row. */
static void
insert_together(RowSink *sink, EState *estate)
{
	Relation rel = sink->info->ri_RelationDesc;
	MemoryContext old = MemoryContextSwitchTo(GetPerTupleMemoryContext(estate));

	for (int i = 0; i < sink->n && rel->rd_att->constr != NULL; i++)
		ExecConstraints(sink->info, sink->slots[i], estate);
	table_multi_insert(rel, sink->slots, sink->n, GetCurrentCommandId(true), 0, NULL);
	MemoryContextSwitchTo(old);
	for (int i = 0; i < sink->n; i++)
		ERRAND_INSERT_INDEX_TUPLES(sink->info, sink->slots[i], estate);
}

static void
sink_flush(RowSink *sink, EState *estate)
{
	if (sink->n == 1)
		ExecSimpleRelationInsert(sink->info, estate,
								 sink->slots[0]); /* constraints and indexes, too */
	else if (sink->n > 1)
		insert_together(sink, estate);
	sink->n = 0;
}

/* The arguments in the order of ready_columns; the id and the place are still missing. */
static void
ready_args(const ErrandArgs *a, ErrandArgs *r)
{
	errand_arg_null(r);
	errand_arg_null(r);
	errand_arg(r, Int32GetDatum(0));
	errand_arg(r, a->value[ARG_ROLE]);
	errand_arg(r, a->value[ARG_PRIORITY]);
	errand_arg(r, Int16GetDatum(0));
	errand_arg(r, Int16GetDatum(1));
	errand_arg(r, a->value[ARG_QUEUE]);
}

/* The rows of task and ready, for each payload; a holds the arguments of _submit(). */
static void
rows_insert(Relation task, Relation ready, const ErrandArgs *a, const ErrandPayloads *p, int64 *ids)
{
	EState *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	int most = Max(1, Min(p->n, ROWS_AT_ONCE));
	RowSink into_task, into_ready;
	ErrandArgs t = *a;
	ErrandArgs r = {0};

	sink_open(&into_task, &task_table, task, estate, most);
	sink_open(&into_ready, &ready_table, ready, estate, most);
	errand_arg_null(&t); /* the id */
	ready_args(a, &r);
	r.null[0] = r.null[1] = t.null[ARG_PAYLOAD] = t.null[a->n] = false;
	for (int i = 0; i < p->n; i++)
	{
		ids[i] = nextval_internal(id_sequence, true);
		t.value[ARG_PAYLOAD] = p->items[i];
		t.value[a->n] = r.value[0] = r.value[1] = Int64GetDatum(ids[i]);
		sink_put(&into_task, &t);
		sink_put(&into_ready, &r);
		if (into_task.n < most && i + 1 < p->n)
			continue;
		sink_flush(&into_task, estate);
		sink_flush(&into_ready, estate);
		ResetPerTupleExprContext(estate);
		CHECK_FOR_INTERRUPTS();
	}
	ExecCloseIndices(into_task.info);
	ExecCloseIndices(into_ready.info);
	ExecResetTupleTable(estate->es_tupleTable, false);
	MemoryContextSwitchTo(old);
	FreeExecutorState(estate);
}

/* Locks stay until the end of the transaction, as those of an INSERT. */
static bool
submit_as_owner(const ErrandArgs *a, const ErrandPayloads *p, int64 *ids, Oid owner)
{
	Relation task = table_get(&task_table, owner);
	Relation ready = task != NULL ? table_get(&ready_table, owner) : NULL;
	bool can;

	if (!OidIsValid(id_sequence))
		id_sequence = oid_of("task_id");
	can = ready != NULL && OidIsValid(id_sequence);
	if (can)
		rows_insert(task, ready, a, p, ids);
	if (ready != NULL)
		relation_close(ready, NoLock);
	if (task != NULL)
		relation_close(task, NoLock);
	return can;
}

bool
errand_submit_rows(const ErrandArgs *a, const ErrandPolicy *p, TimestampTz now,
				   const ErrandPayloads *payloads, int64 *ids)
{
	static bool registered = false;
	ErrandRights mine;
	bool done;

	if (p->key != NULL || p->has_after || p->task_group != 0 || p->has_deadline ||
		errand_after_state(p, now) != ERRAND_READY)
		return false;
	if (!registered)
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	registered = true;
	done = submit_as_owner(a, payloads, ids, errand_rights_take("_submit", &mine));
	errand_rights_back(&mine);
	if (done)
		CommandCounterIncrement(); /* the statement's next function sees the tasks */
	return done;
}
