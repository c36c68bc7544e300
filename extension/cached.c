/*
 * cached.c
 *		errand.cached(): the query cache.
 *
 * Runs in every backend.  The query runs as the caller and cannot write; what
 * it found is kept for the caller's role alone.  One computes, the others take
 * what was there before, or wait for his transaction.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "call.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "compat.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "options.h"
#include "parser/parser.h"
#include "shared.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_cached);
PG_FUNCTION_INFO_V1(errand_cached_counts);

#define LOCK_CLASS 21058 /* no SQL function asks for advisory locks of this class */
#define STALE_MOST 10	 /* times the ttl: older values are not shown, one waits */
#define TTL_MAX_MS (366 * 86400 * 1000.0)
#define KEY_BYTES 1000

typedef struct CacheKey
{
	Datum hash; /* bytea */
	const char *key;
	LOCKTAG lock;
} CacheKey;

/* What is kept; age is negative if nothing is. */
typedef struct Kept
{
	int64 age_us;
	bool isnull;
	Datum value;
} Kept;

static void
key_make(CacheKey *k, const char *key, text *query)
{
	char *named = psprintf("%u %s", GetUserId(), key);
	bytea *whole;
	bytea *hash;
	uint32 digest;
	size_t key_len = strlen(named) + 1;
	size_t query_len = VARSIZE_ANY_EXHDR(query);

	whole = palloc(VARHDRSZ + key_len + query_len);
	SET_VARSIZE(whole, VARHDRSZ + key_len + query_len);
	memcpy(VARDATA(whole), named, key_len);
	memcpy(VARDATA(whole) + key_len, VARDATA_ANY(query), query_len);
	hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(whole)));
	k->hash = PointerGetDatum(hash);
	k->key = key;
	digest = hash_bytes((const unsigned char *) VARDATA_ANY(hash), (int) VARSIZE_ANY_EXHDR(hash));
	SET_LOCKTAG_ADVISORY(k->lock, MyDatabaseId, digest, GetUserId(), LOCK_CLASS);
}

static Kept
find(const CacheKey *k)
{
	Kept kept = {.age_us = -1, .isnull = true};
	ErrandArgs a = {0};
	bool isnull;
	Datum row;
	Datum at;

	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, k->hash);
	PushActiveSnapshot(GetLatestSnapshot());
	row = errand_call("_cached_find", &a, &isnull);
	if (!isnull)
	{
		at = errand_column(row, "computed_at", &isnull);
		if (!isnull)
			kept.age_us = Max(0, GetCurrentTimestamp() - DatumGetTimestampTz(at));
		kept.value = errand_column(row, "value", &kept.isnull);
		if (!kept.isnull)
			kept.value = JsonbPGetDatum(DatumGetJsonbPCopy(kept.value));
	}
	PopActiveSnapshot();
	return kept;
}

/* Where the parser found an error: in this query, not in the caller's. */
static void
error_place(void *query)
{
	int place = geterrposition();

	if (place <= 0)
		return;
	errposition(0);
	internalerrposition(place);
	internalerrquery(query);
}

static bool
writes(const Node *statement)
{
	const SelectStmt *s = (const SelectStmt *) statement;
	ListCell *cell;

	if (!IsA(statement, SelectStmt))
		return IsA(statement, InsertStmt) || IsA(statement, UpdateStmt) ||
			   IsA(statement, DeleteStmt) || ERRAND_IS_MERGE(statement);
	if (s->intoClause != NULL)
		return true;
	foreach (cell, s->withClause != NULL ? s->withClause->ctes : NIL)
	{
		if (writes(((CommonTableExpr *) lfirst(cell))->ctequery))
			return true;
	}
	return false;
}

/* It runs inside another statement: what cannot is told before. */
static void
check_query(char *query)
{
	ErrorContextCallback place = {error_context_stack, error_place, query};
	List *statements;

	error_context_stack = &place;
	statements = raw_parser(query, RAW_PARSE_DEFAULT);
	error_context_stack = place.previous;
	for (int i = 0; i < list_length(statements); i++)
	{
		if (writes(list_nth_node(RawStmt, statements, i)->stmt))
			ereport(ERROR, (errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
							errmsg("a query that is cached cannot write"),
							errhint("errand.cached() takes a SELECT; run the other statement by itself.")));
	}
	if (list_length(statements) != 1 || !IsA(linitial_node(RawStmt, statements)->stmt, SelectStmt))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("what is cached must be one query"),
						errhint("Such as errand.cached('sales', '1 min', 'SELECT sum(price) FROM sales').")));
}

static Kept
compute(const CacheKey *k, text *query)
{
	Kept found = {.age_us = 0};
	ErrandArgs a = {0};
	bool isnull;

	check_query(text_to_cstring(query));
	errand_arg_pointer(&a, query);
	errand_arg_text(&a, GetConfigOptionResetString("search_path"));
	found.value = errand_call_as_caller("_cached_compute", &a, &found.isnull);
	if (XactReadOnly || RecoveryInProgress())
		return found;
	memset(&a, 0, sizeof(a));
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, k->hash);
	errand_arg_text(&a, k->key);
	if (found.isnull)
		errand_arg_null(&a);
	else
		errand_arg(&a, found.value);
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	(void) errand_call("_cached_keep", &a, &isnull);
	return found;
}

static void
count(size_t counter)
{
	ErrandDatabase *d = errand_database_mine();

	if (d != NULL)
		pg_atomic_fetch_add_u64((pg_atomic_uint64 *) ((char *) d + counter), 1);
}

static Kept
look_or_compute(const CacheKey *k, text *query, int64 ttl_us)
{
	Kept kept = find(k);

	if (kept.age_us >= 0 && kept.age_us < ttl_us)
	{
		count(offsetof(ErrandDatabase, cache_hits));
		return kept;
	}
	if (LockAcquire(&k->lock, ExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
	{
		if (kept.age_us >= 0 && kept.age_us < STALE_MOST * ttl_us)
		{
			count(offsetof(ErrandDatabase, cache_stale));
			return kept;
		}
		(void) LockAcquire(&k->lock, ExclusiveLock, false, false);
	}
	kept = find(k); /* another one may just have been at it */
	if (kept.age_us >= 0 && kept.age_us < ttl_us)
	{
		count(offsetof(ErrandDatabase, cache_hits));
		return kept;
	}
	count(offsetof(ErrandDatabase, cache_misses));
	return compute(k, query);
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("key, ttl and query must not be NULL"),
						errhint("Such as errand.cached('sales', '1 min', 'SELECT sum(price) FROM sales').")));
	if (VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(0)) > KEY_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the key is too long"),
						errhint("It has up to %d bytes.", KEY_BYTES)));
}

static int64
ttl_of(const Interval *ttl)
{
	double ms = errand_interval_ms(ttl);

	if (!(ms >= 0 && ms <= TTL_MAX_MS))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the ttl is out of range"),
						errhint("It lies between 0 and 366 days.")));
	return (int64) (ms * 1000);
}

Datum
errand_cached(PG_FUNCTION_ARGS)
{
	CacheKey k;
	Kept kept;

	errand_enter_looking();
	check_arguments(fcinfo);
	key_make(&k, text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_TEXT_PP(2));
	kept = look_or_compute(&k, PG_GETARG_TEXT_PP(2), ttl_of(PG_GETARG_INTERVAL_P(1)));
	if (kept.isnull)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(kept.value);
}

Datum
errand_cached_counts(PG_FUNCTION_ARGS)
{
	ErrandDatabase *d = errand_shared != NULL ? errand_database_mine() : NULL;
	Datum values[3] = {0};
	bool nulls[3] = {0};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (d != NULL)
	{
		values[0] = Int64GetDatum((int64) pg_atomic_read_u64(&d->cache_hits));
		values[1] = Int64GetDatum((int64) pg_atomic_read_u64(&d->cache_stale));
		values[2] = Int64GetDatum((int64) pg_atomic_read_u64(&d->cache_misses));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
