/*
 * secrets.c
 *		errand.set_secret(), drop_secret(), and the check of references at submit.
 *
 * Runs in every backend, in the caller's transaction.  It must never read a
 * value back, and never let one into a message: while a secret is being set,
 * errors are logged without their statement.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "events.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "secrets.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_set_secret);
PG_FUNCTION_INFO_V1(errand_drop_secret);

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

static void
hide_statement(void *arg)
{
	errhidestmt(true);
}

/* The name argument, checked. */
static char *
name_arg(FunctionCallInfo fcinfo)
{
	char *name = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (name == NULL || !errand_secret_name_ok(name, strlen(name)))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the name of a secret is not valid"),
						errhint("Names have 1 to %d letters, digits, dots, dashes and underscores.",
								ERRAND_SECRET_NAME_MAX)));
	return name;
}

static bool
shared_arg(FunctionCallInfo fcinfo, int arg)
{
	bool shared = !PG_ARGISNULL(arg) && PG_GETARG_BOOL(arg);

	if (shared)
		errand_require("admin");
	return shared;
}

/* Proxies and settings may hold the value: workers read them again at commit. */
static void
announce(bool shared)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_CONFIG};

	if (shared || superuser())
		errand_event_add(&e);
}

static void
set_secret(FunctionCallInfo fcinfo)
{
	ErrandArgs a = {0};
	bool isnull;
	bool shared;
	int len;

	(void) name_arg(fcinfo);
	shared = shared_arg(fcinfo, 2);
	len = PG_ARGISNULL(1) ? 0 : VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(1));
	if (len < 1 || len > ERRAND_SECRET_VALUE_MAX)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the value of a secret must have 1 to %d bytes", ERRAND_SECRET_VALUE_MAX),
						errhint("To remove a secret use errand.drop_secret().")));
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg_text(&a, GetUserNameFromId(GetUserId(), false));
	errand_arg(&a, PG_GETARG_DATUM(0));
	errand_arg(&a, PG_GETARG_DATUM(1));
	errand_arg(&a, BoolGetDatum(shared));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	(void) errand_call("_secret_set", &a, &isnull);
	announce(shared);
}

Datum
errand_set_secret(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {.previous = error_context_stack, .callback = hide_statement};

	error_context_stack = &hide;
	pgstat_report_activity(STATE_RUNNING, "<errand.set_secret(): the statement is not shown>");
	errand_enter();
	set_secret(fcinfo);
	error_context_stack = hide.previous;
	PG_RETURN_VOID();
}

Datum
errand_drop_secret(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	bool shared;
	bool found;

	errand_enter();
	(void) name_arg(fcinfo);
	shared = shared_arg(fcinfo, 1);
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg(&a, PG_GETARG_DATUM(0));
	errand_arg(&a, BoolGetDatum(shared));
	found = DatumGetBool(errand_call("_secret_drop", &a, &isnull));
	announce(shared);
	PG_RETURN_BOOL(found);
}

static Datum
name_array(char **names, int n)
{
	Datum *items = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		items[i] = CStringGetTextDatum(names[i]);
	return PointerGetDatum(construct_array(items, n, TEXTOID, -1, false, TYPALIGN_INT));
}

void
errand_secrets_check(Jsonb *payload)
{
	ErrandArgs a = {0};
	char **names;
	char *missing;
	bool isnull;
	Datum answer;
	int n;

	if (!errand_secret_possible(payload))
		return;
	names = errand_secret_names(payload, &n);
	if (n == 0)
		return;
	errand_arg(&a, ObjectIdGetDatum(GetUserId()));
	errand_arg_text(&a, GetUserNameFromId(GetUserId(), false));
	errand_arg(&a, name_array(names, n));
	answer = errand_call("_secrets_missing", &a, &isnull);
	if (isnull)
		return;
	missing = TextDatumGetCString(answer);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no secret \"%s\"", missing),
					errhint("Set it with SELECT errand.set_secret('%s', '...'); errand.secrets lists "
							"those you can use.",
							missing)));
}
