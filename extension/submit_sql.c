/*
 * submit_sql.c
 *		errand.call() and the payloads of SQL tasks.
 *
 * Runs in every backend, at submit.  A function is stored as its signature,
 * and looked up again when it runs, as whoever submitted the task.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "call.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "options.h"
#include "submit.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(errand_call_sql);

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

/* An executor's session is its role's: it must be able to begin one. */
void
errand_sql_check_role(void)
{
	Oid role = GetUserId();
	HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
	bool may;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for role %u", role);
	may = ((Form_pg_authid) GETSTRUCT(tuple))->rolcanlogin || ERRAND_NOLOGIN_MAY_RUN;
	ReleaseSysCache(tuple);
	if (!may)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("role \"%s\" may not log in, so its SQL tasks cannot run",
							   GetUserNameFromId(role, false)),
						errhint("ALTER ROLE %s LOGIN, or submit as a role that may. "
								"PostgreSQL 17 and newer run tasks of such roles.",
								quote_identifier(GetUserNameFromId(role, false)))));
}

const char *
errand_sql_signature(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc p;
	bool fits;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("there is no function %u", function),
						errhint("Give its signature, such as 'public.work(jsonb)'.")));
	p = (Form_pg_proc) GETSTRUCT(tuple);
	fits = p->prokind == PROKIND_FUNCTION && !p->proretset && p->pronargs == 1 &&
		   p->proargtypes.values[0] == JSONBOID &&
		   (p->prorettype == JSONBOID || p->prorettype == VOIDOID);
	ReleaseSysCache(tuple);
	if (!fits)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("%s cannot be a task's handler", format_procedure(function)),
						errhint("A handler is a function with one argument of type jsonb that "
								"returns jsonb or void.")));
	if (!errand_may_execute(function, GetUserId()))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied for function %s", format_procedure(function)),
						errhint("GRANT EXECUTE ON FUNCTION %s TO %s.", format_procedure(function),
								quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	return format_procedure_qualified(function);
}

Oid
errand_sql_function(const char *name)
{
	const char *path = GetConfigOptionResetString("search_path");
	char *signature = strchr(name, '(') != NULL ? pstrdup(name) : psprintf("%s(jsonb)", name);
	int level = NewGUCNestLevel();
	Datum found;
	LOCAL_FCINFO(fcinfo, 1);

	/* Our own functions have one that finds nothing of the user's. */
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
							 0, false);
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(signature);
	fcinfo->args[0].isnull = false;
	found = to_regprocedure(fcinfo);
	if (fcinfo->isnull)
		found = ObjectIdGetDatum(InvalidOid);
	AtEOXact_GUC(false, level);
	if (!OidIsValid(DatumGetObjectId(found)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION),
						errmsg("function \"%s\" does not exist", signature),
						errhint("Write it with its schema, such as 'public.work(jsonb)'.")));
	return DatumGetObjectId(found);
}

Jsonb *
errand_sql_payload(const char *signature, Jsonb *args)
{
	JsonbParseState *state = NULL;
	JsonbValue v = {.type = jbvString};

	errand_sql_check_role();
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	v.val.string.val = "args";
	v.val.string.len = 4;
	pushJsonbValue(&state, WJB_KEY, &v);
	if (JB_ROOT_IS_SCALAR(args))
		JsonbExtractScalar(&args->root, &v);
	else
		JsonbToJsonbValue(args, &v);
	pushJsonbValue(&state, WJB_VALUE, &v);
	v.type = jbvString;
	v.val.string.val = "function";
	v.val.string.len = 8;
	pushJsonbValue(&state, WJB_KEY, &v);
	v.val.string.val = (char *) signature;
	v.val.string.len = strlen(signature);
	pushJsonbValue(&state, WJB_VALUE, &v);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static Jsonb *
empty_object(void)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
}

Jsonb *
errand_sql_payload_from_options(const ErrandOptions *o)
{
	if (!o->given[OPT_FUNCTION])
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the function must not be NULL"),
						errhint("Such as 'public.work(jsonb)'.")));
	return errand_sql_payload(errand_sql_signature(DatumGetObjectId(o->value[OPT_FUNCTION])),
							  o->given[OPT_ARGS] ? DatumGetJsonbP(o->value[OPT_ARGS]) :
												   empty_object());
}

Jsonb *
errand_sql_prepare(const ErrandTaskType *t, ErrandOptions *o, Jsonb *payload)
{
	Oid function;

	if (t->row == NULL)
	{
		errand_options_from_json(payload, o, true);
		return errand_sql_payload_from_options(o);
	}
	/* Resolved again, as whoever submits: a handler may be gone, or not for him. */
	function = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(t->handler)));
	if (t->template != NULL && JB_ROOT_IS_OBJECT(payload))
		payload = DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(t->template),
													 JsonbPGetDatum(payload)));
	return errand_sql_payload(errand_sql_signature(function), payload);
}

Datum
errand_call_sql(PG_FUNCTION_ARGS)
{
	static const ErrandTaskType sql = {.name = "sql", .kind = "sql"};
	ErrandOptions o;

	errand_enter();
	errand_options_from_call(fcinfo, &o);
	PG_RETURN_INT64(errand_submit_prepared(&sql, &o, errand_sql_payload_from_options(&o)));
}
