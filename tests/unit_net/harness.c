/*-------------------------------------------------------------------------
 *
 * harness.c
 *	  The loop, the net and the results for the tests of bgworker/net.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

Harness H;

#ifndef __SANITIZE_ADDRESS__ /* which has its own */
/* Nobody in this process may ever start a thread, libcurl and libuv included. */
int
pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*routine)(void *), void *arg)
{
	(void) thread;
	(void) attr;
	(void) routine;
	(void) arg;
	fputs("somebody started a thread\n", stderr);
	abort();
}
#endif

int64_t
harness_now_us(void)
{
	return (int64_t) (uv_hrtime() / 1000);
}

/* Just as the worker does it: sleep on the descriptor, then turn. */
void
harness_turn(void)
{
	struct pollfd p = {uv_backend_fd(&H.loop), POLLIN, 0};
	int ms = uv_backend_timeout(&H.loop);

	if (ms < 0 || ms > 1000)
		ms = 1000;
	poll(&p, 1, ms);
	uv_update_time(&H.loop);
	uv_run(&H.loop, UV_RUN_NOWAIT);
}

static void
on_started(void *owner)
{
	Result *r = owner;

	r->started++;
	if (H.on_started)
		H.on_started(r);
}

static char *
copy(const char *data, size_t len)
{
	char *c = malloc(len + 1);

	memcpy(c, data, len);
	c[len] = '\0';
	return c;
}

static void
on_done(void *owner, ErrandTransfer *t, const ErrandResponse *response)
{
	Result *r = owner;

	H.done++;
	r->done++;
	r->done_us = harness_now_us();
	r->r = *response;
	r->r.head = r->head = copy(response->head, response->head_len);
	r->r.body = r->body = copy(response->body, response->body_len);
	if (response->content_type)
		r->r.content_type = r->content_type = copy(response->content_type,
												   strlen(response->content_type));
	if (H.on_done)
		H.on_done(r);
	errand_transfer_free(t);
	r->transfer = NULL;
}

static void
fill_config(const char *allow)
{
	H.config.n_allow = errand_policy_parse(allow, H.allow, 8, NULL, NULL);
	assert_true(H.config.n_allow >= 0);
	H.config.allow = H.allow;
}

void
harness_open_with(const char *allow, int in_flight, int per_host, const char *dns_servers,
				  int dns_ms)
{
	const char *why;

	signal(SIGPIPE, SIG_IGN); /* as in every process of PostgreSQL's */
	memset(&H, 0, sizeof(H));
	assert_int_equal(uv_loop_init(&H.loop), 0);
	fill_config(allow);
	H.config.max_in_flight = in_flight;
	H.config.host_max_running = per_host;
	H.config.user_agent = "errand-test/1";
	H.config.dns_servers = dns_servers;
	H.config.dns_timeout_ms = dns_ms;
	H.net = errand_net_create(&H.loop, &H.config, on_started, on_done, &why);
	if (H.net == NULL)
		fail_msg("errand_net_create: %s", why);
}

void
harness_open(void)
{
	/* nothing listens there: no question ever leaves the machine */
	harness_open_with("127.0.0.1/32,::1/128", 64, 32, "127.0.0.1:1", 2000);
}

void
harness_reconfigure(const char *allow)
{
	fill_config(allow);
	errand_net_configure(H.net, &H.config);
}

void
harness_close(void)
{
	errand_net_destroy(H.net);
	harness_close_loop();
}

void
harness_close_loop(void)
{
	WAIT_FOR(!uv_loop_alive(&H.loop));
	if (uv_loop_close(&H.loop) != 0)
	{
		uv_print_all_handles(&H.loop, stderr);
		fail_msg("a handle was left open");
	}
}

static char urls[64][10000]; /* requests point to their URL */
static int next_url;

ErrandRequest
harness_request(const char *format, ...)
{
	ErrandRequest r;
	char *url = urls[next_url++ % 64];
	va_list args;

	va_start(args, format);
	vsnprintf(url, sizeof(urls[0]), format, args);
	va_end(args);
	memset(&r, 0, sizeof(r));
	r.url = url;
	r.method = "GET";
	r.timeout_ms = 40000;
	r.connect_timeout_ms = 30000;
	r.max_body = 1024 * 1024;
	return r;
}

Result *
harness_start(const ErrandRequest *request)
{
	Result *r = calloc(1, sizeof(Result));
	ErrandRequest q = *request;

	q.owner = r;
	r->transfer = errand_transfer_start(H.net, &q);
	assert_non_null(r->transfer);
	assert_int_equal(r->done, 0); /* never from inside start */
	return r;
}

Result *
harness_get(const char *format, ...)
{
	ErrandRequest r = harness_request("%s", "");
	char *url = urls[next_url++ % 64];
	va_list args;

	va_start(args, format);
	vsnprintf(url, sizeof(urls[0]), format, args);
	va_end(args);
	r.url = url;
	return harness_start(&r);
}

Result *
harness_run(const ErrandRequest *request)
{
	Result *r = harness_start(request);

	WAIT_FOR(r->done);
	return r;
}

void
result_free(Result *r)
{
	assert_int_equal(r->done, 1);
	free(r->head);
	free(r->body);
	free(r->content_type);
	free(r);
}

void
expect_failure(const Result *r, ErrandFailure failure, const char *text)
{
	assert_int_equal(r->done, 1);
	if (r->r.failure != failure || strstr(r->r.error, text) == NULL)
		fail_msg("expected failure %d with \"%s\", got %d, status %d, \"%s\"", failure, text,
				 r->r.failure, r->r.status, r->r.error);
}

void
expect_ok(const Result *r, int status)
{
	assert_int_equal(r->done, 1);
	if (r->r.failure != ERRAND_FAIL_NONE || r->r.status != status)
		fail_msg("expected status %d, got %d, failure %d, \"%s\"", status, r->r.status,
				 r->r.failure, r->r.error);
	assert_string_equal(r->r.error, "");
	assert_int_equal(r->started, 1);
}

/* Nothing left behind. */
void
expect_idle(void)
{
	assert_int_equal(errand_net_running(H.net), 0);
	assert_int_equal(errand_net_queued(H.net), 0);
	assert_int_equal(errand_net_resolving(H.net), 0);
	assert_int_equal(errand_net_buffered(H.net), 0);
}

static int
count_entries(const char *path, const char *prefix)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
	{
		char link[300];
		char target[300];
		ssize_t len;

		if (e->d_name[0] == '.')
			continue;
		snprintf(link, sizeof(link), "%s/%s", path, e->d_name);
		len = prefix ? readlink(link, target, sizeof(target) - 1) : 0;
		if (prefix == NULL || (len > 0 && strncmp(target, prefix, strlen(prefix)) == 0))
			n++;
	}
	closedir(d);
	return n;
}

int
thread_count(void)
{
	return count_entries("/proc/self/task", NULL);
}

int
socket_count(void)
{
	return count_entries("/proc/self/fd", "socket:");
}

/* Under the sanitizers and valgrind the size of the process says nothing. */
bool
memory_counts(void)
{
#ifdef __SANITIZE_ADDRESS__
	return false;
#else
	return getenv("UNDER_VALGRIND") == NULL;
#endif
}

long
resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long total = 0;
	long resident = 0;

	assert_int_equal(fscanf(f, "%ld %ld", &total, &resident), 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void
raise_interface(const char *name, const char *address)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq req;
	struct sockaddr_in *sa = (struct sockaddr_in *) &req.ifr_addr;

	memset(&req, 0, sizeof(req));
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (address != NULL)
	{
		sa->sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, address, &sa->sin_addr), 1);
		assert_int_equal(ioctl(fd, SIOCSIFADDR, &req), 0);
	}
	memset(&req.ifr_ifru, 0, sizeof(req.ifr_ifru));
	req.ifr_flags = IFF_UP | IFF_RUNNING;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &req), 0);
	close(fd);
}

/* Leave the machine's network: only what own_address() adds can be reached. */
bool
own_network(void)
{
	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	raise_interface("lo", NULL);
	return true;
}

void
own_address(const char *address)
{
	static int n;
	char name[16];

	snprintf(name, sizeof(name), "lo:%d", ++n);
	raise_interface(name, address);
}

int
free_port(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *) &sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}
