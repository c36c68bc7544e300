/*
 * request.c
 *		The queue of what callbacks want of the database, and its one worker.
 *
 * Runs in the relay.  Queueing is called in callbacks and must not throw;
 * running is for the main loop alone.  No SQL runs while a foreign library is
 * on the stack, and no transaction is open while the loop waits.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/db_api.h"
#include "base/process.h"
#include "catalog/pg_type.h"
#include "deltas.h"
#include "relay/ready.h"
#include "relay/request.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define QUEUE_MAX 2000
#define COUNTED_US INT64CONST(10000000) /* so long a snapshot waits for a leader that counts */
#define TURN_US 5000					/* so long requests are run before the loop has its turn */

static ErrandLink queue = {&queue, &queue};
static int n_queued = 0;
static int n_held = 0; /* of these, as of the last run */

RelayRequest *
relay_request_add(RelayAsk ask, RelayPrincipal *who, char *args, RelayDone done, void *owner)
{
	RelayRequest *r = n_queued < QUEUE_MAX ? calloc(1, sizeof(RelayRequest)) : NULL;

	if (r == NULL)
	{
		free(args);
		return NULL;
	}
	r->ask = ask;
	r->who = who != NULL ? relay_principal_keep(who) : NULL;
	r->args = args;
	r->done = done;
	r->owner = owner;
	errand_list_push(&queue, &r->node);
	n_queued++;
	return r;
}

void
relay_request_forget(RelayRequest *r)
{
	r->done = NULL;
	r->owner = NULL;
}

bool
relay_requests_any(void)
{
	return n_queued > 0;
}

bool
relay_requests_held(void)
{
	return n_queued == n_held;
}

/* After a crash of the server nothing is known before the leader has counted. */
static bool
counts_known(void)
{
	static int64 since = 0;
	static bool known = false;

	if (since == 0)
		since = errand_clock_monotonic();
	if (!known)
		known = errand_counters_based() || errand_clock_monotonic() - since > COUNTED_US;
	return known;
}

static void
request_free(RelayRequest *r)
{
	relay_principal_drop(r->who);
	free(r->args);
	free(r->answer.message);
	free(r->answer.hint);
	free(r->answer.text);
	free(r);
}

/* What is returned for a while outlives the transaction. */
static void
answer_text(RelayAnswer *a, const char *text)
{
	a->status = 200;
	a->text = strdup(text);
	a->text_len = strlen(text);
	if (a->text == NULL)
		a->status = 503;
}

/* The HTTP status of an SQLSTATE. */
static int
status_of(int sqlstate)
{
	switch (sqlstate)
	{
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return 403;
		case ERRCODE_UNDEFINED_OBJECT:
		case ERRCODE_NO_DATA_FOUND:
			return 404;
		case ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE:
			return 409;
		case ERRCODE_CONFIGURATION_LIMIT_EXCEEDED:
			return 429;
		case ERRCODE_QUERY_CANCELED:
			return 408;
		default:
			return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION ? 400 : 500;
	}
}

/* The error being handled becomes the answer; what is no user's fault is logged. */
static void
answer_error(RelayAnswer *a, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorData *error = CopyErrorData();

	MemoryContextSwitchTo(old);
	a->status = status_of(error->sqlerrcode);
	errand_db_undo(a->status >= 500);
	strlcpy(a->code, unpack_sql_state(error->sqlerrcode), sizeof(a->code));
	if (a->status < 500)
	{
		a->message = error->message != NULL ? strdup(error->message) : NULL;
		a->hint = error->hint != NULL ? strdup(error->hint) : NULL;
	}
	FreeErrorData(error);
}

static void
answer_say(RelayAnswer *a, int status, const char *message)
{
	a->status = status;
	a->message = strdup(message);
}

/* What a row of the last result says of a principal. */
static void
principal_read(RelayPrincipal *p, int row)
{
	bool isnull;
	bool revoked = DatumGetBool(errand_db_value(row, errand_db_column("revoked"), &isnull));
	char *level = errand_db_text(row, errand_db_column("level"));

	p->role = DatumGetObjectId(errand_db_value(row, errand_db_column("role"), &isnull));
	p->valid = !isnull && !revoked;
	p->level = errand_level_both(p->token_level, errand_level_parse(level));
}

/* Asks the database about these tokens. */
static void
principals_ask(RelayPrincipal **p, int n)
{
	Datum *jtis = palloc(sizeof(Datum) * Max(n, 1));
	Datum *subs = palloc(sizeof(Datum) * Max(n, 1));
	ErrandDbArgs a = {0};

	for (int i = 0; i < n; i++)
	{
		jtis[i] = CStringGetTextDatum(p[i]->jti);
		subs[i] = CStringGetTextDatum(p[i]->sub);
	}
	errand_db_arg(&a, errand_db_array(jtis, NULL, n, TEXTOID));
	errand_db_arg(&a, errand_db_array(subs, NULL, n, TEXTOID));
	if (errand_db_call(DB_RELAY_CHECK, &a) != n)
		elog(ERROR, "tokens were not checked");
	for (int i = 0; i < n; i++)
		principal_read(p[i], i);
}

/* All that are in use. */
static void
check_all(void)
{
	ErrandLink *all = relay_principals();
	RelayPrincipal **p;
	int n = 0;

	for (ErrandLink *l = all->next; l != all; l = l->next)
		n++;
	p = palloc(sizeof(RelayPrincipal *) * Max(n, 1));
	n = 0;
	for (ErrandLink *l = all->next; l != all; l = l->next)
		p[n++] = errand_container(l, RelayPrincipal, node);
	principals_ask(p, n);
}

/* False: the token is no good for this, and the answer says so. */
static bool
authorize(RelayRequest *r)
{
	RelayPrincipal *p = r->who;
	char text[64];

	if (p == NULL)
		return true;
	principals_ask(&p, 1);
	if (!p->valid)
		answer_say(&r->answer, 401, "the token was revoked, or its role is gone");
	else if (p->level == ERRAND_LEVEL_NONE)
		answer_say(&r->answer, 403, "the role and the token have no right in common");
	else if (r->needed != ERRAND_LEVEL_NONE && !errand_level_includes(p->level, r->needed))
	{
		snprintf(text, sizeof(text), "this needs the level %s", errand_level_name(r->needed));
		answer_say(&r->answer, 403, text);
	}
	return r->answer.status == 0;
}

static void
run_in_transaction(RelayRequest *r)
{
	switch (r->ask)
	{
		case RELAY_ASK_AUTH:
			if (authorize(r))
				r->answer.status = 200;
			break;
		case RELAY_ASK_API:
			if (authorize(r))
				answer_text(&r->answer,
							errand_db_api(r->who->role, r->who->level, r->route, r->args));
			break;
		case RELAY_ASK_SNAPSHOT:
			answer_text(&r->answer, errand_db_api(r->role, r->level, r->route, r->args));
			break;
		case RELAY_ASK_READY:
			(void) authorize(r);
			relay_ready(&r->answer, r->who != NULL && r->answer.status == 0);
			break;
		case RELAY_ASK_METRICS:
			if (authorize(r))
				relay_metrics(&r->answer, r->route != NULL);
			break;
		case RELAY_ASK_CHECK:
			check_all();
			r->answer.status = 200;
			break;
		case RELAY_ASK_STATS:
			answer_text(&r->answer, errand_db_stats());
			break;
		case RELAY_ASK_NEWS:
			answer_text(&r->answer, errand_db_source_news(r->number));
			break;
	}
}

static void
run_one(RelayRequest *r)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		if (errand_db_begin())
		{
			run_in_transaction(r);
			errand_db_commit(true);
		}
		else if (r->ask == RELAY_ASK_READY)
			relay_not_ready(&r->answer, false);
		else
			answer_say(&r->answer, 503, "the extension is being changed");
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		free(r->answer.message);
		free(r->answer.text);
		memset(&r->answer, 0, sizeof(r->answer));
		answer_error(&r->answer, context);
		if (r->ask == RELAY_ASK_READY)
			relay_not_ready(&r->answer, false);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

void
relay_requests_run(void)
{
	int64 end = errand_clock_monotonic() + TURN_US;
	ErrandLink held;

	errand_list_init(&held);
	n_held = 0;
	while (!errand_list_empty(&queue) && !errand_process_must_leave() && !errand_db_gone())
	{
		RelayRequest *r = errand_container(errand_list_pop(&queue), RelayRequest, node);

		if (r->ask == RELAY_ASK_SNAPSHOT && r->done != NULL && !counts_known())
		{
			errand_list_push(&held, &r->node);
			n_held++;
			continue;
		}
		n_queued--;
		if (r->done != NULL)
		{
			run_one(r);
			r->done(r, r->owner);
		}
		request_free(r);
		if (errand_clock_monotonic() > end)
			break;
	}
	while (!errand_list_empty(&held))
		errand_list_push(&queue, errand_list_pop(&held));
}
