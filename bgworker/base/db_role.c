/*
 * db_role.c
 *		Roles: the extension's owner, and who may have a session here.
 *
 * Runs in our processes, within a transaction.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/db.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "compat.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* The extension's owner, looked up once a session. */
Oid
errand_db_owner(Oid extension)
{
	static Oid owner = InvalidOid;
	Relation rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;

	if (OidIsValid(owner))
		return owner;
	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "there is no extension %u", extension);
	owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

bool
errand_db_role_is(Oid role, const char *name)
{
	char *now = GetUserNameFromId(role, true);

	return now != NULL && strcmp(now, name) == 0;
}

ErrandRoleState
errand_db_role_state(Oid role)
{
	HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	Form_pg_authid form;
	ErrandRoleState state = ERRAND_ROLE_READY;

	if (!HeapTupleIsValid(tuple))
		return ERRAND_ROLE_GONE;
	form = (Form_pg_authid) GETSTRUCT(tuple);
	if ((!form->rolcanlogin && !ERRAND_NOLOGIN_MAY_RUN) || !errand_may_connect(MyDatabaseId, role))
		state = ERRAND_ROLE_NO_LOGIN;
	else if (form->rolconnlimit >= 0 && !form->rolsuper &&
			 CountUserBackends(role) >= form->rolconnlimit)
		state = ERRAND_ROLE_FULL;
	ReleaseSysCache(tuple);
	return state;
}
