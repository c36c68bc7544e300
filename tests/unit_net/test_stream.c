/*-------------------------------------------------------------------------
 *
 * test_stream.c
 *	  Bodies that are handed over while they come, and transfers that pause.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#define BODY (700 * 1000)
#define STREAM_AT (64 * 1024)
#define SLACK (32 * 1024) /* what one call of curl's may bring beyond it */

static Server *S;
static char body[BODY];

static void
answer(Conn *c, const ServerRequest *r)
{
	if (strcmp(r->path, "/whole") == 0)
	{
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BODY);
		conn_send(c, body, BODY);
		return;
	}
	hostile_handle(c, r);
}

static int
setup(void **state)
{
	(void) state;
	for (size_t i = 0; i < BODY; i++)
		body[i] = (char) (i * 7 % 251);
	harness_open();
	hostile_make_bomb();
	S = server_open("127.0.0.1", 0, answer);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	server_close(S);
	hostile_free_bomb();
	harness_close();
	return 0;
}

static Result *
start(const char *path, size_t max_body, int timeout_ms)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d%s", server_port(S), path);

	q.stream_at = STREAM_AT;
	q.max_body = max_body;
	q.timeout_ms = timeout_ms;
	return harness_start(&q);
}

static size_t
arrived(const Result *r)
{
	const char *data;

	return r->transfer != NULL && r->done == 0 ? errand_transfer_arrived(r->transfer, &data) : 0;
}

/* Takes what has arrived, in odd pieces; *total goes on. */
static void
take(Result *r, size_t *total, int check)
{
	const char *data = NULL;
	size_t n;

	while (r->done == 0 && (n = errand_transfer_arrived(r->transfer, &data)) > 0)
	{
		assert_true(n <= STREAM_AT + SLACK);
		if (n > 10007)
			n = 10007;
		if (check)
			assert_memory_equal(data, body + *total, n);
		*total += n;
		errand_transfer_consume(r->transfer, n);
	}
}

static void
test_pieces(void **state)
{
	Result *r = start("/whole", 1024 * 1024, 30000);
	size_t total = 0;

	(void) state;
	WAIT_FOR(arrived(r) >= STREAM_AT);
	for (int i = 0; i < 20; i++)
		harness_turn();
	assert_true(arrived(r) <= STREAM_AT + SLACK); /* it waits for us */
	while (!r->done)
	{
		take(r, &total, 1);
		harness_turn();
	}
	expect_ok(r, 200);
	assert_int_equal(total + r->r.body_len, BODY);
	assert_memory_equal(r->body, body + total, r->r.body_len);
	result_free(r);
}

static void
test_too_large(void **state)
{
	static const char *const paths[] = {"/whole", "/endless", "/bomb"};

	(void) state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
	{
		Result *r = start(paths[i], BODY - 1, 30000);
		size_t total = 0;

		while (!r->done)
		{
			take(r, &total, 0);
			harness_turn();
		}
		expect_failure(r, ERRAND_FAIL_TOO_LARGE, "larger than 699999 bytes");
		assert_true(total + r->r.body_len < BODY);
		result_free(r);
	}
}

static void
test_ends_while_paused(void **state)
{
	Result *r = start("/whole", 1024 * 1024, 300);

	(void) state;
	WAIT_FOR(r->done);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "");
	result_free(r);

	r = start("/whole", 1024 * 1024, 30000);
	WAIT_FOR(arrived(r) >= STREAM_AT);
	errand_transfer_cancel(r->transfer);
	assert_int_equal(arrived(r), 0);
	WAIT_FOR(r->done);
	expect_failure(r, ERRAND_FAIL_CANCELLED, "cancelled");
	result_free(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_pieces),
		TEST(test_too_large),
		TEST(test_ends_while_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
