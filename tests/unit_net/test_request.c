/*-------------------------------------------------------------------------
 *
 * test_request.c
 *	  What is sent, byte for byte, and what is never sent.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

static Server *S;

static void
echo(Conn *c, const ServerRequest *r)
{
	(void) r;
	conn_answer(c, 200,
				"Content-Type: text/plain; charset=utf-8\r\n"
				"Retry-After: 7\r\n",
				"hello");
}

static int
setup(void **state)
{
	(void) state;
	harness_open();
	S = server_open("127.0.0.1", 0, echo);
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

static void
test_methods(void **state)
{
	static const char *const methods[] = {"POST",	 "PUT",		 "PATCH", "DELETE",
										  "OPTIONS", "PROPFIND", "get"};
	static const char body[] = {'a', 0, 'b', '\r', '\n', 0, 'c'};
	const char *got;

	(void) state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		for (int with_body = 0; with_body < 2; with_body++)
		{
			ErrandRequest q = harness_request("http://127.0.0.1:%d/m", server_port(S));
			Result *r;
			char first[64];

			q.method = methods[i];
			q.has_body = with_body;
			q.body = body;
			q.body_len = sizeof(body);
			r = harness_run(&q);
			expect_ok(r, 200);
			snprintf(first, sizeof(first), "%s /m HTTP/1.1\r\n", methods[i]);
			assert_int_equal(strncmp(server_last_head(S), first, strlen(first)), 0);
			assert_int_equal(server_last_body(S, &got), with_body ? sizeof(body) : 0);
			assert_memory_equal(got, body, with_body ? sizeof(body) : 0);
			assert_null(strstr(server_last_head(S), "Expect"));
			assert_null(strstr(server_last_head(S), "Content-Type"));
			if (i < 3)
				assert_non_null(strstr(server_last_head(S), "Content-Length: "));
			result_free(r);
		}
}

/* Large enough that curl by itself would ask "100-continue?" first. */
static void
test_large_body(void **state)
{
	size_t len = 3 * 1024 * 1024;
	char *body = malloc(len);
	ErrandRequest q = harness_request("http://127.0.0.1:%d/up", server_port(S));
	const char *got;
	Result *r;

	(void) state;
	for (size_t i = 0; i < len; i++)
		body[i] = (char) (i * 31);
	q.method = "PUT";
	q.has_body = true;
	q.body = body;
	q.body_len = len;
	r = harness_run(&q);
	expect_ok(r, 200);
	assert_null(strstr(server_last_head(S), "Expect"));
	assert_int_equal(server_last_body(S, &got), len);
	assert_memory_equal(got, body, len);
	result_free(r);
	free(body);
}

static void
test_headers(void **state)
{
	ErrandHeaderLine lines[] = {{"Content-Type", "application/json"},
								{"X-Empty", ""},
								{"X-Any", "a\tb \xc3\xa4"},
								{"User-Agent", "mine"}};
	ErrandRequest q = harness_request("http://127.0.0.1:%d/h", server_port(S));
	Result *r;

	(void) state;
	q.method = "POST";
	q.headers = lines;
	q.n_headers = 4;
	q.has_body = true;
	q.body = "{}";
	q.body_len = 2;
	r = harness_run(&q);
	expect_ok(r, 200);
	assert_non_null(strstr(server_last_head(S), "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(server_last_head(S), "\r\nX-Empty:\r\n"));
	assert_non_null(strstr(server_last_head(S), "\r\nX-Any: a\tb \xc3\xa4\r\n"));
	assert_non_null(strstr(server_last_head(S), "\r\nUser-Agent: mine\r\n"));
	assert_null(strstr(server_last_head(S), "errand-test"));
	result_free(r);

	/* nothing of it on the next request over the same handle */
	r = harness_get("http://127.0.0.1:%d/h", server_port(S));
	WAIT_FOR(r->done);
	assert_null(strstr(server_last_head(S), "X-Any"));
	assert_null(strstr(server_last_head(S), "Content-"));
	assert_non_null(strstr(server_last_head(S), "GET /h HTTP/1.1\r\n"));
	result_free(r);
}

static void
test_bad_headers(void **state)
{
	ErrandHeaderLine bad[] = {{"X", "a\r\nEvil: 1"},
							  {"X\r\nEvil", "1"},
							  {"", "x"},
							  {"X Y", "1"},
							  {"X", "\x01"},
							  {"Host", "other"},
							  {"content-length", "5"},
							  {"Transfer_Encoding", "chunked"},
							  {"Proxy-Authorization", "x"},
							  {"Expect", "x"}};
	int before = server_requests(S);

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		ErrandRequest q = harness_request("http://127.0.0.1:%d/h", server_port(S));
		Result *r;

		q.headers = &bad[i];
		q.n_headers = 1;
		r = harness_run(&q);
		expect_failure(r, ERRAND_FAIL_BAD_REQUEST, "header");
		assert_false(r->r.bytes_sent);
		result_free(r);
	}
	assert_int_equal(server_requests(S), before);
}

static void
test_bad_requests(void **state)
{
	static const char *const urls[] = {"",
									   "x",
									   "ftp://127.0.0.1/",
									   "file:///etc/passwd",
									   "gopher://127.0.0.1/",
									   "http:/127.0.0.1/",
									   "http://",
									   "http://a@127.0.0.1:1@b/",
									   "http://127.0.0.1\\@b/",
									   "http://127.0.0.1#@b/",
									   "http://127.0.0.1:0/",
									   "http://127.0.0.1:99999/",
									   "http://[::1%25lo]/",
									   "http://user:pw@127.0.0.1/",
									   "http://127.0.0.1/a b",
									   "http://127.0.0.1/\r\nX: y",
									   "smtp://127.0.0.1/",
									   "dict://127.0.0.1:11/",
									   "telnet://127.0.0.1/",
									   "//127.0.0.1/"};
	ErrandRequest q;
	Result *r;

	(void) state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		q = harness_request("%s", urls[i]);
		r = harness_run(&q);
		expect_failure(r, ERRAND_FAIL_BAD_REQUEST, "the URL cannot be used: ");
		assert_int_equal(r->started, 0);
		assert_int_equal(r->r.started_us, 0);
		result_free(r);
	}
	q = harness_request("http://127.0.0.1:%d/", server_port(S));
	q.method = "GET / HTTP/1.1\r\nX: y";
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_BAD_REQUEST, "method");
	result_free(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_methods),		TEST(test_large_body),	 TEST(test_headers),
		TEST(test_bad_headers), TEST(test_bad_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
