/*-------------------------------------------------------------------------
 *
 * test_hostile.c
 *	  Servers that misbehave: each ends in a named failure, within bounds, and
 *	  good transfers beside them do not notice.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

static Server *S;

static int
setup(void **state)
{
	(void) state;
	harness_open();
	S = server_open("127.0.0.1", 0, hostile_handle);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	server_close(S);
	harness_close();
	return 0;
}

static Result *
get(const char *path)
{
	return harness_get("http://127.0.0.1:%d%s", server_port(S), path);
}

static void
fails(const char *path, ErrandFailure failure, const char *text)
{
	Result *r = get(path);

	WAIT_FOR(r->done);
	expect_failure(r, failure, text);
	assert_true(r->r.bytes_sent);
	assert_false(r->r.timed_out);
	result_free(r);
}

static void
test_lost(void **state)
{
	(void) state;
	fails("/close", ERRAND_FAIL_RESET, "was lost before it answered");
	fails("/reset", ERRAND_FAIL_RESET, "was lost before it answered");
	fails("/halfhead", ERRAND_FAIL_RESET, "connection"); /* to curl that is a response */
	fails("/half", ERRAND_FAIL_RESET, "in the middle of the response");
	fails("/halfchunk", ERRAND_FAIL_RESET, "in the middle of the response");
	fails("/garbage", ERRAND_FAIL_PROTOCOL, "is not HTTP");
}

static void
test_bodies(void **state)
{
	(void) state;
	fails("/endless", ERRAND_FAIL_TOO_LARGE, "the response is larger than 1048576 bytes");
	fails("/announced", ERRAND_FAIL_TOO_LARGE, "the response is larger than 1048576 bytes");
	fails("/bomb", ERRAND_FAIL_TOO_LARGE, "the response is larger than 1048576 bytes");
	fails("/badgzip", ERRAND_FAIL_PROTOCOL, "is not HTTP");
	fails("/badlength", ERRAND_FAIL_PROTOCOL, "is not HTTP");
}

/* Exactly as large as allowed is fine, one byte less is not; 0 allows none. */
static void
test_exact_cap(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/ok", server_port(S));
	Result *r;

	(void) state;
	q.max_body = 4;
	r = harness_run(&q);
	expect_ok(r, 200);
	assert_string_equal(r->r.body, "fine");
	result_free(r);
	q.max_body = 3;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TOO_LARGE, "larger than 3 bytes");
	result_free(r);
	q.max_body = 0;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TOO_LARGE, "larger than 0 bytes");
	result_free(r);
}

static void
test_heads(void **state)
{
	Result *r;

	(void) state;
	fails("/headers", ERRAND_FAIL_TOO_LARGE, "more than 200 header lines");
	fails("/longheader", ERRAND_FAIL_TOO_LARGE, "headers are larger than 65536 bytes");
	fails("/endlessheader", ERRAND_FAIL_TOO_LARGE, "headers are larger than 65536 bytes");
	fails("/interim", ERRAND_FAIL_TOO_LARGE, "more than 200 header lines");
	fails("/nul", ERRAND_FAIL_PROTOCOL, "is not HTTP");
	r = get("/headers150");
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	result_free(r);
	r = get("/hints");
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_string_equal(r->r.head, "X-Final: 1\r\nContent-Length: 2\r\n");
	result_free(r);
	r = get("/folded");
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_string_equal(r->r.head, "X-Folded: one two three\r\nContent-Length: 2\r\n");
	result_free(r);
	r = get("/bare");
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_string_equal(r->r.head, "X-Bare: 1\r\nContent-Length: 2\r\n");
	result_free(r);
	r = get("/trailer");
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_null(strstr(r->r.head, "evil"));
	assert_string_equal(r->r.body, "ok");
	result_free(r);
}

static void
test_timeout(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/late", server_port(S));
	Result *r;
	int64_t took;

	(void) state;
	q.timeout_ms = 250;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "no answer within 250 ms");
	assert_true(r->r.timed_out && r->r.bytes_sent);
	took = r->r.finished_us - r->r.started_us;
	assert_true(took >= 249000 && took < 1500000);
	result_free(r);
	q = harness_request("http://127.0.0.1:%d/stall", server_port(S));
	q.timeout_ms = 200;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "the response was not complete within 200 ms");
	assert_int_equal(r->r.status, 200);
	result_free(r);
}

/*
 * A response that stops coming ends early when its time-out is long; one that
 * comes slowly, and a server that thinks, do not.
 */
static void
test_stall(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/stall", server_port(S));
	ErrandRequest drip = harness_request("http://127.0.0.1:%d/drip", server_port(S));
	ErrandRequest late = harness_request("http://127.0.0.1:%d/late", server_port(S));
	Result *r;
	Result *dripping;
	Result *thinking;

	(void) state;
	q.timeout_ms = drip.timeout_ms = late.timeout_ms = 60000;
	dripping = harness_start(&drip);
	thinking = harness_start(&late);
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "the response stalled");
	assert_true(r->r.finished_us - r->r.started_us < 10000000);
	assert_int_equal(dripping->done, 0);
	assert_int_equal(thinking->done, 0);
	errand_transfer_cancel(dripping->transfer);
	errand_transfer_cancel(thinking->transfer);
	WAIT_FOR(dripping->done && thinking->done);
	result_free(r);
	result_free(dripping);
	result_free(thinking);
}

/*
 * A kept connection that died: curl sends the request once more on a new one,
 * unless it was told never to.
 */
static void
test_kept_connection_died(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/first", server_port(S));
	Result *r;

	(void) state;
	r = harness_run(&q); /* answered, and the connection kept */
	expect_ok(r, 200);
	result_free(r);
	r = harness_run(&q); /* closed without an answer, then answered */
	expect_ok(r, 200);
	result_free(r);
	assert_int_equal(server_requests(S), 3);
	q.never_resend = true;
	r = harness_run(&q);
	expect_ok(r, 200);
	assert_false(r->r.reused);
	assert_int_equal(server_requests(S), 4);
	result_free(r);
}

/* Closed while nobody used it: the next request takes a new one. */
static void
test_kept_connection_closed(void **state)
{
	Result *r = get("/goodbye");

	(void) state;
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	result_free(r);
	WAIT_FOR(server_connections(S) == 0);
	r = get("/ok");
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_false(r->r.reused);
	assert_int_equal(server_requests(S), 2);
	result_free(r);
}

/* All at once beside 50 good ones, which must all succeed; memory stays small. */
static void
test_together(void **state)
{
	static const char *const bad[] = {"/endless", "/bomb", "/headers", "/half",	 "/endlessheader",
									  "/interim", "/late", "/drip",	   "/stall", "/reset"};
	Result *good[50];
	Result *hostile[30];
	long before;
	int done = 0;

	(void) state;
	before = resident_kb();
	for (int i = 0; i < 30; i++)
	{
		ErrandRequest q = harness_request("http://127.0.0.1:%d%s", server_port(S), bad[i % 10]);

		q.timeout_ms = 1500;
		hostile[i] = harness_start(&q);
	}
	for (int i = 0; i < 50; i++)
		good[i] = get("/ok");
	for (int i = 0; i < 50; i++)
	{
		WAIT_FOR(good[i]->done);
		expect_ok(good[i], 200);
		result_free(good[i]);
	}
	for (int i = 0; i < 30; i++)
	{
		WAIT_FOR(hostile[i]->done);
		assert_int_not_equal(hostile[i]->r.failure, ERRAND_FAIL_NONE);
		result_free(hostile[i]);
		done++;
	}
	assert_int_equal(done, 30);
	assert_true(!memory_counts() || resident_kb() - before < 60 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lost),
		TEST(test_bodies),
		TEST(test_exact_cap),
		TEST(test_heads),
		TEST(test_timeout),
		TEST(test_stall),
		TEST(test_kept_connection_died),
		TEST(test_kept_connection_closed),
		TEST(test_together),
	};

	int failed;

	hostile_make_bomb();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	hostile_free_bomb();
	return failed;
}
