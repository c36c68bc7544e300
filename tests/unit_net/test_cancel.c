/*-------------------------------------------------------------------------
 *
 * test_cancel.c
 *	  Cancelling in every phase, reconfiguring and closing in the middle.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static Server *S;
static DnsServer *D;

static void
handle(Conn *c, const ServerRequest *r)
{
	if (strcmp(r->path, "/ok") == 0)
		conn_answer(c, 200, "", "fine");
	else if (strcmp(r->path, "/half") == 0)
		conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
	else if (strcmp(r->path, "/away") == 0)
		conn_answer(c, 302, "Location: http://silent.test/\r\n", "");
}

static int
setup(void **state)
{
	(void) state;

	/* the DNS server must be there first, and needs a loop */
	harness_open_with("127.0.0.1/32", 4, 2, "127.0.0.1:1", 5000);
	D = dns_open();
	H.config.dns_servers = dns_address(D);
	errand_net_configure(H.net, &H.config);
	assert_null(errand_net_warning(H.net));
	S = server_open("127.0.0.1", 0, handle);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	server_close(S);
	dns_close(D);
	harness_close();
	return 0;
}

static Result *
get(const char *path)
{
	return harness_get("http://127.0.0.1:%d%s", server_port(S), path);
}

/* Cancel now: done must come, later, once; the request's memory may go. */
static void
cancel(Result *r)
{
	errand_transfer_cancel(r->transfer);
	assert_int_equal(r->done, 0);
	errand_transfer_cancel(r->transfer);
	WAIT_FOR(r->done);
	expect_failure(r, ERRAND_FAIL_CANCELLED, "cancelled");
	assert_false(r->r.timed_out);
	result_free(r);
}

static void
test_queued(void **state)
{
	Result *busy[2] = {get("/wait"), get("/wait")};
	Result *r = get("/ok");

	(void) state;
	WAIT_FOR(server_requests(S) == 2);
	assert_int_equal(r->started, 0);
	assert_int_equal(errand_net_queued(H.net), 1);
	assert_int_equal(errand_net_running(H.net), 2);
	cancel(r);
	assert_int_equal(errand_net_queued(H.net), 0);
	cancel(busy[0]);
	cancel(busy[1]);
	assert_int_equal(server_requests(S), 2);
}

/* Before anything happened at all. */
static void
test_at_once(void **state)
{
	Result *r = get("/ok");

	(void) state;
	cancel(r);
	assert_int_equal(server_accepted(S), 0);
}

static void
test_resolving(void **state)
{
	Result *r = harness_get("http://silent.test:%d/", server_port(S));
	Result *other = harness_get("http://silent.test:%d/", server_port(S));

	(void) state;
	WAIT_FOR(dns_questions(D) > 0);
	assert_int_equal(errand_net_resolving(H.net), 2);
	assert_int_equal(r->started, 1);
	cancel(r);
	assert_int_equal(errand_net_resolving(H.net), 1);
	cancel(other);
}

/*
 * A listener whose queue is full: the connection is asked for and not made.
 */
static void
test_connecting(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	ErrandRequest q;
	Result *fill[3];
	Result *r;

	(void) state;
	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 0), 0);
	getsockname(fd, (struct sockaddr *) &sa, &len);
	H.config.host_max_running = 4;
	errand_net_configure(H.net, &H.config);
	for (int i = 0; i < 3; i++)
		fill[i] = harness_get("http://127.0.0.1:%d/", ntohs(sa.sin_port));
	WAIT_FOR(errand_net_running(H.net) == 3);
	q = harness_request("http://127.0.0.1:%d/", ntohs(sa.sin_port));
	q.connect_timeout_ms = 300;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "could not connect to 127.0.0.1:");
	assert_non_null(strstr(r->r.error, "within 300 ms"));
	assert_false(r->r.bytes_sent);
	result_free(r);
	for (int i = 0; i < 3; i++)
		cancel(fill[i]);
	close(fd);
}

static void
test_waiting(void **state)
{
	Result *r = get("/wait");
	int before;

	(void) state;
	WAIT_FOR(server_requests(S) == 1);
	before = server_connections(S);
	errand_transfer_cancel(r->transfer);
	WAIT_FOR(r->done);
	assert_true(r->r.bytes_sent);
	expect_failure(r, ERRAND_FAIL_CANCELLED, "cancelled");
	result_free(r);
	WAIT_FOR(server_connections(S) == before - 1); /* cut off */
}

static void
test_receiving(void **state)
{
	Result *r = get("/half");

	(void) state;
	WAIT_FOR(errand_net_buffered(H.net) > 0);
	cancel(r);
	assert_int_equal(errand_net_buffered(H.net), 0);
}

static void
test_after_redirect(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/away", server_port(S));
	Result *r;

	(void) state;
	q.follow_redirects = 3;
	r = harness_start(&q);
	WAIT_FOR(errand_net_resolving(H.net) == 1);
	assert_int_equal(r->started, 1);
	cancel(r);
}

/* The deadline holds where curl does not watch it: at a look-up. */
static void
test_deadline_resolving(void **state)
{
	ErrandRequest q = harness_request("http://silent.test/");
	Result *r;

	(void) state;
	q.timeout_ms = 200;
	r = harness_run(&q);
	expect_failure(r, ERRAND_FAIL_TIMEOUT, "could not look up silent.test within 200 ms");
	assert_false(r->r.bytes_sent);
	assert_true(r->r.timed_out);
	result_free(r);
}

static Result *victim;

static void
cancel_victim(Result *r)
{
	(void) r;
	if (victim && victim->transfer && !victim->done)
		errand_transfer_cancel(victim->transfer);
}

/* From inside another's done callback, and from inside its own started one. */
static void
test_from_callbacks(void **state)
{
	Result *r;

	(void) state;
	victim = get("/wait");
	WAIT_FOR(server_requests(S) == 1);
	H.on_done = cancel_victim;
	r = get("/ok");
	WAIT_FOR(r->done && victim->done);
	expect_ok(r, 200);
	expect_failure(victim, ERRAND_FAIL_CANCELLED, "cancelled");
	result_free(r);
	result_free(victim);
	H.on_done = NULL;

	H.on_started = cancel_victim;
	victim = get("/ok");
	WAIT_FOR(victim->done);
	expect_failure(victim, ERRAND_FAIL_CANCELLED, "cancelled");
	assert_false(victim->r.bytes_sent);
	result_free(victim);
	victim = NULL;
}

/* Finished, but not told yet: cancelled all the same, told once. */
static void
test_finished(void **state)
{
	Result *r = harness_get("ftp://x/");

	(void) state;
	cancel(r);
}

/* Many, in all phases at once, in a mixed order. */
static void
test_churn(void **state)
{
	static const char *const urls[] = {"http://127.0.0.1:%d/ok",   "http://127.0.0.1:%d/wait",
									   "http://127.0.0.1:%d/half", "http://silent.test:%d/",
									   "http://nx.test:%d/",	   "http://localhost:%d/ok"};
	Result *r[600];
	int n = 600;

	(void) state;
	for (int i = 0; i < n; i++)
	{
		char url[64];

		snprintf(url, sizeof(url), urls[i % 6], server_port(S));
		r[i] = harness_get("%s", url);
		if (i % 5 == 0)
			harness_turn();
		if (i % 3 == 0 && r[(i * 7) % (i + 1)]->transfer)
			errand_transfer_cancel(r[(i * 7) % (i + 1)]->transfer);
	}
	for (int i = n - 1; i >= 0; i--)
		if (r[i]->transfer)
			errand_transfer_cancel(r[i]->transfer);
	for (int i = 0; i < n; i++)
	{
		WAIT_FOR(r[i]->done);
		result_free(r[i]);
	}
}

/* A net closed in the middle of everything tells nobody, and leaks nothing. */
static void
test_destroy(void **state)
{
	ErrandNet *kept = H.net;
	Result *r[8];
	const char *why;

	(void) state;
	H.net = errand_net_create(&H.loop, &H.config, NULL, NULL, &why);
	assert_non_null(H.net);
	errand_net_destroy(H.net); /* nothing began */
	harness_turn();
	H.net = kept;
	for (int i = 0; i < 8; i++)
		r[i] = harness_get(i % 2 ? "http://silent.test:%d/" : "http://127.0.0.1:%d/half",
						   server_port(S));
	WAIT_FOR(dns_questions(D) > 0 && server_requests(S) > 0);
	errand_net_destroy(H.net);
	server_close(S);
	dns_close(D);
	harness_close_loop();
	for (int i = 0; i < 8; i++)
	{
		assert_int_equal(r[i]->done, 0);
		free(r[i]);
	}
	setup(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queued),		   TEST(test_at_once),
		TEST(test_resolving),	   TEST(test_connecting),
		TEST(test_waiting),		   TEST(test_receiving),
		TEST(test_after_redirect), TEST(test_deadline_resolving),
		TEST(test_from_callbacks), TEST(test_finished),
		TEST(test_churn),		   TEST(test_destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
