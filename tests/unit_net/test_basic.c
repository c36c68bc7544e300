/*-------------------------------------------------------------------------
 *
 * test_basic.c
 *	  Plain requests against a real nginx and a server that looks closely.
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
test_get(void **state)
{
	Result *r = harness_get("http://127.0.0.1:%d/1k", nginx_port());

	(void) state;
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_int_equal(r->r.body_len, 1024);
	assert_int_equal(r->r.body[1023], 'k');
	assert_string_equal(r->r.content_type, "text/plain");
	assert_true(r->r.bytes_sent);
	assert_false(r->r.timed_out);
	assert_int_equal(r->r.http_version, 11);
	assert_int_equal(r->r.retry_after_ms, -1);
	assert_true(r->r.started_us > 0 && r->r.finished_us >= r->r.started_us);
	assert_int_equal(r->r.dns_us, 0);
	assert_true(r->r.connect_us >= 0 && r->r.wait_us >= 0 && r->r.transfer_us >= 0);
	assert_true(strstr(r->r.head, "Server: nginx") != NULL);
	assert_true(strncmp(r->r.head, "HTTP", 4) != 0);
	assert_false(r->r.reused);
	result_free(r);
	r = harness_get("http://127.0.0.1:%d/1k", nginx_port());
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_true(r->r.reused);
	result_free(r);
}

static void
test_response_fields(void **state)
{
	Result *r = harness_get("http://127.0.0.1:%d/x", server_port(S));
	char peer[32];

	(void) state;
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_string_equal(r->r.body, "hello");
	assert_string_equal(r->r.content_type, "text/plain; charset=utf-8");
	assert_int_equal(r->r.retry_after_ms, 7000);
	assert_string_equal(r->r.head, "Content-Length: 5\r\n"
								   "Content-Type: text/plain; charset=utf-8\r\nRetry-After: 7\r\n");
	snprintf(peer, sizeof(peer), "127.0.0.1:%d", server_port(S));
	assert_string_equal(r->r.peer, peer);
	assert_true(strstr(server_last_head(S), "User-Agent: errand-test/1\r\n") != NULL);
	assert_true(strstr(server_last_head(S), "Accept-Encoding: ") != NULL);
	result_free(r);
}

static void
test_head(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/5m", nginx_port());
	Result *r;

	(void) state;
	q.method = "HEAD";
	r = harness_run(&q);
	expect_ok(r, 200);
	assert_int_equal(r->r.body_len, 0);
	assert_true(strstr(r->r.head, "Content-Length: 5242880") != NULL);
	result_free(r);
	q.has_body = true;
	q.body = "x";
	q.body_len = 1;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_BAD_REQUEST, "HEAD");
	result_free(r);
}

static void
test_empty(void **state)
{
	Result *r = harness_get("http://127.0.0.1:%d/empty", nginx_port());

	(void) state;
	WAIT_FOR(r->done);
	expect_ok(r, 204);
	assert_int_equal(r->r.body_len, 0);
	assert_null(r->r.content_type);
	result_free(r);
}

static void
test_gzip(void **state)
{
	Result *r = harness_get("http://127.0.0.1:%d/gz", nginx_port());

	(void) state;
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_int_equal(r->r.body_len, 20000);
	assert_true(strstr(r->r.head, "Content-Encoding: gzip") != NULL);
	result_free(r);
}

static void
test_refused(void **state)
{
	int port = free_port();
	Result *r = harness_get("http://127.0.0.1:%d/", port);
	char text[80];

	(void) state;
	WAIT_FOR(r->done);
	snprintf(text, sizeof(text), "could not connect to 127.0.0.1:%d: connection refused", port);
	expect_failure(r, ERRAND_FAIL_CONNECT, text);
	assert_false(r->r.bytes_sent);
	assert_int_equal(r->r.status, 0);
	assert_int_equal(r->r.connect_us, -1);
	result_free(r);
}

/* Names from /etc/hosts, both families, any spelling; and no thread at all. */
static void
test_names(void **state)
{
	static const char *const hosts[] = {"localhost",  "LOCALHOST", "127.1",
										"2130706433", "0x7f.1",	   "017700000001"};

	(void) state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
	{
		Result *r = harness_get("http://%s:%d/", hosts[i], server_port(S));

		WAIT_FOR(r->done);
		expect_ok(r, 200);
		result_free(r);
	}
	assert_int_equal(thread_count(), 1);
}

static void
test_ipv6(void **state)
{
	Server *s = server_open("::1", 0, echo);
	Result *r = harness_get("http://[0:0::1]:%d/", server_port(s));
	char peer[32];

	(void) state;
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	snprintf(peer, sizeof(peer), "[::1]:%d", server_port(s));
	assert_string_equal(r->r.peer, peer);
	result_free(r);
	server_close(s);
}

static void
test_proxy_environment(void **state)
{
	Server *trap = server_open("127.0.0.1", 0, echo);
	char proxy[64];
	Result *r;

	(void) state;
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", server_port(trap));
	setenv("http_proxy", proxy, 1);
	setenv("all_proxy", proxy, 1);
	r = harness_get("http://127.0.0.1:%d/", server_port(S));
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	assert_int_equal(server_accepted(trap), 0);
	result_free(r);
	server_close(trap);
}

static void
test_host_statistics(void **state)
{
	Result *r = harness_get("http://127.0.0.1:%d/", server_port(S));
	ErrandHostStat stat;
	int cursor = 0;
	char key[32];

	(void) state;
	snprintf(key, sizeof(key), "127.0.0.1:%d", server_port(S));
	assert_int_equal(errand_net_host_queued(H.net, key), 1);
	assert_int_equal(errand_net_host_free(H.net, key), 31);
	assert_int_equal(errand_net_host_free(H.net, "unknown:80"), 32);
	WAIT_FOR(r->done);
	assert_int_equal(errand_net_host_free(H.net, key), 32);
	assert_true(errand_net_next_host(H.net, &cursor, &stat));
	assert_string_equal(stat.host, "127.0.0.1");
	assert_int_equal(stat.port, server_port(S));
	assert_int_equal(stat.requests, 1);
	assert_int_equal(stat.errors, 0);
	assert_int_equal(stat.connections, 1);
	assert_int_equal(stat.last_status, 200);
	assert_int_equal(stat.max_running, 32);
	assert_false(errand_net_next_host(H.net, &cursor, &stat));
	result_free(r);
}

/* After a done transfer the loop sleeps: no timer, nothing due at once. */
static void
test_sleeps_when_idle(void **state)
{
	Result *r = harness_get("http://127.0.0.1:%d/1k", nginx_port());
	int turns = 0;

	(void) state;
	WAIT_FOR(r->done);
	while (uv_backend_timeout(&H.loop) >= 0 && uv_backend_timeout(&H.loop) < 1000)
	{
		harness_turn();
		assert_true(++turns < 10);
	}
	result_free(r);
}

static int
open_nginx(void **state)
{
	(void) state;
	nginx_open();
	return 0;
}

static int
close_nginx(void **state)
{
	(void) state;
	nginx_close();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get),
		TEST(test_response_fields),
		TEST(test_head),
		TEST(test_empty),
		TEST(test_gzip),
		TEST(test_refused),
		TEST(test_names),
		TEST(test_ipv6),
		TEST(test_proxy_environment),
		TEST(test_host_statistics),
		TEST(test_sleeps_when_idle),
	};

	return cmocka_run_group_tests(tests, open_nginx, close_nginx);
}
