/*-------------------------------------------------------------------------
 *
 * test_load.c
 *	  Many transfers: limits hold, hosts take turns, nothing grows.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"
#include "net/internal.h"

#include <sys/resource.h>
#include <unistd.h>

static Server *S[4];
static int most_running;

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
	harness_open();
	for (int i = 0; i < 4; i++)
		S[i] = server_open("127.0.0.1", 0, handle);
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	expect_idle();
	for (int i = 0; i < 4; i++)
		server_close(S[i]);
	harness_close();
	return 0;
}

static void
watch_running(Result *r)
{
	(void) r;
	if (errand_net_running(H.net) > most_running)
		most_running = errand_net_running(H.net);
}

/* 1000 at nginx with 64 places, 32 of them for one host. */
static void
test_thousand(void **state)
{
	static Result *r[1000];
	char key[32];

	(void) state;
	H.on_started = watch_running;
	most_running = 0;
	snprintf(key, sizeof(key), "127.0.0.1:%d", nginx_port());
	for (int i = 0; i < 1000; i++)
		r[i] = harness_get("http://127.0.0.1:%d/1k", nginx_port());
	assert_int_equal(errand_net_queued(H.net), 1000);
	assert_int_equal(errand_net_host_queued(H.net, key), 1000);
	assert_int_equal(errand_net_host_free(H.net, key), 0);
	for (int i = 0; i < 1000; i++)
	{
		WAIT_FOR(r[i]->done);
		expect_ok(r[i], 200);
		assert_int_equal(r[i]->r.body_len, 1024);
		result_free(r[i]);
	}
	assert_int_equal(most_running, 32);
	assert_int_equal(thread_count(), 1);
}

/* In all, 64; a host 32, connections never more than that. */
static void
test_limits(void **state)
{
	static Result *r[800];

	(void) state;
	H.on_started = watch_running;
	most_running = 0;
	for (int i = 0; i < 800; i++)
		r[i] = harness_get("http://127.0.0.1:%d/", server_port(S[i % 4]));
	for (int i = 0; i < 800; i++)
	{
		WAIT_FOR(r[i]->done);
		expect_ok(r[i], 200);
		result_free(r[i]);
	}
	assert_int_equal(most_running, 64);
	for (int i = 0; i < 4; i++)
	{
		assert_true(server_accepted(S[i]) <= 32);
		assert_int_equal(server_requests(S[i]), 200);
	}
}

/* What the net counts of connections: those open, and those that transfers have or look for. */
static void
count_conns(int *open, int *busy)
{
	*open = *busy = 0;
	for (int i = 0; i < ERRAND_HOST_BUCKETS; i++)
	{
		*open += H.net->conns[i].open;
		*busy += H.net->conns[i].busy;
	}
}

/*
 * An idle connection is found beside requests that must open their own, and the
 * counts that say whether there is one are right after whatever happened.
 */
static void
test_connections(void **state)
{
	ErrandRequest own = harness_request("http://127.0.0.1:%d/", server_port(S[0]));
	Result *r[300];
	int open, busy;

	(void) state;
	own.never_resend = true;
	for (int round = 0; round < 3; round++)
	{
		r[0] = harness_start(&own);
		r[1] = harness_get("http://127.0.0.1:%d/", server_port(S[0]));
		WAIT_FOR(r[0]->done && r[1]->done);
		assert_false(r[0]->r.reused);
		assert_int_equal(r[1]->r.reused, round > 0);
		result_free(r[0]);
		result_free(r[1]);
		count_conns(&open, &busy);
		assert_int_equal(busy, 0);
		assert_int_equal(open, server_accepted(S[0]));
	}
	for (int i = 0; i < 300; i++)
		r[i] = i % 3 == 0 ? harness_start(&own) :
							harness_get("http://127.0.0.1:%d/", server_port(S[0]));
	WAIT_FOR(r[40]->done);
	for (int i = 0; i < 300; i += 7)
		if (!r[i]->done)
			errand_transfer_cancel(r[i]->transfer);
	for (int i = 0; i < 300; i++)
	{
		WAIT_FOR(r[i]->done);
		result_free(r[i]);
	}
	count_conns(&open, &busy);
	assert_int_equal(busy, 0);
	assert_true(open > 0);
	WAIT_FOR(server_connections(S[0]) == open);
}

/* A few behind many of another host do not wait for all of them. */
static void
test_turns(void **state)
{
	static Result *many[500];
	Result *few[4];
	int before;

	(void) state;
	H.config.max_in_flight = 8;
	errand_net_configure(H.net, &H.config);
	for (int i = 0; i < 500; i++)
		many[i] = harness_get("http://127.0.0.1:%d/", server_port(S[0]));
	for (int i = 0; i < 4; i++)
		few[i] = harness_get("http://127.0.0.1:%d/", server_port(S[1]));
	for (int i = 0; i < 4; i++)
		WAIT_FOR(few[i]->done);
	before = H.done;
	assert_true(before < 60);
	for (int i = 0; i < 4; i++)
	{
		expect_ok(few[i], 200);
		result_free(few[i]);
	}
	for (int i = 0; i < 500; i++)
	{
		WAIT_FOR(many[i]->done);
		result_free(many[i]);
	}
}

/* Within a host first come, first served. */
static Result *sequence[100];
static int next_in_sequence;

static void
check_sequence(Result *r)
{
	assert_ptr_equal(r, sequence[next_in_sequence]);
	next_in_sequence++;
}

static void
test_order(void **state)
{
	(void) state;
	H.config.host_max_running = 1;
	errand_net_configure(H.net, &H.config);
	H.on_started = check_sequence;
	next_in_sequence = 0;
	for (int i = 0; i < 100; i++)
		sequence[i] = harness_get("http://127.0.0.1:%d/", server_port(S[0]));
	for (int i = 0; i < 100; i++)
	{
		WAIT_FOR(sequence[i]->done);
		result_free(sequence[i]);
	}
	assert_int_equal(next_in_sequence, 100);
	assert_int_equal(server_accepted(S[0]), 1);
}

/* 20,000 requests: neither memory nor descriptors grow. */
static void
test_nothing_grows(void **state)
{
	long before = 0;
	int sockets = 0;

	(void) state;
	for (int round = 0; round < 2; round++)
	{
		static Result *r[5000];

		for (int part = 0; part < 2; part++)
		{
			for (int i = 0; i < 5000; i++)
				r[i] = harness_get("http://127.0.0.1:%d/%d/%d", server_port(S[i % 4]), round, i);
			for (int i = 0; i < 5000; i++)
			{
				WAIT_FOR(r[i]->done);
				expect_ok(r[i], 200);
				result_free(r[i]);
			}
		}
		if (round == 0)
		{
			before = resident_kb();
			sockets = socket_count();
		}
	}
	assert_true(!memory_counts() || resident_kb() - before < 2048);
	assert_true(socket_count() <= sockets + 8);
}

/* A body counts until its transfer is freed, and not longer. */
static void
test_buffered(void **state)
{
	ErrandRequest q = harness_request("http://127.0.0.1:%d/5m", nginx_port());
	Result *r;

	(void) state;
	q.max_body = 6 * 1024 * 1024;
	r = harness_start(&q);
	WAIT_FOR(errand_net_buffered(H.net) > 1024 * 1024);
	WAIT_FOR(r->done);
	expect_ok(r, 200);
	assert_int_equal(r->r.body_len, 5242880);
	assert_int_equal(errand_net_buffered(H.net), 0);
	result_free(r);
}

/* No descriptors left: those fail by name, the others go on. */
static void
test_no_descriptors(void **state)
{
	struct rlimit before;
	struct rlimit less;
	Result *r[20];
	int next = dup(0);
	int failed = 0;

	(void) state;
	close(next);
	getrlimit(RLIMIT_NOFILE, &before);
	less = before;
	less.rlim_cur = (rlim_t) next + 5;
	setrlimit(RLIMIT_NOFILE, &less);
	for (int i = 0; i < 20; i++)
		r[i] = harness_get("http://127.0.0.1:%d/1k", nginx_port());
	for (int i = 0; i < 20; i++)
	{
		WAIT_FOR(r[i]->done);
		if (r[i]->r.failure == ERRAND_FAIL_NONE)
			continue;
		expect_failure(r[i], ERRAND_FAIL_INTERNAL, "could not open a socket: too many open files");
		assert_false(r[i]->r.bytes_sent);
		failed++;
	}
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(failed, 15);
	for (int i = 0; i < 20; i++)
		result_free(r[i]);
	r[0] = harness_get("http://127.0.0.1:%d/1k", nginx_port());
	WAIT_FOR(r[0]->done);
	expect_ok(r[0], 200);
	result_free(r[0]);
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
		TEST(test_thousand), TEST(test_limits),			TEST(test_connections),
		TEST(test_turns),	 TEST(test_order),			TEST(test_nothing_grows),
		TEST(test_buffered), TEST(test_no_descriptors),
	};

	return cmocka_run_group_tests(tests, open_nginx, close_nginx);
}
