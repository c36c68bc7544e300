/*-------------------------------------------------------------------------
 *
 * test_redirect.c
 *	  Redirects: how far, where to, and what goes along.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

static Server *A;
static Server *B; /* another origin: another port */

/* "/N" leads to "/N-1" and "/0" is the end; "/to?URL" leads to URL with 302. */
static void
handle(Conn *c, const ServerRequest *r)
{
	char headers[9000];
	int n = atoi(r->path + 1);

	if (strcmp(r->path, "/loop") == 0)
		conn_answer(c, 302, "Location: /loop\r\n", "round");
	else if (strncmp(r->path, "/to?", 4) == 0 || strncmp(r->path, "/307?", 5) == 0 ||
			 strncmp(r->path, "/303?", 5) == 0 || strncmp(r->path, "/301?", 5) == 0)
	{
		char *escaped;

		snprintf(headers, sizeof(headers), "Location: %s\r\n", strchr(r->path, '?') + 1);
		while ((escaped = strstr(headers, "%5C")) != NULL)
		{
			*escaped = '\\';
			memmove(escaped + 1, escaped + 3, strlen(escaped + 3) + 1);
		}
		conn_answer(c, n > 0 ? n : 302, headers, "moved");
	}
	else if (n > 0)
	{
		snprintf(headers, sizeof(headers), "Location: %d\r\n", n - 1);
		conn_answer(c, 301, headers, "moved");
	}
	else if (strcmp(r->path, "/nowhere") == 0)
		conn_answer(c, 302, "", "no location");
	else if (strcmp(r->path, "/unsaid") == 0)
		conn_answer(c, 302, "Location:\r\n", "empty location");
	else if (strcmp(r->path, "/choice") == 0)
		conn_answer(c, 300, "Location: /0\r\n", "choose");
	else if (strcmp(r->path, "/bigbody") == 0)
	{
		static char chunk[4096];

		memset(chunk, 'x', sizeof(chunk));
		conn_printf(c, "HTTP/1.1 302 F\r\nLocation: /0\r\nContent-Length: 1000000000\r\n\r\n");
		conn_repeat(c, chunk, sizeof(chunk));
	}
	else
		conn_answer(c, 200, "X-End: 1\r\n", "end");
}

static int
setup(void **state)
{
	(void) state;
	harness_open();
	A = server_open("127.0.0.1", 0, handle);
	B = server_open("127.0.0.1", 0, handle);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	server_close(A);
	server_close(B);
	harness_close();
	return 0;
}

static Result *
follow(int limit, const char *format, ...)
{
	char path[9000];
	ErrandRequest q;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	q = harness_request("http://127.0.0.1:%d%s", server_port(A), path);
	q.follow_redirects = limit;
	return harness_run(&q);
}

static void
test_chain(void **state)
{
	Result *r = follow(5, "/5");

	(void) state;
	expect_ok(r, 200);
	assert_int_equal(r->r.redirects, 5);
	assert_string_equal(r->r.body, "end");
	assert_string_equal(r->r.head, "Content-Length: 3\r\nX-End: 1\r\n");
	assert_true(r->r.reused);
	assert_int_equal(server_accepted(A), 1);
	result_free(r);
	r = follow(5, "/6");
	expect_failure(r, ERRAND_FAIL_REDIRECT, "more than 5 redirects");
	assert_int_equal(r->r.status, 301);
	result_free(r);
	r = follow(5, "/loop");
	expect_failure(r, ERRAND_FAIL_REDIRECT, "more than 5 redirects");
	result_free(r);
	r = follow(5, "/bigbody");
	expect_ok(r, 200);
	assert_string_equal(r->r.body, "end");
	result_free(r);
}

static void
test_off(void **state)
{
	Result *r = follow(0, "/3");

	(void) state;
	expect_ok(r, 301);
	assert_string_equal(r->r.body, "moved");
	result_free(r);
}

/* No Location, an empty one, or a status that leaves the choice: final. */
static void
test_not_followed(void **state)
{
	static const char *const paths[] = {"/nowhere", "/unsaid", "/choice"};

	(void) state;
	for (int i = 0; i < 3; i++)
	{
		Result *r = follow(5, "%s", paths[i]);

		expect_ok(r, i == 2 ? 300 : 302);
		assert_int_equal(r->r.redirects, 0);
		assert_true(r->r.body_len > 0);
		result_free(r);
	}
}

static void
test_forbidden_targets(void **state)
{
	static const char *const urls[] = {"file:///etc/passwd",		"ftp://127.0.0.1/x",
									   "gopher://127.0.0.1/",		"javascript:alert(1)",
									   "http://user:pw@127.0.0.1/", "http://127.0.0.1%5C@evil/",
									   "http:%5C%5C127.0.0.1/",		"http://[fe80::1%25lo]/",
									   "smtp://127.0.0.1/",			"ldap://127.0.0.1/",
									   "dict://127.0.0.1/",			"scp://127.0.0.1/",
									   "http://127.0.0.1:0/"};

	(void) state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		Result *r = follow(5, "/to?%s", urls[i]);

		expect_failure(r, ERRAND_FAIL_REDIRECT, "redirect refused: ");
		assert_int_equal(r->r.status, 302);
		result_free(r);
	}
}

static void
test_policy(void **state)
{
	static const char *const urls[] = {"http://169.254.169.254/latest/meta-data/",
									   "http://0xa9fea9fe/",
									   "http://10.1.2.3/",
									   "http://[::ffff:169.254.169.254]/",
									   "//192.168.0.1/x",
									   "http://127.0.0.2/",
									   "http://[::2]/",
									   "http://0/"};

	(void) state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		Result *r = follow(5, "/to?%s", urls[i]);

		expect_failure(r, ERRAND_FAIL_POLICY, ", where a redirect led, is not allowed");
		assert_int_equal(r->r.redirects, 1);
		assert_true(r->r.bytes_sent);
		assert_true(strstr(r->r.hint, "errand.allow_networks") != NULL);
		result_free(r);
	}
}

static void
test_relative(void **state)
{
	static const char *const refs[][2] = {{"/x/y?z=1", "GET /x/y?z=1 "},
										  {"x", "GET /x "},
										  {"?q", "GET /to?q "},
										  {"../../up", "GET /up "},
										  {"/f#frag", "GET /f "}};

	(void) state;
	for (size_t i = 0; i < sizeof(refs) / sizeof(refs[0]); i++)
	{
		Result *r = follow(1, "/to?%s", refs[i][0]);

		if (i == 2) /* leads to "/to?q", which leads on */
			expect_failure(r, ERRAND_FAIL_REDIRECT, "more than 1 redirect");
		else
			expect_ok(r, 200);
		assert_int_equal(strncmp(server_last_head(A), refs[i][1], strlen(refs[i][1])), 0);
		result_free(r);
	}
}

static const ErrandHeaderLine secret[] = {{"Authorization", "Bearer CANARY"},
										  {"Cookie", "a=CANARY"},
										  {"X-Api-Key", "CANARY"},
										  {"X-Plain", "kept"},
										  {"Content-Type", "text/x"}};

static Result *
follow_with_secrets(const char *method, const char *format, ...)
{
	char path[200];
	ErrandRequest q;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	q = harness_request("http://127.0.0.1:%d%s", server_port(A), path);
	q.follow_redirects = 5;
	q.method = method;
	q.headers = secret;
	q.n_headers = 5;
	q.has_body = strcmp(method, "GET") != 0;
	q.body = "payload";
	q.body_len = 7;
	return harness_run(&q);
}

static void
test_credentials(void **state)
{
	Result *r = follow_with_secrets("GET", "/2");

	(void) state;
	expect_ok(r, 200);
	assert_non_null(strstr(server_last_head(A), "Bearer CANARY"));
	result_free(r);

	/* another origin: dropped, and still so after the way back */
	r = follow_with_secrets("GET", "/to?http://127.0.0.1:%d/to?http://127.0.0.1:%d/0",
							server_port(B), server_port(A));
	expect_ok(r, 200);
	assert_int_equal(r->r.redirects, 2);
	assert_null(strstr(server_last_head(B), "CANARY"));
	assert_null(strstr(server_last_head(A), "CANARY"));
	assert_non_null(strstr(server_last_head(B), "X-Plain: kept"));
	result_free(r);

	/* the same address by another name is another origin, too */
	r = follow_with_secrets("GET", "/to?http://localhost:%d/0", server_port(A));
	expect_ok(r, 200);
	assert_null(strstr(server_last_head(A), "CANARY"));
	result_free(r);
}

static void
test_methods(void **state)
{
	static const struct
	{
		const char *method;
		const char *status;
		const char *then;
	} table[] = {
		{"POST", "to", "GET"},		 {"POST", "301", "GET"},	{"POST", "303", "GET"},
		{"POST", "307", "POST"},	 {"PUT", "303", "GET"},		{"PUT", "to", "PUT"},
		{"DELETE", "307", "DELETE"}, {"PATCH", "301", "PATCH"},
	};
	const char *body;

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
	{
		bool stays = strcmp(table[i].then, "GET") != 0;
		Result *r = follow_with_secrets(table[i].method, "/%s?/end", table[i].status);
		char line[32];

		expect_ok(r, 200);
		snprintf(line, sizeof(line), "%s /end HTTP/1.1\r\n", table[i].then);
		assert_int_equal(strncmp(server_last_head(A), line, strlen(line)), 0);
		assert_int_equal(server_last_body(A, &body), stays ? 7 : 0);
		assert_int_equal(strstr(server_last_head(A), "Content-Type") != NULL, stays);
		assert_int_equal(strstr(server_last_head(A), "Content-Length") != NULL, stays);
		result_free(r);
	}
}

static void
test_head_stays(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/303?/end", server_port(A));
	Result *r;

	(void) state;
	q.method = "HEAD";
	q.follow_redirects = 3;
	q.timeout_ms = 400; /* our server sends a body all the same */
	r = harness_run(&q);
	assert_int_equal(strncmp(server_last_head(A), "HEAD /", 6), 0);
	result_free(r);
}

/* The time of all hops together counts. */
static void
test_one_timeout_for_all(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/loop", server_port(A));
	Result *r;

	(void) state;
	q.timeout_ms = 150;
	q.follow_redirects = 1000000;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "within 150 ms");
	assert_true(r->r.redirects > 5);
	assert_true(r->r.timed_out);
	result_free(r);
}

/* The other host is full: the redirected transfer waits for its turn there. */
static void
test_queues_behind_other_host(void **state)
{
	ErrandRequest q;
	Result *r[4];

	(void) state;
	H.config.host_max_running = 1;
	errand_net_configure(H.net, &H.config);
	for (int i = 0; i < 4; i++)
	{
		q = harness_request("http://127.0.0.1:%d/to?http://127.0.0.1:%d/%d", server_port(A),
							server_port(B), 3);
		q.follow_redirects = 9;
		r[i] = harness_start(&q);
	}
	for (int i = 0; i < 4; i++)
	{
		WAIT_FOR(r[i]->done);
		expect_ok(r[i], 200);
		assert_int_equal(r[i]->r.redirects, 4);
		result_free(r[i]);
	}
	assert_int_equal(server_accepted(B), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_chain),
		TEST(test_off),
		TEST(test_not_followed),
		TEST(test_forbidden_targets),
		TEST(test_policy),
		TEST(test_relative),
		TEST(test_credentials),
		TEST(test_methods),
		TEST(test_head_stays),
		TEST(test_one_timeout_for_all),
		TEST(test_queues_behind_other_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
