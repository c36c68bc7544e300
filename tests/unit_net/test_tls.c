/*-------------------------------------------------------------------------
 *
 * test_tls.c
 *	  HTTPS and HTTP/2: certificates are checked, handshakes have an end.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

static int
setup(void **state)
{
	(void) state;
	harness_open();
	return 0;
}

static int
setup_trusting(void **state)
{
	harness_open();
	H.config.ca_file = nginx_ca();
	errand_net_configure(H.net, &H.config);
	(void) state;
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	assert_int_equal(thread_count(), 1);
	harness_close();
	return 0;
}

static void
fails(const char *host, int port, ErrandFailure failure, const char *text)
{
	Result *r = harness_get("https://%s:%d/1k", host, port);

	WAIT_FOR(r->done);
	expect_failure(r, failure, text);
	assert_false(r->r.bytes_sent);
	result_free(r);
}

static void
test_self_signed(void **state)
{
	(void) state;
	fails("localhost", nginx_tls_port(), ERRAND_FAIL_TLS,
		  "SSL certificate problem: self-signed certificate");
}

static void
test_other_host(void **state)
{
	(void) state;
	fails("127.0.0.1", nginx_tls_port(), ERRAND_FAIL_TLS, "no TLS connection to 127.0.0.1:");
}

static void
test_no_tls(void **state)
{
	(void) state;
	fails("localhost", nginx_port(), ERRAND_FAIL_TLS, "no TLS connection to localhost:");
}

static void
test_trusted(void **state)
{
	Result *r[200];

	(void) state;
	for (int i = 0; i < 200; i++)
		r[i] = harness_get("https://localhost:%d/1k", nginx_tls_port());
	for (int i = 0; i < 200; i++)
	{
		WAIT_FOR(r[i]->done);
		expect_ok(r[i], 200);
		assert_int_equal(r[i]->r.body_len, 1024);
		assert_int_equal(r[i]->r.http_version, 20);
		assert_true(r[i]->r.tls_us >= 0);
		result_free(r[i]);
	}
}

static void
test_post_over_h2(void **state)
{
	ErrandRequest q = harness_request("https://localhost:%d/echo/x", nginx_tls_port());
	Result *r;

	(void) state;
	q.method = "POST";
	q.has_body = true;
	q.body = "a\0b";
	q.body_len = 3;
	r = harness_run(&q);
	expect_ok(r, 200);
	assert_string_equal(r->r.body, "POST /echo/x");
	result_free(r);
}

static void
test_cancel_over_h2(void **state)
{
	ErrandRequest q = harness_request("https://localhost:%d/5m", nginx_tls_port());
	Result *r[8];

	(void) state;
	q.max_body = 6 * 1024 * 1024;
	for (int i = 0; i < 8; i++)
		r[i] = harness_start(&q);
	WAIT_FOR(errand_net_buffered(H.net) > 100000);
	for (int i = 0; i < 8; i += 2)
		if (!r[i]->done)
			errand_transfer_cancel(r[i]->transfer);
	for (int i = 0; i < 8; i++)
	{
		WAIT_FOR(r[i]->done);
		if (i % 2)
		{
			expect_ok(r[i], 200);
			assert_int_equal(r[i]->r.body_len, 5242880);
		}
		result_free(r[i]);
	}
}

static void
test_never_down(void **state)
{
	ErrandRequest q = harness_request("https://localhost:%d/down", nginx_tls_port());
	Result *r;

	(void) state;
	q.follow_redirects = 5;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_REDIRECT, "it leads from https to http");
	result_free(r);
}

static void
never(Conn *c, const ServerRequest *r)
{
	(void) c;
	(void) r;
}

static void
test_handshake_lost(void **state)
{
	Server *s = server_open("127.0.0.1", 0, NULL);

	(void) state;
	fails("127.0.0.1", server_port(s), ERRAND_FAIL_RESET, "was lost before it answered");
	server_close(s);
}

static void
test_handshake_hangs(void **state)
{
	Server *s = server_open("127.0.0.1", 0, never);
	ErrandRequest q = harness_request("https://127.0.0.1:%d/", server_port(s));
	Result *r;

	(void) state;
	q.connect_timeout_ms = 300;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "no TLS connection to 127.0.0.1:");
	assert_non_null(strstr(r->r.error, "within 300 ms"));
	assert_false(r->r.bytes_sent);
	result_free(r);
	server_close(s);
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
#define TRUSTING(name) cmocka_unit_test_setup_teardown(name, setup_trusting, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_self_signed),	   TRUSTING(test_other_host),	TEST(test_no_tls),
		TRUSTING(test_trusted),	   TRUSTING(test_post_over_h2), TRUSTING(test_cancel_over_h2),
		TRUSTING(test_never_down), TEST(test_handshake_lost),	TEST(test_handshake_hangs),
	};

	return cmocka_run_group_tests(tests, open_nginx, close_nginx);
}
