/*-------------------------------------------------------------------------
 *
 * test_policy.c
 *	  The egress policy end to end, in a network of our own: private, metadata
 *	  and "public" addresses are all here, with listeners, and nothing leaves.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

static Server *trap; /* on every address there is */
static DnsServer *D;

static void
handle(Conn *c, const ServerRequest *r)
{
	if (strcmp(r->path, "/wait") != 0)
		conn_answer(c, 200, "", "fine");
}

static int
setup(void **state)
{
	(void) state;
	harness_open_with("", 64, 32, "127.0.0.1:1", 2000);
	D = dns_open();
	H.config.dns_servers = dns_address(D);
	errand_net_configure(H.net, &H.config);
	trap = server_open("0.0.0.0", 8080, handle);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	assert_int_equal(thread_count(), 1);
	server_close(trap);
	dns_close(D);
	harness_close();
	return 0;
}

static void
refused(const char *host, const char *kind)
{
	Result *r = harness_get("http://%s:8080/", host);
	char text[64];

	WAIT_FOR(r->done);
	snprintf(text, sizeof(text), "%s) is not allowed", kind);
	expect_failure(r, ERRAND_FAIL_POLICY, text);
	assert_int_equal(strncmp(r->r.error, "egress to ", 10), 0);
	assert_non_null(strstr(r->r.hint, "ALTER SYSTEM SET errand.allow_networks = '"));
	assert_false(r->r.bytes_sent);
	assert_int_equal(r->started, 1);
	result_free(r);
}

static void
works(const char *host)
{
	Result *r = harness_get("http://%s:8080/", host);

	WAIT_FOR(r->done);
	expect_ok(r, 200);
	result_free(r);
}

static void
test_addresses(void **state)
{
	static const char *const table[][2] = {
		{"127.0.0.1", "loopback"},
		{"127.1", "loopback"},
		{"2130706433", "loopback"},
		{"0x7f.1", "loopback"},
		{"017700000001", "loopback"},
		{"[::1]", "loopback"},
		{"[::ffff:127.0.0.1]", "loopback"},
		{"[::7f00:1]", "loopback"},
		{"[64:ff9b::7f00:1]", "loopback"},
		{"[2002:7f00:1::]", "loopback"},
		{"localhost", "loopback"},
		{"10.0.0.5", "private"},
		{"172.16.0.1", "private"},
		{"192.168.1.1", "private"},
		{"[fc00::1]", "private"},
		{"[fd00::1]", "private"},
		{"169.254.1.1", "link-local"},
		{"[fe80::1]", "link-local"},
		{"169.254.169.254", ""},
		{"0xa9fea9fe", ""},
		{"[::ffff:a9fe:a9fe]", ""},
		{"[64:ff9b::a9fe:a9fe]", ""},
		{"224.0.0.1", "multicast"},
		{"[ff02::1]", "multicast"},
		{"0.0.0.0", ""},
		{"0", ""},
		{"100.64.0.1", ""},
		{"192.0.2.1", ""},
		{"198.18.0.1", ""},
		{"198.51.100.1", ""},
		{"203.0.113.5", ""},
		{"240.0.0.1", ""},
		{"255.255.255.255", ""},
		{"[::]", ""},
		{"[2001:db8::1]", ""},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		refused(table[i][0], table[i][1]);
	assert_int_equal(server_accepted(trap), 0);
	works("8.8.8.8");
	assert_int_equal(server_accepted(trap), 1);
}

static void
test_names(void **state)
{
	Result *r;

	(void) state;
	refused("a-127-0-0-1.test", "loopback");
	refused("a-10-0-0-5.test", "private");
	refused("a-169-254-169-254-10-0-0-5-127-0-0-1.test", "");
	assert_int_equal(server_accepted(trap), 0);
	r = harness_get("http://a-10-0-0-5.test:8080/");
	WAIT_FOR(r->done);
	expect_failure(r, ERRAND_FAIL_POLICY,
				   "egress to a-10-0-0-5.test (10.0.0.5, private) is not allowed");
	assert_string_equal(r->r.hint, "to allow it, use: ALTER SYSTEM SET "
								   "errand.allow_networks = '10.0.0.5/32:8080'");
	result_free(r);

	/* of several addresses only the allowed one is used, wherever it stands */
	for (int i = 0; i < 2; i++)
	{
		r = harness_get("http://%s:8080/",
						i ? "a-127-0-0-1-8-8-8-8.test" : "a-8-8-8-8-10-0-0-5-127-0-0-1.test");
		WAIT_FOR(r->done);
		expect_ok(r, 200);
		assert_string_equal(r->r.peer, "8.8.8.8:8080");
		result_free(r);
	}
}

/* The name leads to a public address when checked and to loopback later. */
static void
test_rebinding(void **state)
{
	Server *loop = server_open("127.0.0.1", 8081, handle);
	Server *public = server_open("8.8.8.8", 8081, handle);
	int refusals = 0;

	(void) state;
	for (int i = 0; i < 100; i++)
	{
		ErrandRequest q = harness_request("http://flip%d.test:8081/", i % 3);
		Result *r;

		q.never_resend = i % 2;
		if (i % 4 == 0)
			errand_net_configure(H.net, &H.config); /* forgets all names */
		r = harness_run(&q);
		if (r->r.failure == ERRAND_FAIL_POLICY)
			refusals++;
		else
			expect_ok(r, 200);
		result_free(r);
	}
	assert_true(refusals > 10 && refusals < 90);
	assert_int_equal(server_accepted(loop), 0);
	assert_true(server_accepted(public) > 0);
	server_close(loop);
	server_close(public);
}

static void
test_allow_list(void **state)
{
	Server *other = server_open("127.0.0.1", 8082, handle);
	Result *r;

	(void) state;
	harness_reconfigure("127.0.0.1/32:8080, 10.0.0.0/24");
	works("127.0.0.1");
	works("10.0.0.5");
	works("a-10-0-0-5.test");
	works("[::ffff:127.0.0.1]");
	r = harness_get("http://127.0.0.1:8082/");
	WAIT_FOR(r->done);
	expect_failure(r, ERRAND_FAIL_POLICY, "egress to 127.0.0.1 (loopback)");
	assert_string_equal(r->r.hint, "to allow it, add 127.0.0.1/32:8082 to errand.allow_networks");
	result_free(r);
	assert_int_equal(server_accepted(other), 0);
	server_close(other);
}

/* A shorter list cuts what is kept, what runs and what connects. */
static void
test_shorter_list(void **state)
{
	Result *running;
	Result *named;
	Result *public;
	int accepted;

	(void) state;
	harness_reconfigure("127.0.0.0/8, 10.0.0.5");
	works("127.0.0.1");
	works("a-10-0-0-5.test");
	running = harness_get("http://127.0.0.1:8080/wait");
	named = harness_get("http://a-10-0-0-5.test:8080/wait");
	public = harness_get("http://8.8.8.8:8080/wait");
	WAIT_FOR(server_requests(trap) == 5);
	harness_reconfigure("");
	WAIT_FOR(running->done && named->done);
	expect_failure(running, ERRAND_FAIL_POLICY, "egress to 127.0.0.1 (loopback) is not allowed");
	expect_failure(named, ERRAND_FAIL_POLICY, "a-10-0-0-5.test (10.0.0.5, private)");
	assert_true(running->r.bytes_sent);
	assert_int_equal(public->done, 0);
	WAIT_FOR(server_connections(trap) == 1);
	accepted = server_accepted(trap);
	refused("127.0.0.1", "loopback");
	refused("a-10-0-0-5.test", "private");
	assert_int_equal(server_accepted(trap), accepted);
	errand_transfer_cancel(public->transfer);
	WAIT_FOR(public->done);
	result_free(running);
	result_free(named);
	result_free(public);
}

/* Thousands of hosts come and go: the table of them stays bounded. */
static void
test_many_hosts(void **state)
{
	static Result *r[5000];
	ErrandHostStat stat;
	int cursor = 0;
	int known = 0;

	(void) state;
	harness_reconfigure("127.0.0.0/8");
	for (int i = 0; i < 5000; i++)
		r[i] = harness_get("http://127.1.%d.%d:8080/", i / 250, i % 250);
	for (int i = 0; i < 5000; i++)
	{
		WAIT_FOR(r[i]->done);
		expect_ok(r[i], 200);
		result_free(r[i]);
	}
	works("127.2.0.1");
	while (errand_net_next_host(H.net, &cursor, &stat))
		known++;
	assert_true(known <= 4096);
	WAIT_FOR(server_connections(trap) <= 64 + 16 + 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_addresses),  TEST(test_names),		TEST(test_rebinding),
		TEST(test_allow_list), TEST(test_shorter_list), TEST(test_many_hosts),
	};

	if (!own_network())
	{
		puts("skipped: no right to a network of our own");
		return 0;
	}
	own_address("8.8.8.8");
	own_address("10.0.0.5");
	own_address("169.254.169.254");
	own_address("203.0.113.5");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
