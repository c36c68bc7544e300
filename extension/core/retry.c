/*
 * retry.c
 *		Decides what becomes of a task when an attempt has ended.
 *
 * Process: any (the worker, in practice).  Pure functions: must never allocate,
 * ereport, read the clock or draw a random number.
 */
#include "retry.h"

/* Statuses that say "later", or come from a middle-man that may be gone soon. */
static bool
status_retryable(int status)
{
	switch (status)
	{
		case 0:	  /* no failure and no answer: ours, try again */
		case 408: /* request timeout */
		case 425: /* too early */
		case 429: /* too many requests */
			return true;
		case 501: /* not implemented: nor will it be soon */
		case 505: /* HTTP version not supported */
			return false;
		default:
			return status >= 500 && status <= 599;
	}
}

bool
errand_http_retryable(ErrandFailure failure, int status)
{
	switch (failure)
	{
		case ERRAND_FAIL_NONE:
			return status_retryable(status);
		case ERRAND_FAIL_CONNECT:
		case ERRAND_FAIL_TIMEOUT:
		case ERRAND_FAIL_DNS:
		case ERRAND_FAIL_DNS_NOT_FOUND: /* new names take time to spread */
		case ERRAND_FAIL_RESET:
		case ERRAND_FAIL_PROTOCOL:
		case ERRAND_FAIL_INTERNAL:
		case ERRAND_FAIL_DEFERRED:
			return true;
		case ERRAND_FAIL_TLS: /* no certificate turns good by waiting */
		case ERRAND_FAIL_TOO_LARGE:
		case ERRAND_FAIL_POLICY:
		case ERRAND_FAIL_REDIRECT:
		case ERRAND_FAIL_BAD_REQUEST:
		case ERRAND_FAIL_CANCELLED:
		case ERRAND_FAIL_REFUSED:
			return false;
	}
	return false;
}

static bool
is_success(const ErrandRetryInput *in)
{
	return in->status >= in->success_lo && in->status < in->success_hi;
}

/*
 * An at_most_once task that may have reached the server.  An answer that is a
 * failure is one; so is an answer refused for what it is, since the server has
 * then had its say.  No answer, or a success lost half-way, tells nothing.
 */
static ErrandVerdict
judge_sent_once(const ErrandRetryInput *in)
{
	if (in->status == 0)
		return ERRAND_VERDICT_UNKNOWN;
	if (is_success(in) && errand_http_retryable(in->failure, in->status))
		return ERRAND_VERDICT_UNKNOWN;
	return ERRAND_VERDICT_FAILED;
}

static int64_t
next_delay_ms(const ErrandRetryInput *in, int failures)
{
	int64_t delay = errand_backoff_delay_ms(in->backoff, in->base_ms, in->factor, in->max_ms,
											failures, in->random01);
	int64_t asked = in->retry_after_ms;

	if (asked > ERRAND_RETRY_AFTER_MAX_MS)
		asked = ERRAND_RETRY_AFTER_MAX_MS;
	return asked > delay ? asked : delay;
}

ErrandDecision
errand_decide(const ErrandRetryInput *in)
{
	ErrandDecision decision = {ERRAND_VERDICT_FAILED, 0};
	int before = in->failures_before < 0 ? 0 : in->failures_before;
	int64_t delay;

	if (in->failure == ERRAND_FAIL_NONE && is_success(in))
	{
		decision.verdict = ERRAND_VERDICT_SUCCEEDED;
		return decision;
	}
	if (in->cancelled || in->failure == ERRAND_FAIL_CANCELLED)
	{
		decision.verdict = ERRAND_VERDICT_CANCELLED;
		return decision;
	}
	if (in->at_most_once && in->bytes_sent)
	{
		decision.verdict = judge_sent_once(in);
		return decision;
	}

	/* Not "before + 1 >= max_attempts": before may be the greatest int. */
	if (!errand_http_retryable(in->failure, in->status) ||
		before >= in->max_attempts - (in->max_attempts > 0 ? 1 : 0))
		return decision;
	delay = next_delay_ms(in, before + 1);
	if (in->deadline_left_ms >= 0 && delay >= in->deadline_left_ms)
		return decision;
	decision.verdict = ERRAND_VERDICT_RETRY;
	decision.delay_ms = delay;
	return decision;
}
