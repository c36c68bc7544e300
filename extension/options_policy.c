/*
 * options_policy.c
 *		What the options of a task come to: checked, defaults filled in.
 *
 * Runs in every backend, at submit.  Nothing reaches a table that was not
 * checked here: a mistake is refused with a hint, never found at run time.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "contract.h"
#include "core/header.h"
#include "options.h"
#include "spec.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"

#define MAX_TIMEOUT_MS (INT64CONST(7) * 86400 * 1000)
#define MAX_AGE_MS (INT64CONST(3660) * 86400 * 1000)

static void
bad_option(ErrandOption option, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("option \"%s\" is not valid", errand_option_name(option)),
					errhint("%s", why)));
}

double
errand_interval_ms(const Interval *i)
{
	return i->time / 1000.0 + i->day * 86400000.0 + i->month * 30.0 * 86400000.0;
}

int64
errand_option_ms(const ErrandOptions *o, ErrandOption option, int64 min, int64 max)
{
	double ms = errand_interval_ms(DatumGetIntervalP(o->value[option]));

	if (!(ms >= min && ms <= max))
		bad_option(option, psprintf("It must lie between %lld ms and %lld s.", (long long) min,
									(long long) (max / 1000)));
	return (int64) ms;
}

static int
option_int(const ErrandOptions *o, ErrandOption option, int min, int max, int if_missing)
{
	int n;

	if (!o->given[option])
		return if_missing;
	n = DatumGetInt32(o->value[option]);
	if (n < min || n > max)
		bad_option(option, psprintf("It must lie between %d and %d.", min, max));
	return n;
}

static void
backoff_from_options(const ErrandOptions *o, ErrandPolicy *p)
{
	p->has_backoff = o->given[OPT_BACKOFF];
	if (p->has_backoff && !errand_backoff_parse(errand_option_text(o, OPT_BACKOFF), &p->backoff))
		bad_option(OPT_BACKOFF, "It is 'exponential', 'linear' or 'constant'.");
	p->base_ms = o->given[OPT_BACKOFF_BASE] ? errand_option_ms(o, OPT_BACKOFF_BASE, 1, MAX_AGE_MS) :
											  -1;
	p->max_ms = o->given[OPT_BACKOFF_MAX] ? errand_option_ms(o, OPT_BACKOFF_MAX, 1, MAX_AGE_MS) :
											-1;
	p->factor = 0;
	if (o->given[OPT_BACKOFF_FACTOR])
	{
		double f = DatumGetFloat8(
			DirectFunctionCall1(numeric_float8, o->value[OPT_BACKOFF_FACTOR]));

		if (!(f >= 1 && f <= 100))
			bad_option(OPT_BACKOFF_FACTOR, "It must lie between 1 and 100.");
		p->factor = f;
	}
}

static void
times_from_options(const ErrandOptions *o, TimestampTz now, ErrandPolicy *p)
{
	p->timeout_ms = ERRAND_TIMEOUT_DEFAULT_MS;
	if (o->given[OPT_TIMEOUT])
		p->timeout_ms = errand_option_ms(o, OPT_TIMEOUT, 1, MAX_TIMEOUT_MS);
	else if (o->given[OPT_TIMEOUT_MILLISECONDS])
		p->timeout_ms = option_int(o, OPT_TIMEOUT_MILLISECONDS, 1, MAX_TIMEOUT_MS, 0);
	p->has_run_at = o->given[OPT_RUN_AT];
	if (p->has_run_at)
	{
		p->run_at = DatumGetTimestampTz(o->value[OPT_RUN_AT]);
		if (TIMESTAMP_IS_NOEND(p->run_at))
			bad_option(OPT_RUN_AT, "A task that runs at infinity would wait for ever.");
		if (TIMESTAMP_IS_NOBEGIN(p->run_at))
			p->has_run_at = false;
	}
	p->has_deadline = o->given[OPT_DEADLINE];
	if (p->has_deadline)
		p->deadline = now + errand_option_ms(o, OPT_DEADLINE, 1, MAX_AGE_MS) * 1000;
}

/* A key also travels as a header: no control characters, at most 255 bytes. */
static const char *
key_from_options(const ErrandOptions *o)
{
	char *key = errand_option_text(o, OPT_KEY);

	if (key != NULL &&
		(strlen(key) < 1 || strlen(key) > 255 || !errand_header_value_ok(key, strlen(key))))
		bad_option(OPT_KEY, "It has 1 to 255 bytes and no control characters.");
	return key;
}

static void
texts_from_options(const ErrandOptions *o, ErrandPolicy *p)
{
	char *delivery = errand_option_text(o, OPT_DELIVERY);

	p->queue = errand_option_text(o, OPT_QUEUE);
	if (p->queue == NULL)
		p->queue = ERRAND_QUEUE_DEFAULT;
	errand_check_name("queue", p->queue);
	p->key = key_from_options(o);
	p->at_most_once = delivery != NULL && strcmp(delivery, "at_most_once") == 0;
	if (delivery != NULL && !p->at_most_once && strcmp(delivery, "at_least_once") != 0)
		bad_option(OPT_DELIVERY, "It is 'at_least_once' or 'at_most_once'.");
	p->notify = errand_option_text(o, OPT_NOTIFY);
	if (p->notify != NULL && (strlen(p->notify) < 1 || strlen(p->notify) >= NAMEDATALEN))
		bad_option(OPT_NOTIFY, "A channel's name has 1 to 63 bytes.");
	p->traceparent = errand_option_text(o, OPT_TRACEPARENT);
	if (p->traceparent != NULL && !errand_traceparent_ok(p->traceparent, strlen(p->traceparent)))
		bad_option(OPT_TRACEPARENT,
				   "It looks like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.");
	p->has_tags = o->given[OPT_TAGS];
	if (p->has_tags)
	{
		p->tags = o->value[OPT_TAGS];
		if (array_contains_nulls(DatumGetArrayTypeP(p->tags)))
			bad_option(OPT_TAGS, "A tag cannot be NULL.");
	}
}

static void
relations_from_options(const ErrandOptions *o, ErrandPolicy *p)
{
	char *policy = errand_option_text(o, OPT_AFTER_POLICY);
	ArrayType *after = o->given[OPT_AFTER] ? DatumGetArrayTypeP(o->value[OPT_AFTER]) : NULL;

	p->after_done = policy != NULL && strcmp(policy, "done") == 0;
	if (policy != NULL && !p->after_done && strcmp(policy, "success") != 0)
		bad_option(OPT_AFTER_POLICY, "It is 'success' or 'done'.");
	if (after != NULL && array_contains_nulls(after))
		bad_option(OPT_AFTER, "An id cannot be NULL.");
	p->has_after = after != NULL && ArrayGetNItems(ARR_NDIM(after), ARR_DIMS(after)) > 0;
	p->after = PointerGetDatum(after);
	p->task_group = 0;
	if (o->given[OPT_TASK_GROUP])
	{
		p->task_group = DatumGetInt64(o->value[OPT_TASK_GROUP]);
		if (p->task_group < 1)
			bad_option(OPT_TASK_GROUP, "It is an id that errand.open_group() returned.");
	}
	p->has_unmet = false;
	p->spoilt = 0;
}

void
errand_policy_from_options(const ErrandOptions *o, TimestampTz now, ErrandPolicy *p)
{
	p->priority = option_int(o, OPT_PRIORITY, PG_INT16_MIN, PG_INT16_MAX, 0);
	p->max_attempts = option_int(o, OPT_MAX_ATTEMPTS, 1, 10000, ERRAND_MAX_ATTEMPTS_DEFAULT);
	backoff_from_options(o, p);
	times_from_options(o, now, p);
	texts_from_options(o, p);
	p->on_success = errand_follow_up_prepare(o, OPT_ON_SUCCESS, now);
	p->on_failure = errand_follow_up_prepare(o, OPT_ON_FAILURE, now);
	relations_from_options(o, p);
}
