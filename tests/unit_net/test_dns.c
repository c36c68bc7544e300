/*-------------------------------------------------------------------------
 *
 * test_dns.c
 *	  Names: asked for once, believed for a while, never waited for by others.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#include "net/internal.h"

static Server *S;
static DnsServer *D;

static void
handle(Conn *c, const ServerRequest *r)
{
	(void) r;
	conn_answer(c, 200, "", "fine");
}

static int
setup(void **state)
{
	(void) state;
	harness_open_with("127.0.0.1/32,::1/128", 64, 32, "127.0.0.1:1", 800);
	D = dns_open();
	H.config.dns_servers = dns_address(D);
	errand_net_configure(H.net, &H.config);
	S = server_open("127.0.0.1", 0, handle);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	assert_int_equal(thread_count(), 1);
	server_close(S);
	dns_close(D);
	harness_close();
	return 0;
}

static Result *
get(const char *name)
{
	return harness_get("http://%s:%d/", name, server_port(S));
}

static void
works(const char *name)
{
	Result *r = get(name);

	WAIT_FOR(r->done);
	expect_ok(r, 200);
	result_free(r);
}

static void
fails(const char *name, ErrandFailure failure, const char *text)
{
	Result *r = get(name);

	WAIT_FOR(r->done);
	expect_failure(r, failure, text);
	assert_false(r->r.bytes_sent);
	assert_int_equal(r->started, 1);
	result_free(r);
}

static void
test_joined_and_cached(void **state)
{
	Result *r[50];

	(void) state;
	for (int i = 0; i < 50; i++)
		r[i] = get(i % 2 ? "a-127-0-0-1.test" : "A-127-0-0-1.TEST");
	for (int i = 0; i < 50; i++)
	{
		WAIT_FOR(r[i]->done);
		expect_ok(r[i], 200);
		assert_true(r[i]->r.dns_us >= 0);
		result_free(r[i]);
	}
	works("a-127-0-0-1.test");
	assert_int_equal(dns_questions(D), 2); /* A and AAAA */
	works("a-127-0-0-1.test.");
}

static void
test_failures(void **state)
{
	int questions;

	(void) state;
	fails("nx.test", ERRAND_FAIL_DNS_NOT_FOUND, "could not look up nx.test: no such host");
	questions = dns_questions(D);
	fails("nx.test", ERRAND_FAIL_DNS_NOT_FOUND, "no such host"); /* believed for 1 s */
	assert_int_equal(dns_questions(D), questions);
	fails("empty.test", ERRAND_FAIL_DNS_NOT_FOUND, "the name has no address");
	fails("fail.test", ERRAND_FAIL_DNS, "the DNS server failed");
	fails("silent.test", ERRAND_FAIL_DNS, "no answer from the DNS server");
}

static void
test_families(void **state)
{
	Server *six = server_open("::1", 0, handle);
	Result *r = harness_get("http://dual.test:%d/", server_port(six));

	(void) state;
	WAIT_FOR(r->done);
	expect_ok(r, 200); /* 127.0.0.1 refused, ::1 answered */
	assert_int_equal(strncmp(r->r.peer, "[::1]:", 6), 0);
	result_free(r);
	server_close(six);
	works("half.test"); /* AAAA never answered: A is enough */
}

/* Twenty names that nobody answers for, beside fifty good ones. */
static void
test_silent_names(void **state)
{
	Result *silent[20];
	Result *good[50];
	int64_t begin = harness_now_us();

	(void) state;
	for (int i = 0; i < 20; i++)
		silent[i] = harness_get("http://silent%d.test/", i);
	for (int i = 0; i < 50; i++)
		good[i] = get("127.0.0.1");
	for (int i = 0; i < 50; i++)
	{
		WAIT_FOR(good[i]->done);
		expect_ok(good[i], 200);
		result_free(good[i]);
	}
	for (int i = 0; i < 20; i++)
		assert_int_equal(silent[i]->done, 0);
	for (int i = 0; i < 20; i++)
	{
		WAIT_FOR(silent[i]->done);
		expect_failure(silent[i], ERRAND_FAIL_DNS, "no answer from the DNS server");
		result_free(silent[i]);
	}
	assert_true(harness_now_us() - begin < 3000000);
}

/* More names than are asked for at once, more transfers than places. */
static void
test_too_many_names(void **state)
{
	static Result *r[700];

	(void) state;
	for (int i = 0; i < 700; i++)
		r[i] = harness_get("http://%s%d.test:%d/", i % 10 == 0 ? "a-127-0-0-1." : "silent", i,
						   server_port(S));
	WAIT_FOR(errand_net_resolving(H.net) > 64);
	works("127.0.0.1"); /* they do not hold places in curl */
	for (int i = 0; i < 700; i++)
	{
		WAIT_FOR(r[i]->done);
		if (r[i]->r.failure != ERRAND_FAIL_NONE)
			expect_failure(r[i], ERRAND_FAIL_DNS, "no answer");
		result_free(r[i]);
	}
}

static void
test_no_server(void **state)
{
	(void) state;
	H.config.dns_servers = "127.0.0.1:1";
	errand_net_configure(H.net, &H.config);
	fails("a-127-0-0-1.test", ERRAND_FAIL_DNS, "the DNS server failed or cannot be reached");
}

/* What is being looked up when the servers change starts anew. */
static void
test_other_server(void **state)
{
	Result *r[10];

	(void) state;
	H.config.dns_timeout_ms = 15000;
	errand_net_configure(H.net, &H.config);
	for (int i = 0; i < 10; i++)
		r[i] = harness_get("http://silent%d.test:%d/", i, server_port(S));
	WAIT_FOR(dns_questions(D) >= 10);
	assert_int_equal(errand_net_resolving(H.net), 10);
	dns_speak(D); /* from now on it speaks */
	errand_net_configure(H.net, &H.config);
	for (int i = 0; i < 10; i++)
	{
		WAIT_FOR(r[i]->done);
		expect_ok(r[i], 200);
		result_free(r[i]);
	}
}

static void
test_bad_list(void **state)
{
	(void) state;
	H.config.dns_servers = "not an address";
	errand_net_configure(H.net, &H.config);
	assert_string_equal(errand_net_warning(H.net), "the list of DNS servers cannot be used");
	works("a-127-0-0-1.test"); /* the last good one goes on */
	H.config.dns_servers = dns_address(D);
	errand_net_configure(H.net, &H.config);
	assert_null(errand_net_warning(H.net));
}

/* The host's pins are for another name: curl would look this one up itself. */
static void
spoil_pins(Result *r)
{
	ErrandHost *h = r->transfer->host;
	const char *other = "+other.test:1:127.0.0.1";
	ErrandPins *pins = calloc(1, sizeof(ErrandPins) + strlen(other) + 1);

	strcpy(pins->text, other);
	pins->refs = 1;
	pins->list.data = pins->text;
	h->pins = pins;
	h->pins_until_us = INT64_MAX;
	h->pins_version = H.net->config_version;
}

static void
test_tripwire(void **state)
{
	Result *r;

	(void) state;
	H.on_started = spoil_pins;
	r = get("a-127-0-0-1.test");
	WAIT_FOR(r->done);
	expect_failure(r, ERRAND_FAIL_INTERNAL, "curl wanted to look up a-127-0-0-1.test by itself");
	assert_int_equal(thread_count(), 1);
	result_free(r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_joined_and_cached), TEST(test_failures),		 TEST(test_families),
		TEST(test_silent_names),	  TEST(test_too_many_names), TEST(test_no_server),
		TEST(test_other_server),	  TEST(test_bad_list),		 TEST(test_tripwire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
