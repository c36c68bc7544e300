/*
 * db_api.c
 *		The relay's calls, as the database role of a token.
 *
 * Runs in the relay, within a transaction.  Internal functions are called
 * directly, so that nobody need be granted them; what they look at is looked at
 * with the role's own rights, and with no more than its token's level.  Both
 * must never outlive the call.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/clock.h"
#include "base/db_api.h"
#include "call.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "compat.h"
#include "contract.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#define CALL_MS 5000

static char *
call_text(const char *name, const ErrandArgs *a)
{
	bool isnull;
	Datum d = errand_call_as_caller(name, a, &isnull);

	return isnull ? pstrdup("null") : DatumGetCString(DirectFunctionCall1(jsonb_out, d));
}

char *
errand_db_api(Oid role, ErrandLevel level, const char *route, const char *args)
{
	ErrandArgs a = {0};
	Oid user;
	int context;
	char *volatile json;

	errand_arg_text(&a, route);
	errand_arg(&a, DirectFunctionCall1(jsonb_in, CStringGetDatum(args)));
	errand_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	GetUserIdAndSecContext(&user, &context);
	enable_timeout_after(STATEMENT_TIMEOUT, CALL_MS);
	errand_level_cap = level;
	PG_TRY();
	{
		SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE);
		json = call_text("_api", &a);
	}
	PG_FINALLY();
	{
		errand_level_cap = ERRAND_LEVEL_ADMIN;
		disable_timeout(STATEMENT_TIMEOUT, false);
		SetUserIdAndSecContext(user, context);
	}
	PG_END_TRY();
	return json;
}

char *
errand_db_stats(void)
{
	ErrandArgs a = {0};

	return call_text("_stats", &a);
}

char *
errand_db_source_news(int64 id)
{
	ErrandArgs a = {0};

	errand_arg(&a, Int64GetDatum(id));
	return call_text("_source_news", &a);
}

char *
errand_db_version(void)
{
	Oid extension = get_extension_oid(ERRAND_EXTENSION, true);
	Relation rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;
	char *version = NULL;

	if (!OidIsValid(extension))
		return NULL;
	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool isnull;
		Datum d = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(rel), &isnull);

		version = isnull ? NULL : TextDatumGetCString(d);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return version;
}
