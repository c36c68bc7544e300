/*
 * options.h
 *		The options of submitting functions, found by the names of the
 *		function's arguments or of a JSON object's keys.
 */
#ifndef ERRAND_OPTIONS_H
#define ERRAND_OPTIONS_H

#include "postgres.h"

#include "core/backoff.h"
#include "fmgr.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef enum ErrandOption
{
	/* what to do */
	OPT_TASK,
	OPT_TASKS,
	OPT_PAYLOAD,
	OPT_PAYLOADS,
	/* SQL functions */
	OPT_FUNCTION,
	OPT_ARGS,
	/* how to do it, in any kind of task */
	OPT_QUEUE,
	OPT_PRIORITY,
	OPT_RUN_AT,
	OPT_MAX_ATTEMPTS,
	OPT_BACKOFF,
	OPT_BACKOFF_BASE,
	OPT_BACKOFF_FACTOR,
	OPT_BACKOFF_MAX,
	OPT_TIMEOUT,
	OPT_DEADLINE,
	OPT_KEY,
	OPT_TAGS,
	OPT_DELIVERY,
	OPT_NOTIFY,
	OPT_TRACEPARENT,
	OPT_ON_SUCCESS,
	OPT_ON_FAILURE,
	OPT_AFTER,
	OPT_AFTER_POLICY,
	OPT_TASK_GROUP,
	/* HTTP requests */
	OPT_URL,
	OPT_METHOD,
	OPT_HEADERS,
	OPT_BODY,
	OPT_PARAMS,
	OPT_BODY_BYTES,
	OPT_FORM,
	OPT_AUTH,
	OPT_COOKIES,
	OPT_FOLLOW_REDIRECTS,
	OPT_MAX_BODY_BYTES,
	OPT_CONNECT_TIMEOUT,
	OPT_SUCCESS_CODES,
	OPT_STORE,
	OPT_CACHE_TTL,
	OPT_PAGINATE,
	/* e-mail, which has body and headers, too */
	OPT_RECIPIENT,
	OPT_SUBJECT,
	OPT_HTML,
	OPT_SENDER,
	OPT_ATTACHMENTS,
	OPT_CC,
	OPT_BCC,
	OPT_REPLY_TO,
	OPT_TIMEOUT_MILLISECONDS,
	OPT_COUNT
} ErrandOption;

typedef struct ErrandOptions
{
	Datum value[OPT_COUNT];
	bool given[OPT_COUNT]; /* and not NULL */
	Oid type[OPT_COUNT];   /* of the value, for body: text or jsonb */
} ErrandOptions;

/* Binds the arguments of the running function by their names. */
extern void errand_options_from_call(FunctionCallInfo fcinfo, ErrandOptions *o);

/*
 * Binds the keys of a JSON object.  Unknown keys raise 22023 if strict, and
 * are passed over if not.  An option that is given already is kept.
 */
extern void errand_options_from_json(Jsonb *object, ErrandOptions *o, bool strict);

/* The option of this name, or -1. */
extern int errand_option_by_name(const char *name, size_t len);

extern const char *errand_option_name(ErrandOption option);

/* Text of an option, or NULL. */
extern char *errand_option_text(const ErrandOptions *o, ErrandOption option);

/* What the options of a task come to, everything checked and filled in. */
typedef struct ErrandPolicy
{
	const char *queue;
	int16 priority;
	bool has_run_at;
	TimestampTz run_at;
	int16 max_attempts;
	int32 timeout_ms;
	bool has_backoff;
	ErrandBackoff backoff;
	int64 base_ms; /* -1: default */
	float4 factor; /* 0: default */
	int64 max_ms;  /* -1: default */
	bool has_deadline;
	TimestampTz deadline;
	const char *key;
	Datum tags;
	bool has_tags;
	bool at_most_once;
	const char *notify;
	const char *traceparent;
	Jsonb *on_success; /* specs, or NULL */
	Jsonb *on_failure;
	bool has_after; /* there are tasks that it waits for */
	Datum after;	/* bigint[] */
	bool after_done;
	int64 task_group; /* 0: none */

	/* what submit_after.c finds out of them */
	bool has_unmet;
	Datum unmet;  /* bigint[]: of after, those that are not final */
	int64 spoilt; /* a parent did not succeed: it; 0: none */
} ErrandPolicy;

/* Checks the options and fills in the defaults; raises 22023 with a hint. */
extern void errand_policy_from_options(const ErrandOptions *o, TimestampTz now, ErrandPolicy *p);

/* Milliseconds of an interval, a month 30 days. */
extern double errand_interval_ms(const Interval *i);

/* Milliseconds of an interval option within bounds, else 22023. */
extern int64 errand_option_ms(const ErrandOptions *o, ErrandOption option, int64 min, int64 max);

#endif
