/*
 * db.c
 *		The SQL door.  One table of calls, plans kept, results by column name.
 *
 * Runs in our processes.  No transaction is open while anything waits for the
 * network; none is begun while the extension is being dropped.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "base/db.h"
#include "base/process.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/extension.h"
#include "compat.h"
#include "contract.h"
#include "executor/spi.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

typedef struct DbCallDef
{
	const char *sql;
	int n;
	Oid types[ERRAND_DB_MAX_ARGS];
} DbCallDef;

#define A_INT8 INT8ARRAYOID
#define A_INT4 INT4ARRAYOID
#define A_INT2 INT2ARRAYOID
#define A_TEXT TEXTARRAYOID
#define A_CHAR CHARARRAYOID
#define A_TIME TIMESTAMPTZARRAYOID
#define A_BOOL BOOLARRAYOID
#define A_BYTES BYTEAARRAYOID
#define A_OID OIDARRAYOID
#define A_JSON JSONBARRAYOID
#define A_OID OIDARRAYOID

static const DbCallDef calls[DB_CALLS] = {
	[DB_PAIRS] = {"SELECT * FROM errand._pairs()", 0, {0}},
	[DB_CLAIM] = {"SELECT * FROM errand._claim($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
				  12,
				  {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, A_TEXT, A_INT2, A_INT8,
				   A_INT4, INT4OID, TIMESTAMPTZOID, A_OID}},
	[DB_CLAIM_SUSPECTS] = {"SELECT * FROM errand._claim_suspects($1,$2,$3,$4,$5,$6,$7,$8)",
						   8,
						   {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID,
							TIMESTAMPTZOID, OIDOID}},
	[DB_LEASE_LOCK] = {"SELECT errand._lease_lock($1) AS tokens", 1, {A_INT8}},
	[DB_MARK_SENT] = {"SELECT errand._mark_sent($1,$2)", 2, {A_INT8, A_INT4}},
	[DB_SETTLE] =
		{"SELECT errand._settle($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)",
		 21,
		 {A_INT8, A_INT4,  A_INT2,	A_CHAR, A_TIME, A_TIME, INT4OID, A_INT2, A_BOOL, A_TEXT, A_TEXT,
		  A_TEXT, A_BYTES, A_BYTES, A_JSON, A_INT4, A_INT4, A_INT4,	 A_INT4, A_INT4, A_JSON}},
	[DB_REQUEUE] =
		{"SELECT errand._requeue($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22) "
		 "AS places",
		 22,
		 {A_INT8, A_INT4, A_INT2, A_INT2, A_INT2, A_TEXT, A_CHAR, A_TIME, A_TIME, A_TIME, INT4OID,
		  A_INT2, A_BOOL, A_TEXT, A_TEXT, A_INT4, A_INT4, A_INT4, A_INT4, A_INT4, A_JSON, A_OID}},
	[DB_RELEASE_SIDE] = {"SELECT errand._release_side($1,$2,$3)", 3, {A_INT8, A_INT8, A_INT8}},
	[DB_LEASE_DROP] = {"SELECT errand._lease_drop($1)", 1, {A_INT8}},
	[DB_LEASE_TRIM] = {"SELECT errand._lease_trim($1,$2)", 2, {A_INT8, A_INT8}},
	[DB_CANCEL_REQUESTS] = {"SELECT * FROM errand._cancel_requests()", 0, {0}},
	[DB_REAP_TAKE] = {"SELECT * FROM errand._reap_take($1,$2,$3,$4)",
					  4,
					  {A_INT8, INT8OID, TIMESTAMPTZOID, INT4OID}},
	[DB_REAP_LOST] = {"SELECT * FROM errand._reap_lost($1,$2,$3,$4)",
					  4,
					  {A_INT8, A_INT4, A_INT2, A_INT2}},
	[DB_REAP_RETURN] = {"SELECT errand._reap_return($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
						12,
						{A_INT8, A_INT4, A_INT2, A_INT2, A_CHAR, A_INT8, A_INT2, TEXTOID, TEXTOID,
						 INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}},
	[DB_INSTANCE] = {"SELECT * FROM errand._instance()", 0, {0}},
	[DB_QUEUES] = {"SELECT * FROM errand._queues()", 0, {0}},
	[DB_LIMITS] = {"SELECT * FROM errand._limits()", 0, {0}},
	[DB_DUE] = {"SELECT * FROM errand._due($1,$2)", 2, {TIMESTAMPTZOID, INT4OID}},
	[DB_NEXT_DUE] = {"SELECT errand._next_due() AS at", 0, {0}},
	[DB_EXPIRE] = {"SELECT * FROM errand._expire($1,$2)", 2, {TIMESTAMPTZOID, INT4OID}},
	[DB_RECOUNT] = {"SELECT * FROM errand._recount()", 0, {0}},
	[DB_SUSPECTS_NEXT] = {"SELECT errand._suspects_next() AS role", 0, {0}},
	[DB_DECORATIONS] = {"SELECT * FROM errand._decorations()", 0, {0}},
	[DB_RETAIN] = {"SELECT * FROM errand._retain($1,$2,$3,$4)",
				   4,
				   {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}},
	[DB_CANCEL] = {"SELECT errand._cancel_ask($1,$2,$3,$4,$5) AS asked",
				   5,
				   {INT8OID, OIDOID, BOOLOID, TEXTOID, TIMESTAMPTZOID}},
	[DB_CANCEL_WAITING] = {"SELECT * FROM errand._cancel_waiting($1)", 1, {TIMESTAMPTZOID}},
	[DB_CACHE_FIND] = {"SELECT * FROM errand._cache_find($1,$2)", 2, {A_INT8, TIMESTAMPTZOID}},
	[DB_CACHE_STORE] = {"SELECT errand._cache_store($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)",
						11,
						{A_OID, A_BYTES, A_INT8, A_INT2, A_TEXT, A_BYTES, A_BYTES, A_TEXT, A_TEXT,
						 A_BOOL, TIMESTAMPTZOID}},
	[DB_CACHE_TRIM] = {"SELECT errand._cache_trim($1)", 1, {TIMESTAMPTZOID}},
	[DB_CHUNKS_ADD] = {"SELECT errand._chunks_add($1,$2,$3,$4)",
					   4,
					   {A_INT8, A_INT4, A_INT4, A_BYTES}},
	[DB_CHUNKS_FORGET] = {"SELECT errand._chunks_forget($1)", 1, {A_INT8}},
	[DB_CHUNKS_SWEEP] = {"SELECT errand._chunks_sweep($1) AS more", 1, {INT4OID}},
	[DB_ROLLUP] = {"SELECT errand._rollup($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
				   12,
				   {TIMESTAMPTZOID, CHAROID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
					INT8OID, INT8OID, A_INT4, A_INT4}},
	[DB_ROLLUP_TRIM] = {"SELECT errand._rollup_trim($1,$2) AS gone", 2, {TIMESTAMPTZOID, INT4OID}},
	[DB_ROLLUP_SUMS] = {"SELECT * FROM errand._rollup_sums()", 0, {0}},
	[DB_OLDEST] = {"SELECT * FROM errand._oldest()", 0, {0}},
	[DB_QUEUE_SET] = {"SELECT errand._queue_set($1,$2,$3)", 3, {TEXTOID, BOOLOID, BOOLOID}},
	[DB_SECRETS] = {"SELECT * FROM errand._secrets($1,$2)", 2, {A_INT8, A_TEXT}},
	[DB_SECRET_SETTING] = {"SELECT errand._secret_setting($1) AS value", 1, {TEXTOID}},
	[DB_PROXIES] = {"SELECT * FROM errand._proxies()", 0, {0}},
	[DB_FOLLOW_UP] = {"SELECT * FROM errand._follow_up($1,$2)", 2, {A_INT8, TIMESTAMPTZOID}},
	[DB_SCHEDULES_FIRE] = {"SELECT * FROM errand._schedules_fire($1,$2)",
						   2,
						   {TIMESTAMPTZOID, INT4OID}},
	[DB_SCHEDULES_NEXT] = {"SELECT errand._schedules_next($1) AS at", 1, {TIMESTAMPTZOID}},
	[DB_OUTBOX_SUBMIT] = {"SELECT * FROM errand._outbox_submit($1,$2)",
						  2,
						  {INT8OID, TIMESTAMPTZOID}},
	[DB_FREE] = {"SELECT * FROM errand._free($1,$2,$3,$4)",
				 4,
				 {A_INT8, A_INT8, TIMESTAMPTZOID, INT4OID}},
	[DB_FREE_CHILDREN] = {"SELECT * FROM errand._free_children($1,$2,$3)",
						  3,
						  {A_INT8, TIMESTAMPTZOID, INT4OID}},
	[DB_UNFREED] = {"SELECT * FROM errand._unfreed($1,$2)", 2, {INT8OID, INT4OID}},
	[DB_GROUP_COUNT] = {"SELECT errand._group_count($1,$2)", 2, {A_INT8, A_CHAR}},
	[DB_RELAY_CHECK] = {"SELECT * FROM errand._relay_check($1,$2)", 2, {A_TEXT, A_TEXT}},
	[DB_GROUP_FOLD] = {"SELECT * FROM errand._group_fold($1,$2)", 2, {TIMESTAMPTZOID, INT4OID}},
};

static SPIPlanPtr plans[DB_CALLS];
static Oid caller = InvalidOid;
static int caller_context = 0;
static int settings_level = 0;
static bool gone = false;
static bool held = false;

/* No DROP or ALTER may be under way; ours is held until the commit. */
static bool
sentinel_lock(Oid extension)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, extension, 0);
	return LockAcquire(&tag, AccessShareLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/*
 * An executor's session is its submitter's: our own statements run with the
 * rights of the extension's owner and with our settings, and nothing of the
 * submitter's runs meanwhile.
 */
static void
become_owner(Oid extension)
{
	GetUserIdAndSecContext(&caller, &caller_context);
	SetUserIdAndSecContext(errand_db_owner(extension),
						   caller_context | SECURITY_LOCAL_USERID_CHANGE);
	settings_level = NewGUCNestLevel();
	errand_process_settings_local();
}

static void
become_session(void)
{
	AtEOXact_GUC(false, settings_level);
	SetUserIdAndSecContext(caller, caller_context);
}

bool
errand_db_join(void)
{
	Oid extension = get_extension_oid(ERRAND_EXTENSION, true);

	gone = !OidIsValid(extension);
	held = !gone && !sentinel_lock(extension);
	if (gone || held)
		return false;
	if (OidIsValid(errand_my_slot->role))
		become_owner(extension);
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	return true;
}

void
errand_db_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_READ_COMMITTED;
	XactReadOnly = false;
	errand_process_in_statement(true);
}

void
errand_db_end(void)
{
	CommitTransactionCommand();
	errand_process_in_statement(false);
}

bool
errand_db_begin(void)
{
	errand_db_transaction();
	if (errand_db_join())
		return true;
	errand_db_end();
	return false;
}

bool
errand_db_gone(void)
{
	return gone;
}

bool
errand_db_held(void)
{
	return held;
}

void
errand_db_commit(bool durable)
{
	SPI_finish();
	PopActiveSnapshot();
	if (OidIsValid(errand_my_slot->role))
		become_session();
	/* Not PGC_S_OVERRIDE: that sets the default, for all transactions to come. */
	if (!durable)
		(void) set_config_option("synchronous_commit", "off", PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	errand_db_end();
}

void
errand_db_recover(void)
{
	errand_db_undo(true);
}

void
errand_db_undo(bool log)
{
	HOLD_INTERRUPTS();
	if (log && !errand_process_must_leave()) /* then we cancelled it ourselves */
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	RESUME_INTERRUPTS();
	/* A plan may be what was wrong: functions change with ALTER EXTENSION. */
	for (int i = 0; i < DB_CALLS; i++)
	{
		if (plans[i] != NULL)
			SPI_freeplan(plans[i]);
		plans[i] = NULL;
	}
	errand_process_in_statement(false);
}

static SPIPlanPtr
plan_get(ErrandDbCall call)
{
	const DbCallDef *def = &calls[call];

	if (plans[call] == NULL)
	{
		SPIPlanPtr plan = SPI_prepare(def->sql, def->n, (Oid *) def->types);

		if (plan == NULL)
			elog(ERROR, "could not prepare \"%s\": %s", def->sql,
				 SPI_result_code_string(SPI_result));
		SPI_keepplan(plan);
		plans[call] = plan;
	}
	return plans[call];
}

int
errand_db_call(ErrandDbCall call, const ErrandDbArgs *a)
{
	SPIPlanPtr plan = plan_get(call);
	int rc;

	rc = SPI_execute_plan(plan, a ? (Datum *) a->value : NULL, a ? a->null : NULL, false, 0);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "\"%s\" failed: %s", calls[call].sql, SPI_result_code_string(rc));
	return (int) SPI_processed;
}

int
errand_db_column(const char *name)
{
	int n = SPI_fnumber(SPI_tuptable->tupdesc, name);

	if (n <= 0)
		elog(ERROR, "an internal function returned no column \"%s\"", name);
	return n;
}

Datum
errand_db_value(int row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

char *
errand_db_text(int row, int column)
{
	bool isnull;
	Datum d = errand_db_value(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

int64
errand_db_int8(int row, int column)
{
	bool isnull;
	Datum d = errand_db_value(row, column, &isnull);

	return isnull ? 0 : DatumGetInt64(d);
}

char
errand_db_char(int row, const char *column)
{
	bool isnull;
	Datum d = errand_db_value(row, errand_db_column(column), &isnull);

	return isnull ? '\0' : DatumGetChar(d);
}

void
errand_db_notify(const char *channel, const char *payload)
{
	Async_Notify(channel, payload);
}

Datum
errand_db_array(const Datum *items, const bool *nulls, int n, Oid type)
{
	int16 len;
	bool byval;
	char align;
	int lower = 1;

	get_typlenbyvalalign(type, &len, &byval, &align);
	return PointerGetDatum(construct_md_array((Datum *) items, (bool *) nulls, 1, &n, &lower, type,
											  len, byval, align));
}

void
errand_db_begin_shared(void)
{
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
}

void
errand_db_commit_shared(void)
{
	CommitTransactionCommand();
}

bool
errand_db_installed(void)
{
	bool installed;

	StartTransactionCommand();
	installed = OidIsValid(get_extension_oid(ERRAND_EXTENSION, true));
	CommitTransactionCommand();
	return installed;
}
