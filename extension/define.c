/*
 * define.c
 *		Queues, task types and pauses: define, pause, resume, drop.
 *
 * Runs in every backend, in the caller's transaction; admins only.  What a
 * submit would refuse is refused here already.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "contract.h"
#include "core/rate.h"
#include "events.h"
#include "http_check.h"
#include "lib/stringinfo.h"
#include "options.h"
#include "shared.h"
#include "submit.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_define_queue);
PG_FUNCTION_INFO_V1(errand_pause_queue);
PG_FUNCTION_INFO_V1(errand_resume_queue);
PG_FUNCTION_INFO_V1(errand_pause_all);
PG_FUNCTION_INFO_V1(errand_resume_all);
PG_FUNCTION_INFO_V1(errand_define_task);
PG_FUNCTION_INFO_V1(errand_drop_task);
PG_FUNCTION_INFO_V1(errand_wake);

bool
errand_queue_limits_exist(void)
{
	ErrandDatabase *d = errand_database_mine();

	return d == NULL || pg_atomic_read_u32(&d->queue_limits) != 0;
}

/* Queues or types change at commit: workers read them again. */
static void
announce_config(void)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_CONFIG};
	ErrandDatabase *d = errand_database_mine();

	if (d != NULL)
		pg_atomic_write_u32(&d->queue_limits, 1);
	errand_event_add(&e);
}

/* The name argument of the queue and type functions, checked. */
static char *
name_arg(FunctionCallInfo fcinfo, const char *what)
{
	char *name;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the name of a %s must not be NULL", what)));
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	errand_check_name(what, name);
	return name;
}

#define NO_LIMIT (-1) /* takes a limit of a queue away */

static void
check_rate(const char *rate)
{
	double per_second;

	if (rate != NULL && !errand_rate_parse(rate, strlen(rate), &per_second))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not a rate", rate),
						errhint("Rates look like '50/s', '10/m', '1000/h' or '5/d'.")));
}

static void
check_positive(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (!PG_ARGISNULL(arg) && PG_GETARG_INT32(arg) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be at least 1", name),
						errhint("Leave it out, or give NULL, for no limit.")));
}

static char *
text_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

/* Passes arguments on as they came. */
static void
pass_args(ErrandArgs *a, FunctionCallInfo fcinfo, int from, int to)
{
	for (int i = from; i <= to; i++)
	{
		if (PG_ARGISNULL(i))
			errand_arg_null(a);
		else
			errand_arg(a, PG_GETARG_DATUM(i));
	}
}

Datum
errand_define_queue(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_enter();
	errand_require("admin");
	(void) name_arg(fcinfo, "queue");
	if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) != NO_LIMIT)
		check_positive(fcinfo, 1, "max_running");
	if (PG_ARGISNULL(2) || VARSIZE_ANY_EXHDR(PG_GETARG_TEXT_PP(2)) > 0)
		check_rate(text_arg(fcinfo, 2));
	if (!PG_ARGISNULL(3) && PG_GETARG_INT64(3) < 1 && PG_GETARG_INT64(3) != NO_LIMIT)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_depth must be at least 1"),
						errhint("To take no more tasks use errand.drain_queue(); -1 is no limit.")));
	pass_args(&a, fcinfo, 0, 4);
	(void) errand_call("_queue_define", &a, &isnull);
	announce_config();
	PG_RETURN_VOID();
}

static void
queue_set(FunctionCallInfo fcinfo, bool paused)
{
	ErrandArgs a = {0};
	bool isnull;
	char *name;

	errand_enter();
	errand_require("admin");
	name = name_arg(fcinfo, "queue");
	errand_arg_text(&a, name);
	errand_arg(&a, BoolGetDatum(paused));
	if (paused)
		errand_arg_null(&a);
	else
		errand_arg(&a, BoolGetDatum(false)); /* resuming ends a drain, too */
	if (!DatumGetBool(errand_call("_queue_set", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no queue \"%s\"", name),
						errhint("SELECT * FROM errand.queues lists them; errand.define_queue() makes one.")));
	announce_config();
}

Datum
errand_pause_queue(PG_FUNCTION_ARGS)
{
	queue_set(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
errand_resume_queue(PG_FUNCTION_ARGS)
{
	queue_set(fcinfo, false);
	PG_RETURN_VOID();
}

static void
pause_set(bool paused)
{
	ErrandArgs a = {0};
	bool isnull;
	int64 lost;

	errand_enter();
	errand_require("admin");
	errand_arg(&a, BoolGetDatum(paused));
	lost = DatumGetInt64(errand_call("_pause", &a, &isnull));
	if (lost > 0)
		ereport(WARNING, (errmsg("%lld tasks belong to roles that do not exist here", (long long) lost),
						  errhint("Create the roles, or cancel these tasks.")));
	announce_config();
}

Datum
errand_pause_all(PG_FUNCTION_ARGS)
{
	pause_set(true);
	PG_RETURN_VOID();
}

Datum
errand_resume_all(PG_FUNCTION_ARGS)
{
	pause_set(false);
	if (errand_database_mine() != NULL)
		pg_atomic_write_u32(&errand_database_mine()->resumed, 1);
	PG_RETURN_VOID();
}

Datum
errand_wake(PG_FUNCTION_ARGS)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_REWIND};

	errand_enter();
	errand_event_add(&e);
	PG_RETURN_VOID();
}

/* Positions of define_task()'s arguments. */
enum
{
	TYPE_NAME,
	TYPE_KIND,
	TYPE_HANDLER,
	TYPE_TEMPLATE,
	TYPE_QUEUE,
	TYPE_RATE_LIMIT = 12,
	TYPE_MAX_RUNNING = 13,
	TYPE_LAST = 20
};

/* The template as the engine reads it: refused now, not at the first submit. */
static Jsonb *
template_prepare(const ErrandPayloadKind *kind, Jsonb *template)
{
	ErrandOptions o;

	if (!JB_ROOT_IS_OBJECT(template))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the template must be a JSON object"),
						errhint("Such as %s.", kind->example)));
	if (kind->lift == NULL)
		return template; /* defaults of a handler's arguments */
	memset(o.given, 0, sizeof(o.given));
	o.given[OPT_PAYLOAD] = true;
	o.value[OPT_PAYLOAD] = JsonbPGetDatum(template);
	kind->lift(template, &o);
	errand_payload_only(&o);
	template = DatumGetJsonbP(o.value[OPT_PAYLOAD]);
	kind->check(template, false);
	return template;
}

static char *
kind_names(void)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int i = 0; errand_payload_kind_at(i) != NULL; i++)
		appendStringInfo(&s, i > 0 ? ", %s" : "%s", errand_payload_kind_at(i)->name);
	return s.data;
}

/* What a submit would refuse is refused here already. */
static void
check_type_args(FunctionCallInfo fcinfo, const char *name)
{
	char *kind = text_arg(fcinfo, TYPE_KIND);
	bool needs_handler;
	ErrandOptions o;
	ErrandPolicy p;

	if (strcmp(name, "http") == 0 || strcmp(name, "sql") == 0 || strcmp(name, "email") == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("\"%s\" is a built-in task type", name), errhint("Choose another name.")));
	if (kind == NULL || errand_payload_kind(kind) == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no kind of task \"%s\"", kind ? kind : "NULL"),
						errhint("The kinds are: %s.", kind_names())));
	needs_handler = kind != NULL && strcmp(kind, "sql") == 0;
	if (needs_handler && PG_ARGISNULL(TYPE_HANDLER))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a task type of kind sql needs a handler"),
						errhint("A function f(jsonb) that returns jsonb or void: handler => 'public.f(jsonb)'.")));
	if (!needs_handler && !PG_ARGISNULL(TYPE_HANDLER))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a task type of kind %s has no handler", kind),
						errhint("Its template says what to do.")));
	errand_options_from_call(fcinfo, &o);
	errand_policy_from_options(&o, GetCurrentTimestamp(), &p);
	if (o.given[OPT_CACHE_TTL])
		(void) errand_option_ms(&o, OPT_CACHE_TTL, 1, ERRAND_CACHE_TTL_MAX_MS);
	check_positive(fcinfo, TYPE_MAX_RUNNING, "max_running");
	check_rate(text_arg(fcinfo, TYPE_RATE_LIMIT));
}

Datum
errand_define_task(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;

	errand_enter();
	errand_require("admin");
	check_type_args(fcinfo, name_arg(fcinfo, "task type"));
	pass_args(&a, fcinfo, TYPE_NAME, TYPE_KIND);
	errand_arg_text(&a, PG_ARGISNULL(TYPE_HANDLER) ?
							NULL :
							errand_sql_signature(PG_GETARG_OID(TYPE_HANDLER)));
	errand_arg_pointer(&a, PG_ARGISNULL(TYPE_TEMPLATE) ?
							   NULL :
							   template_prepare(errand_payload_kind(text_arg(fcinfo, TYPE_KIND)),
												PG_GETARG_JSONB_P(TYPE_TEMPLATE)));
	pass_args(&a, fcinfo, TYPE_QUEUE, TYPE_LAST);
	(void) errand_call("_type_define", &a, &isnull);
	announce_config();
	PG_RETURN_VOID();
}

Datum
errand_drop_task(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	char *name;

	errand_enter();
	errand_require("admin");
	name = name_arg(fcinfo, "task type");
	errand_arg_text(&a, name);
	if (!DatumGetBool(errand_call("_type_drop", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no task type \"%s\"", name),
						errhint("SELECT * FROM errand.task_types lists them.")));
	announce_config();
	PG_RETURN_VOID();
}
