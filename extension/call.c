/*
 * call.c
 *		Calls internal SQL functions by fmgr, as the extension's owner.
 *
 * Runs in every backend.  It never takes a user's text for a name, and never
 * keeps the owner's rights longer than the call.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "call.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "contract.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "level.h"
#include "mb/pg_wchar.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* An internal function, looked up once a session or after a change of pg_proc. */
typedef struct CachedFunction
{
	char name[NAMEDATALEN];
	FmgrInfo flinfo;
	Oid owner;
	bool valid;
} CachedFunction;

#define MAX_CACHED 128
static CachedFunction cached[MAX_CACHED];
static int n_cached = 0;

static void
functions_changed(Datum arg, int cacheid, uint32 hash)
{
	for (int i = 0; i < n_cached; i++)
		cached[i].valid = false;
}

/* The oid of errand.<name>: internal names are not overloaded. */
static Oid
function_oid(const char *name, Oid *owner)
{
	Oid schema = get_namespace_oid(ERRAND_SCHEMA, true);
	CatCList *list;
	Oid found = InvalidOid;

	if (!OidIsValid(schema))
		return InvalidOid;
	list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc p = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		if (p->pronamespace == schema)
		{
			found = p->oid;
			*owner = p->proowner;
		}
	}
	ReleaseSysCacheList(list);
	return found;
}

static CachedFunction *
function_find(const char *name)
{
	CachedFunction *f = NULL;
	Oid oid;

	for (int i = 0; i < n_cached && f == NULL; i++)
	{
		if (strcmp(cached[i].name, name) == 0)
			f = &cached[i];
	}
	if (f != NULL && f->valid)
		return f;
	if (f == NULL)
	{
		if (n_cached == 0)
			CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
		if (n_cached == MAX_CACHED)
			elog(ERROR, "too many internal functions");
		f = &cached[n_cached++];
		strlcpy(f->name, name, sizeof(f->name));
	}
	f->valid = false;
	oid = function_oid(name, &f->owner);
	if (!OidIsValid(oid))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("pg_errand is not installed in this database"),
						errdetail("There is no function %s.%s.", ERRAND_SCHEMA, name),
						errhint("Run CREATE EXTENSION pg_errand, or ALTER EXTENSION pg_errand "
								"UPDATE if it is an older version.")));
	fmgr_info_cxt(oid, &f->flinfo, TopMemoryContext);
	f->valid = true;
	return f;
}

static Datum
function_invoke(CachedFunction *f, const ErrandArgs *a, bool *isnull)
{
	LOCAL_FCINFO(fcinfo, ERRAND_CALL_MAX_ARGS);
	Datum result;

	InitFunctionCallInfoData(*fcinfo, &f->flinfo, a->n, InvalidOid, NULL, NULL);
	for (int i = 0; i < a->n; i++)
	{
		fcinfo->args[i].value = a->value[i];
		fcinfo->args[i].isnull = a->null[i];
	}
	result = FunctionCallInvoke(fcinfo);
	*isnull = fcinfo->isnull;
	return result;
}

static void
rights_take(Oid owner, ErrandRights *mine)
{
	GetUserIdAndSecContext(&mine->user, &mine->context);
	SetUserIdAndSecContext(owner, mine->context | SECURITY_LOCAL_USERID_CHANGE);
}

Oid
errand_rights_take(const char *name, ErrandRights *mine)
{
	Oid owner = function_find(name)->owner;

	rights_take(owner, mine);
	return owner;
}

void
errand_rights_back(const ErrandRights *mine)
{
	SetUserIdAndSecContext(mine->user, mine->context);
}

Datum
errand_call(const char *name, const ErrandArgs *a, bool *isnull)
{
	CachedFunction *f = function_find(name);
	ErrandRights mine;
	Datum result;

	rights_take(f->owner, &mine);
	result = function_invoke(f, a, isnull);
	errand_rights_back(&mine);
	return result;
}

Datum
errand_call_as_caller(const char *name, const ErrandArgs *a, bool *isnull)
{
	return function_invoke(function_find(name), a, isnull);
}

void
errand_arg_text(ErrandArgs *a, const char *s)
{
	if (s != NULL)
		errand_arg(a, CStringGetTextDatum(s));
	else
		errand_arg_null(a);
}

bool
errand_may(const char *level)
{
	ErrandArgs a = {0};
	bool isnull;

	if (!errand_level_includes(errand_level_cap, errand_level_parse(level)))
		return false;
	if (superuser())
		return true;
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg_text(&a, level);
	return DatumGetBool(errand_call("_may", &a, &isnull));
}

void
errand_require(const char *level)
{
	if (errand_may(level))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied: this needs the level \"%s\"", level),
			 errhint("A superuser can grant it: SELECT errand.grant_access('%s', '%s').",
					 GetUserNameFromId(GetUserId(), true), level)));
}

/* What only looks: not even what the role could do to its own tasks. */
static void
refuse_looking_only(void)
{
	if (errand_level_cap == ERRAND_LEVEL_MONITOR)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied: the token is for looking only"),
						errhint("Use a token of the level \"submit\" or \"admin\".")));
}

void
errand_enter(void)
{
	refuse_looking_only();
	errand_enter_looking();
}

void
errand_enter_looking(void)
{
	errand_shared_require();
	if (InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot be called within a security-restricted operation"),
				 errhint("Functions in indexes, materialized views and the like are evaluated "
						 "with somebody else's rights: submit from a trigger instead.")));
}

void
errand_check_name(const char *what, const char *name)
{
	int chars = pg_mbstrlen(name);

	if (chars < 1 || chars > ERRAND_NAME_CHARS || strlen(name) >= ERRAND_NAME_BYTES)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the name of a %s must have 1 to %d characters", what, ERRAND_NAME_CHARS),
						errhint("This one has %d.", chars)));
	for (const unsigned char *p = (const unsigned char *) name; *p; p++)
	{
		if (*p < 0x20 || *p == 0x7f)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("the name of a %s must not hold control characters", what),
							errhint("Line breaks and tabs count as such.")));
	}
}

Datum
errand_column(Datum row, const char *name, bool *isnull)
{
	return GetAttributeByName(DatumGetHeapTupleHeader(row), name, isnull);
}

char *
errand_column_text(Datum row, const char *name)
{
	bool isnull;
	Datum d = GetAttributeByName(DatumGetHeapTupleHeader(row), name, &isnull);

	return isnull ? NULL : TextDatumGetCString(d);
}

int64
errand_column_int(Datum row, const char *name, int64 if_null)
{
	HeapTupleHeader tuple = DatumGetHeapTupleHeader(row);
	bool isnull;
	Datum d = GetAttributeByName(tuple, name, &isnull);
	TupleDesc desc;
	int64 result = if_null;

	if (isnull)
		return if_null;
	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(tuple), HeapTupleHeaderGetTypMod(tuple));
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (att->attlen == sizeof(int16))
			result = DatumGetInt16(d);
		else if (att->attlen == sizeof(int32))
			result = DatumGetInt32(d);
		else
			result = DatumGetInt64(d);
	}
	ReleaseTupleDesc(desc);
	return result;
}

char
errand_column_char(Datum row, const char *name)
{
	bool isnull;
	Datum d = GetAttributeByName(DatumGetHeapTupleHeader(row), name, &isnull);

	return isnull ? '\0' : DatumGetChar(d);
}
