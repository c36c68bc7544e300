/*
 * test_retry.c
 *		What becomes of a task when an attempt has ended.
 */
#include "unit.h"

#include "retry.h"

#define DAY_MS INT64_C(86400000)

static void
test_statuses(void **state)
{
	(void) state;
	for (int status = -10; status <= 1100; status++)
	{
		bool expected = status == 0 || status == 408 || status == 425 || status == 429 ||
						(status >= 500 && status < 600 && status != 501 && status != 505);

		if (errand_http_retryable(ERRAND_FAIL_NONE, status) != expected)
			fail_msg("status %d", status);
	}
}

static void
test_failures(void **state)
{
	static const ErrandFailure yes[] = {ERRAND_FAIL_CONNECT,  ERRAND_FAIL_TIMEOUT,
										ERRAND_FAIL_DNS,	  ERRAND_FAIL_DNS_NOT_FOUND,
										ERRAND_FAIL_RESET,	  ERRAND_FAIL_PROTOCOL,
										ERRAND_FAIL_INTERNAL, ERRAND_FAIL_DEFERRED};
	static const ErrandFailure no[] = {ERRAND_FAIL_TLS,			ERRAND_FAIL_TOO_LARGE,
									   ERRAND_FAIL_POLICY,		ERRAND_FAIL_REDIRECT,
									   ERRAND_FAIL_BAD_REQUEST, ERRAND_FAIL_CANCELLED,
									   ERRAND_FAIL_REFUSED,		(ErrandFailure) 99,
									   (ErrandFailure) -1};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(yes); i++)
	{
		assert_true(errand_http_retryable(yes[i], 0));
		assert_true(errand_http_retryable(yes[i], 200));
	}
	for (size_t i = 0; i < LENGTH_OF(no); i++)
	{
		assert_false(errand_http_retryable(no[i], 0));
		assert_false(errand_http_retryable(no[i], 503));
	}
}

/* A plain first attempt that got this. */
static ErrandRetryInput
attempt(ErrandFailure failure, int status)
{
	ErrandRetryInput in = {.failure = failure,
						   .status = status,
						   .success_lo = 200,
						   .success_hi = 300,
						   .failures_before = 0,
						   .max_attempts = 3,
						   .bytes_sent = true,
						   .backoff = ERRAND_BACKOFF_CONSTANT,
						   .base_ms = 1000,
						   .factor = 2,
						   .max_ms = 3600000,
						   .retry_after_ms = -1,
						   .deadline_left_ms = -1,
						   .random01 = 0.5};

	return in;
}

#define assert_verdict(in, expected)                                                               \
	assert_int_equal(errand_decide(&(in)).verdict, ERRAND_VERDICT_##expected)

static void
test_success_range(void **state)
{
	ErrandRetryInput in = attempt(ERRAND_FAIL_NONE, 200);

	(void) state;
	assert_verdict(in, SUCCEEDED);
	assert_true(errand_decide(&in).delay_ms == 0);
	in.status = 299;
	assert_verdict(in, SUCCEEDED);
	in.status = 300; /* the upper bound is not in the range */
	assert_verdict(in, FAILED);
	in.status = 199;
	assert_verdict(in, FAILED);

	/* a range of the user's own, 404 a success and 200 none */
	in.success_lo = 404;
	in.success_hi = 405;
	in.status = 404;
	assert_verdict(in, SUCCEEDED);
	in.status = 200;
	assert_verdict(in, FAILED);
	in.success_lo = 503;
	in.success_hi = 504;
	in.status = 503;
	assert_verdict(in, SUCCEEDED);

	/* an empty range has no success in it */
	in = attempt(ERRAND_FAIL_NONE, 200);
	in.success_hi = in.success_lo;
	assert_verdict(in, FAILED);

	/* half a body with a fine status is no success */
	in = attempt(ERRAND_FAIL_RESET, 200);
	assert_verdict(in, RETRY);
	in = attempt(ERRAND_FAIL_TOO_LARGE, 200);
	assert_verdict(in, FAILED);
}

static void
test_attempts_run_out(void **state)
{
	ErrandRetryInput in = attempt(ERRAND_FAIL_NONE, 503);

	(void) state;
	assert_verdict(in, RETRY);
	in.failures_before = 1;
	assert_verdict(in, RETRY);
	in.backoff = ERRAND_BACKOFF_LINEAR; /* this failure counts for the delay */
	assert_true(errand_decide(&in).delay_ms == 2000);
	in.failures_before = 2;
	assert_verdict(in, FAILED);
	in.failures_before = INT32_MAX;
	assert_verdict(in, FAILED);
	in.max_attempts = INT32_MAX;
	assert_verdict(in, FAILED);
	in.failures_before = INT32_MAX - 2;
	assert_verdict(in, RETRY);
	in.failures_before = INT32_MAX - 1;
	assert_verdict(in, FAILED);

	in.failures_before = 0;
	in.max_attempts = 1;
	assert_verdict(in, FAILED);
	in.max_attempts = 2;
	assert_verdict(in, RETRY);
	in.max_attempts = 0;
	assert_verdict(in, FAILED);
	in.max_attempts = INT32_MIN;
	assert_verdict(in, FAILED);
	in.failures_before = INT32_MIN;
	assert_verdict(in, FAILED);
	in.max_attempts = 2;
	assert_verdict(in, RETRY);
}

static void
test_cancelled(void **state)
{
	ErrandRetryInput in = attempt(ERRAND_FAIL_RESET, 0);

	(void) state;
	in.cancelled = true;
	assert_verdict(in, CANCELLED);
	in.at_most_once = true;
	assert_verdict(in, CANCELLED);
	in = attempt(ERRAND_FAIL_CANCELLED, 0);
	assert_verdict(in, CANCELLED);
	in = attempt(ERRAND_FAIL_NONE, 503);
	in.cancelled = true;
	assert_verdict(in, CANCELLED);

	/* too late: what has happened has happened */
	in = attempt(ERRAND_FAIL_NONE, 200);
	in.cancelled = true;
	assert_verdict(in, SUCCEEDED);
}

static void
test_at_most_once(void **state)
{
	ErrandRetryInput in = attempt(ERRAND_FAIL_NONE, 200);

	(void) state;
	in.at_most_once = true;
	assert_verdict(in, SUCCEEDED);
	in.status = 503; /* an answer: the server has said no */
	assert_verdict(in, FAILED);
	in.status = 429;
	assert_verdict(in, FAILED);
	in.failure = ERRAND_FAIL_RESET; /* half of an answer that says no */
	assert_verdict(in, FAILED);
	in.failure = ERRAND_FAIL_TOO_LARGE; /* an answer, only not one we keep */
	in.status = 200;
	assert_verdict(in, FAILED);
	in.failure = ERRAND_FAIL_RESET; /* half of one that said yes */
	assert_verdict(in, UNKNOWN);
	in.status = 0;
	assert_verdict(in, UNKNOWN);
	in.failure = ERRAND_FAIL_TIMEOUT;
	assert_verdict(in, UNKNOWN);
	in.failures_before = 99;
	assert_verdict(in, UNKNOWN);

	/* no byte has left: it may go again, within the same limits */
	in = attempt(ERRAND_FAIL_CONNECT, 0);
	in.at_most_once = true;
	in.bytes_sent = false;
	assert_verdict(in, RETRY);
	in.failures_before = 2;
	assert_verdict(in, FAILED);
	in = attempt(ERRAND_FAIL_POLICY, 0);
	in.at_most_once = true;
	in.bytes_sent = false;
	assert_verdict(in, FAILED);
}

static void
test_retry_after_and_deadline(void **state)
{
	ErrandRetryInput in = attempt(ERRAND_FAIL_NONE, 503);

	(void) state;
	assert_true(errand_decide(&in).delay_ms == 1000);
	in.retry_after_ms = 0;
	assert_true(errand_decide(&in).delay_ms == 1000);
	in.retry_after_ms = 999;
	assert_true(errand_decide(&in).delay_ms == 1000);
	in.retry_after_ms = 120000;
	assert_true(errand_decide(&in).delay_ms == 120000);
	in.max_ms = 5000; /* the server outranks backoff_max */
	assert_true(errand_decide(&in).delay_ms == 120000);
	in.retry_after_ms = INT64_MAX;
	assert_true(errand_decide(&in).delay_ms == DAY_MS);
	in.retry_after_ms = INT64_MIN;
	assert_true(errand_decide(&in).delay_ms == 1000);

	in.deadline_left_ms = 1001;
	assert_verdict(in, RETRY);
	in.deadline_left_ms = 1000; /* at the deadline is too late */
	assert_verdict(in, FAILED);
	in.deadline_left_ms = 0;
	assert_verdict(in, FAILED);
	in.deadline_left_ms = INT64_MIN;
	assert_verdict(in, RETRY);
	in.deadline_left_ms = 60000;
	in.retry_after_ms = 60001;
	assert_verdict(in, FAILED);
	assert_true(errand_decide(&in).delay_ms == 0);

	/* a success in time counts, whatever the deadline */
	in.deadline_left_ms = 0;
	in.status = 200;
	assert_verdict(in, SUCCEEDED);
}

/* Any input: one of the five verdicts, and what each promises. */
static void
test_walk(void **state)
{
	static const int statuses[] = {0,	100, 200, 204, 301, 404, 408, 425,
								   429, 500, 501, 503, 505, 599, 999, -1};
	Random r = seeded_random("retry");
	int seen[5] = {0};

	(void) state;
	for (int step = 0; step < 100000; step++)
	{
		ErrandRetryInput in = {.failure = random_below(&r, 2) == 0 ?
											  ERRAND_FAIL_NONE :
											  (ErrandFailure)
												  random_below(&r, ERRAND_FAIL_INTERNAL + 1),
							   .status = statuses[random_below(&r, LENGTH_OF(statuses))],
							   .success_lo = 200,
							   .success_hi = 300,
							   .failures_before = (int) random_below(&r, 6),
							   .max_attempts = (int) random_below(&r, 6),
							   .at_most_once = random_below(&r, 2),
							   .bytes_sent = random_below(&r, 2),
							   .cancelled = random_below(&r, 8) == 0,
							   .backoff = (ErrandBackoff) random_below(&r, 3),
							   .base_ms = (int64_t) random_below(&r, 100000),
							   .factor = random_unit(&r) * 10,
							   .max_ms = (int64_t) random_below(&r, 10000000),
							   .retry_after_ms = (int64_t) random_below(&r, 200000000) - 100000000,
							   .deadline_left_ms = (int64_t) random_below(&r, 200000) - 100000,
							   .random01 = random_unit(&r)};
		ErrandDecision d = errand_decide(&in);

		seen[d.verdict]++;
		switch (d.verdict)
		{
			case ERRAND_VERDICT_RETRY:
				assert_true(d.delay_ms >= 1);
				assert_true(d.delay_ms <= (in.max_ms > DAY_MS ? in.max_ms : DAY_MS));
				assert_true(in.retry_after_ms < 0 || d.delay_ms >= DAY_MS ||
							d.delay_ms >= in.retry_after_ms);
				assert_true(in.failures_before + 1 < in.max_attempts);
				assert_false(in.at_most_once && in.bytes_sent);
				assert_true(errand_http_retryable(in.failure, in.status));
				assert_true(in.deadline_left_ms < 0 || d.delay_ms < in.deadline_left_ms);
				assert_false(in.cancelled);
				break;
			case ERRAND_VERDICT_SUCCEEDED:
				assert_true(in.failure == ERRAND_FAIL_NONE && in.status / 100 == 2);
				break;
			case ERRAND_VERDICT_CANCELLED:
				assert_true(in.cancelled || in.failure == ERRAND_FAIL_CANCELLED);
				break;
			case ERRAND_VERDICT_UNKNOWN:
				assert_true(in.at_most_once && in.bytes_sent);
				break;
			case ERRAND_VERDICT_FAILED:
				assert_false(in.cancelled);
				break;
		}
		assert_true(d.verdict == ERRAND_VERDICT_RETRY || d.delay_ms == 0);
		assert_true(d.verdict == ERRAND_VERDICT_SUCCEEDED || in.failure != ERRAND_FAIL_NONE ||
					in.status / 100 != 2);
	}
	for (int i = 0; i < 5; i++)
		assert_true(seen[i] > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_statuses),
									   cmocka_unit_test(test_failures),
									   cmocka_unit_test(test_success_range),
									   cmocka_unit_test(test_attempts_run_out),
									   cmocka_unit_test(test_cancelled),
									   cmocka_unit_test(test_at_most_once),
									   cmocka_unit_test(test_retry_after_and_deadline),
									   cmocka_unit_test(test_walk)};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
