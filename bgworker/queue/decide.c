/*
 * decide.c
 *		Decides what becomes of a run that is over, and says why.
 *
 * Runs in worker and executor processes, out of the event loop: it allocates
 * in the run's memory.  The decision itself is core/retry.c's.
 */
#include "postgres.h"

#include "base/clock.h"
#include "compat.h"
#include "kinds/kind.h"
#include "queue/admit.h"
#include "queue/park.h"
#include "queue/run.h"
#include "utils/memutils.h"

#define DEFAULT_BASE_MS 1000
#define DEFAULT_FACTOR 2.0
#define DEFAULT_MAX_MS 3600000
#define DEADLINE_SLACK_US 20000

/* SQLSTATE of a failure, as users filter by it. */
static const char *
failure_sqlstate(const ErrandRun *r)
{
	if (r->own_code != NULL)
		return r->own_code;
	switch (r->failure)
	{
		case ERRAND_FAIL_CONNECT:
		case ERRAND_FAIL_DNS:
		case ERRAND_FAIL_DNS_NOT_FOUND:
		case ERRAND_FAIL_TLS:
			return "08006";
		case ERRAND_FAIL_TIMEOUT:
		case ERRAND_FAIL_CANCELLED:
			return "57014";
		case ERRAND_FAIL_POLICY:
			return "42501";
		case ERRAND_FAIL_TOO_LARGE:
			return "54000";
		case ERRAND_FAIL_BAD_REQUEST:
			return "22023";
		case ERRAND_FAIL_INTERNAL:
			return "53000";
		default:
			return "38000";
	}
}

static int64
deadline_left_ms(const ErrandRun *r)
{
	/* A user's retry() of a task whose deadline has passed is not refused by it. */
	if (!r->has_deadline || r->number > 1)
		return -1;
	return Max(0, (r->deadline - r->finished_at) / 1000);
}

static void
decide(ErrandRun *r, ErrandDecision *d)
{
	ErrandRetryInput in = {0};

	in.failure = r->failure;
	in.status = r->status;
	in.success_lo = r->success_lo;
	in.success_hi = r->success_hi;
	in.failures_before = r->failures;
	in.max_attempts = r->max_attempts;
	in.at_most_once = r->at_most_once;
	in.bytes_sent = r->bytes_sent;
	in.cancelled = r->cancel_asked;
	in.backoff = r->backoff;
	in.base_ms = r->base_ms > 0 ? r->base_ms : DEFAULT_BASE_MS;
	in.factor = r->factor > 0 ? r->factor : DEFAULT_FACTOR;
	in.max_ms = r->max_ms > 0 ? r->max_ms : DEFAULT_MAX_MS;
	in.retry_after_ms = r->retry_after_ms;
	in.deadline_left_ms = deadline_left_ms(r);
	in.random01 = errand_random01();
	*d = errand_decide(&in);
}

void
errand_run_describe(ErrandRun *r)
{
	MemoryContext old;

	if (r->sqlstate == NULL) /* a handler's own stays */
		r->sqlstate = failure_sqlstate(r);
	if (r->outcome == ERRAND_CANCELLED)
	{
		r->sqlstate = "57014";
		r->error = r->cancel_reason ? r->cancel_reason : "cancelled by user";
		return;
	}
	/* The attempt's time was cut to the deadline in whole milliseconds, so it ends a little before. */
	if (r->timed_out && r->has_deadline && r->number == 1 &&
		r->finished_at + DEADLINE_SLACK_US >= r->deadline)
	{
		r->outcome = ERRAND_FAILED;
		r->error = "deadline exceeded";
	}
	old = MemoryContextSwitchTo(r->memory);
	if (r->error == NULL || r->error[0] == '\0')
		r->error = psprintf("HTTP status %d", r->status);
	else if (r->hint != NULL)
		r->error = psprintf("%s: %s", r->error, r->hint);
	MemoryContextSwitchTo(old);
}

void
errand_run_decide(ErrandRun *r)
{
	ErrandDecision d;

	r->finished_at = errand_clock_now();
	if (r->kind != NULL && r->kind->finish != NULL)
		r->kind->finish(r);
	if (r->park_due != 0 && r->started_at == 0 && !r->cancel_asked)
	{
		r->outcome = ERRAND_SCHEDULED;
		r->due = r->park_due;
		return;
	}
	errand_park_learn(r);
	errand_admit_report(r);
	decide(r, &d);
	switch (d.verdict)
	{
		case ERRAND_VERDICT_SUCCEEDED:
			r->outcome = ERRAND_SUCCEEDED;
			return;
		case ERRAND_VERDICT_RETRY:
			r->outcome = ERRAND_RETRYING;
			r->due = r->finished_at + d.delay_ms * 1000;
			r->failures++;
			break;
		case ERRAND_VERDICT_FAILED:
			r->outcome = ERRAND_FAILED;
			break;
		case ERRAND_VERDICT_CANCELLED:
			r->outcome = ERRAND_CANCELLED;
			break;
		case ERRAND_VERDICT_UNKNOWN:
			r->outcome = ERRAND_UNKNOWN;
			break;
	}
	errand_run_describe(r);
}
