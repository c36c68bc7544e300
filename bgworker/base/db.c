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
#include "base/db_calls.h"
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

static SPIPlanPtr plans[DB_CALLS];
static Oid caller = InvalidOid;
static int caller_context = 0;
static int settings_level = 0;
static bool gone = false;
static bool held = false;

/* Who began a transaction gets its memory context back: its end would leave it in TopMemoryContext. */
static MemoryContext outside = NULL;

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
	outside = CurrentMemoryContext;
	StartTransactionCommand();
	XactIsoLevel = XACT_READ_COMMITTED;
	XactReadOnly = false;
	errand_process_in_statement(true);
}

void
errand_db_end(void)
{
	CommitTransactionCommand();
	MemoryContextSwitchTo(outside);
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
	if (outside != NULL)
		MemoryContextSwitchTo(outside);
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
	const ErrandDbCallDef *def = &errand_db_calls[call];

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
		elog(ERROR, "\"%s\" failed: %s", errand_db_calls[call].sql, SPI_result_code_string(rc));
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
	outside = CurrentMemoryContext;
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
}

void
errand_db_commit_shared(void)
{
	CommitTransactionCommand();
	MemoryContextSwitchTo(outside);
}

bool
errand_db_installed(void)
{
	MemoryContext context = CurrentMemoryContext;
	bool installed;

	StartTransactionCommand();
	installed = OidIsValid(get_extension_oid(ERRAND_EXTENSION, true));
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return installed;
}
