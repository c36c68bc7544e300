/*
 * test_memory.c
 *	  The n-th allocation fails, for every n: of our own, c-ares's and libuv's,
 *	  then of curl's.  Each time every transfer ends, or was never taken;
 *	  nothing crashes, nothing is left (the sanitizer looks at the end), and the
 *	  next one works.
 *
 * libcurl 7.88 itself divides by zero after some failures of its own: its
 * trials are processes of their own, and what falls in curl is counted apart.
 */
#include "harness.h"

#include <ares.h>
#include <curl/curl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRANSFERS 4
#define MANY 100000 /* more than are ever made */

typedef enum Whose
{
	OURS,
	CURLS
} Whose;

static Whose aim;
static long left = -1; /* allocations until the one that fails; -1: none does */
static long failed;

/* The linker sends what our objects allocate to these (--wrap). */
extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t n, size_t size);
extern void *__real_realloc(void *p, size_t size);
extern char *__real_strdup(const char *s);
extern void *__wrap_malloc(size_t size);
extern void *__wrap_calloc(size_t n, size_t size);
extern void *__wrap_realloc(void *p, size_t size);
extern char *__wrap_strdup(const char *s);

static bool
fails(Whose whose)
{
	if (whose != aim || left < 0 || --left > 0)
		return false;
	left = -1;
	failed++;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return fails(OURS) ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails(OURS) ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails(OURS) ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails(OURS) ? NULL : __real_strdup(s);
}

static void *
curl_malloc(size_t size)
{
	return fails(CURLS) ? NULL : __real_malloc(size);
}

static void *
curl_calloc(size_t n, size_t size)
{
	return fails(CURLS) ? NULL : __real_calloc(n, size);
}

static void *
curl_realloc(void *p, size_t size)
{
	return fails(CURLS) ? NULL : __real_realloc(p, size);
}

static char *
curl_strdup(const char *s)
{
	return fails(CURLS) ? NULL : __real_strdup(s);
}

static int done[TRANSFERS];
static int answered; /* with a status */

static void
on_started(void *owner)
{
	(void) owner;
}

static void
on_done(void *owner, ErrandTransfer *t, const ErrandResponse *r)
{
	int *mine = owner;

	++*mine;
	assert_true(r->failure != ERRAND_FAIL_NONE || r->status >= 200);
	answered += r->failure == ERRAND_FAIL_NONE;
	errand_transfer_free(t);
}

static void
turn(uv_loop_t *loop)
{
	uv_update_time(loop);
	uv_run(loop, UV_RUN_NOWAIT);
}

/* A plain request, one with a body, one that is redirected, one by a name. */
static int
start_all(ErrandNet *net, ErrandTransfer **t)
{
	static const char *const paths[TRANSFERS] = {"http://127.0.0.1:%d/1k", "http://127.0.0.1:%d/1k",
												 "http://127.0.0.1:%d/down",
												 "http://nobody.test:%d/"};
	static char urls[TRANSFERS][80];
	static const ErrandHeaderLine header = {"X-A", "b", false};
	int started = 0;

	for (int i = 0; i < TRANSFERS; i++)
	{
		ErrandRequest r = {.method = i == 1 ? "POST" : "GET",
						   .headers = &header,
						   .n_headers = 1,
						   .body = "hello",
						   .body_len = 5,
						   .has_body = i == 1,
						   .timeout_ms = 1500,
						   .connect_timeout_ms = 1000,
						   .max_body = 100000,
						   .follow_redirects = 3,
						   .owner = &done[i]};

		snprintf(urls[i], sizeof(urls[i]), paths[i], nginx_port());
		r.url = urls[i];
		done[i] = 0;
		t[i] = errand_transfer_start(net, &r);
		started += t[i] != NULL;
	}
	return started;
}

/* One life of a network; returns whether an allocation failed in it. */
static bool
live(long n)
{
	uv_loop_t loop;
	ErrandCidr allow[1];
	ErrandNetConfig c = {.max_in_flight = 10,
						 .host_max_running = 10,
						 .allow = allow,
						 .n_allow = 1,
						 .user_agent = "x",
						 .dns_servers = "127.0.0.1:1",
						 .dns_timeout_ms = 200};
	ErrandTransfer *t[TRANSFERS];
	ErrandNet *net;
	const char *why = NULL;
	long before = failed;

	assert_int_equal(errand_policy_parse("127.0.0.1/32", allow, 1, NULL, NULL), 1);
	assert_int_equal(uv_loop_init(&loop), 0);
	left = n;
	net = errand_net_create(&loop, &c, on_started, on_done, &why);
	if (net != NULL)
	{
		int64_t limit = harness_now_us() + 5000000;
		int started = start_all(net, t), over = 0;

		while (over < started)
		{
			turn(&loop);
			over = 0;
			for (int i = 0; i < TRANSFERS; i++)
			{
				assert_true(done[i] <= (t[i] != NULL));
				over += done[i];
			}
			assert_true(harness_now_us() < limit);
		}
		assert_int_equal(errand_net_running(net), 0);
		assert_int_equal(errand_net_buffered(net), 0);
		errand_net_destroy(net);
	}
	else
		assert_non_null(why);
	left = -1;
	for (int i = 0; i < 1000 && uv_loop_alive(&loop); i++)
		turn(&loop);
	assert_int_equal(uv_loop_close(&loop), 0);
	return failed > before;
}

static void
test_ours(void **state)
{
	long n = 1;

	(void) state;
	aim = OURS;
	assert_false(live(MANY));
	assert_int_equal(answered, TRANSFERS - 1);
	while (live(n))
	{
		n++;
		if (n % 20 == 0)
			assert_false(live(MANY));
	}
	print_message("%ld allocations failed, one after another\n", failed);
	assert_true(failed > 30);
}

/* What became of a trial in a process of its own: 0, 1 nothing failed, or a signal. */
static int
live_apart(long n)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		bool any;

		/* a fall is to be seen as what it is, not as a failed test */
		signal(SIGFPE, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		alarm(20);
		any = live(n);
		if (any && n % 20 == 0)
			assert_false(live(MANY));
		_exit(any ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void
test_curls(void **state)
{
	int fallen = 0, how;
	long n = 0;

	(void) state;
	aim = CURLS;
	while ((how = live_apart(++n)) != 1)
	{
		/* a hang would be ours: SIGALRM, or a limit that was passed */
		assert_true(how == 0 || how == SIGFPE);
		fallen += how == SIGFPE;
	}
	print_message("%ld allocations of curl failed; after %d of them curl fell by itself\n", n - 1,
				  fallen);
	assert_true(n > 150 && fallen < n / 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ours), cmocka_unit_test(test_curls)};
	int result;

	signal(SIGPIPE, SIG_IGN);
	curl_global_init_mem(CURL_GLOBAL_ALL, curl_malloc, free, curl_realloc, curl_strdup,
						 curl_calloc);
	ares_library_init_mem(ARES_LIB_INIT_ALL, __wrap_malloc, free, __wrap_realloc);
	/* libuv calls abort() where its table of descriptors cannot grow: not to be helped */
	uv_replace_allocator(__wrap_malloc, __real_realloc, __wrap_calloc, free);
	nginx_open();
	result = cmocka_run_group_tests(tests, NULL, NULL);
	nginx_close();
	return result;
}
