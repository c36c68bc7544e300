/*
 * schedule.c
 *		errand.schedule() and its kin, and when a schedule is due next.
 *
 * Runs in every backend, in the caller's transaction; _next_run() also in the
 * leader, which fires what is due (bgworker/queue/schedules.c).  A schedule
 * belongs to the role that defined it, and its tasks run as that role.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "core/cron.h"
#include "events.h"
#include "options.h"
#include "pgtime.h"
#include "spec.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_schedule);
PG_FUNCTION_INFO_V1(errand_unschedule);
PG_FUNCTION_INFO_V1(errand_pause_schedule);
PG_FUNCTION_INFO_V1(errand_resume_schedule);
PG_FUNCTION_INFO_V1(errand_next_run);

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)
#define EPOCH_S ((INT64CONST(1) * POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

/* Positions of schedule()'s arguments that are no options. */
enum
{
	ARG_NAME,
	ARG_CRON,
	ARG_TIMEZONE = 4,
	ARG_OVERLAP
};

static void
cron_parse(const char *text, ErrandCron *cron)
{
	const char *why;

	if (!errand_cron_parse(text, strlen(text), cron, &why))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" is not a schedule", text),
						errhint("It cannot be used: %s. Write it like '*/5 * * * *' (minute, hour, day, month, "
								"weekday), '@hourly' or 'every 10 s'.",
								why)));
}

static pg_tz *
zone_find(const char *name)
{
	pg_tz *zone = pg_tzset(name);

	if (zone == NULL || !pg_tz_acceptable(zone))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("there is no time zone \"%s\"", name),
						errhint("Names are like 'UTC' and 'Europe/Berlin'. SELECT name FROM pg_timezone_names lists them.")));
	return zone;
}

static int
zone_offset(int64_t unix_s, void *arg)
{
	pg_time_t at = unix_s;
	struct pg_tm *tm = pg_localtime(&at, (pg_tz *) arg);

	return tm == NULL ? 0 : (int) tm->tm_gmtoff;
}

/* The first time after that one; false if there is none within nine years. */
static bool
next_run(const ErrandCron *cron, pg_tz *zone, TimestampTz after, TimestampTz *next)
{
	int64 seconds = after / USECS_PER_SEC - (after % USECS_PER_SEC < 0 ? 1 : 0);
	int64_t found;

	if (TIMESTAMP_NOT_FINITE(after) ||
		!errand_cron_next(cron, seconds + EPOCH_S, zone_offset, zone, &found))
		return false;
	*next = (found - EPOCH_S) * USECS_PER_SEC;
	return true;
}

Datum
errand_next_run(PG_FUNCTION_ARGS)
{
	ErrandCron cron;
	TimestampTz next;

	cron_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)), &cron);
	if (!next_run(&cron, zone_find(text_to_cstring(PG_GETARG_TEXT_PP(1))), PG_GETARG_TIMESTAMPTZ(2),
				  &next))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(next);
}

static char *
required_text(FunctionCallInfo fcinfo, int arg, const char *what)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the %s of a schedule must not be NULL", what),
						errhint("Such as errand.schedule('nightly', '0 3 * * *', 'http', '{\"url\": ...}').")));
	return text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static char *
name_arg(FunctionCallInfo fcinfo)
{
	char *name = required_text(fcinfo, ARG_NAME, "name");

	errand_check_name("schedule", name);
	return name;
}

/* The leader looks at its schedules again, at commit. */
static void
announce(void)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_CONFIG};

	errand_event_add(&e);
}

static void
define(const char *name, const char *cron_text, const char *zone_name, bool overlap,
	   ErrandOptions *o)
{
	TimestampTz now = GetCurrentTimestamp();
	ErrandArgs a = {0};
	ErrandCron cron;
	TimestampTz next;
	Jsonb *spec;
	bool isnull;

	cron_parse(cron_text, &cron);
	if (!next_run(&cron, zone_find(zone_name), now, &next))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" is never due", cron_text),
						errhint("No month has such a day.")));
	spec = errand_spec_make(errand_option_text(o, OPT_TASK), o, now, NULL, true);
	errand_arg_text(&a, name);
	errand_arg_text(&a, cron_text);
	errand_arg_text(&a, zone_name);
	errand_arg(&a, BoolGetDatum(overlap));
	errand_arg_pointer(&a, spec);
	errand_arg(&a, TimestampTzGetDatum(next));
	errand_arg(&a, TimestampTzGetDatum(now));
	if (!DatumGetBool(errand_call("_schedule_define", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("schedule \"%s\" belongs to another role", name),
						errhint("Choose another name, or let its owner or an admin errand.unschedule() it.")));
}

Datum
errand_schedule(PG_FUNCTION_ARGS)
{
	ErrandOptions o;
	char *name;
	char *cron;

	errand_enter();
	name = name_arg(fcinfo);
	cron = required_text(fcinfo, ARG_CRON, "cron expression");
	errand_options_from_call(fcinfo, &o);
	if (!o.given[OPT_TASK])
		(void) required_text(fcinfo, 2, "task type");
	define(name, cron, required_text(fcinfo, ARG_TIMEZONE, "time zone"),
		   !PG_ARGISNULL(ARG_OVERLAP) && PG_GETARG_BOOL(ARG_OVERLAP), &o);
	announce();
	PG_RETURN_VOID();
}

/* name, the caller, and whether that role may touch the schedules of others */
static void
who_args(ErrandArgs *a, const char *name)
{
	errand_arg_text(a, name);
	errand_arg(a, ObjectIdGetDatum(GetUserId()));
	errand_arg(a, BoolGetDatum(errand_may("admin")));
}

Datum
errand_unschedule(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	bool gone;

	errand_enter();
	who_args(&a, name_arg(fcinfo));
	gone = DatumGetBool(errand_call("_schedule_drop", &a, &isnull));
	if (gone)
		announce();
	PG_RETURN_BOOL(gone);
}

static void
schedule_set(FunctionCallInfo fcinfo, bool paused)
{
	ErrandArgs a = {0};
	bool isnull;
	char *name;

	errand_enter();
	name = name_arg(fcinfo);
	who_args(&a, name);
	errand_arg(&a, BoolGetDatum(paused));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	if (!DatumGetBool(errand_call("_schedule_set", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no schedule \"%s\"", name),
						errhint("SELECT * FROM errand.schedules lists yours; errand.schedule() makes one.")));
	announce();
}

Datum
errand_pause_schedule(PG_FUNCTION_ARGS)
{
	schedule_set(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
errand_resume_schedule(PG_FUNCTION_ARGS)
{
	schedule_set(fcinfo, false);
	PG_RETURN_VOID();
}
