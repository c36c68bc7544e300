/*-------------------------------------------------------------------------
 *
 * bench.c
 *	  What bgworker/net costs beside a plain libcurl loop: the same nginx, the
 *	  same file of 1 KB, the same number in flight, in turn in one run.
 *
 *	raw        handles kept and added again, nothing set, nothing stored
 *	realistic  reset, URL, time-outs, 4 headers, header callback, body, getinfo
 *	net        bgworker/net with 4 headers, an address / a name as host
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#include <curl/curl.h>
#include <sys/resource.h>

#define IN_FLIGHT 64
#define ROUNDS 3

static int total = 40000;

static struct curl_slist lines[4] = {
	{(char *) "Idempotency-Key: \"2f0b2f2c-9d1e-4c7b-8a55-3a1c2b7f9d10\"", &lines[1]},
	{(char *) "X-Task-Id: 123456", &lines[2]},
	{(char *) "X-Task-Attempt: 1", &lines[3]},
	{(char *) "Accept: application/json", NULL},
};

static const ErrandHeaderLine net_lines[4] = {
	{"Idempotency-Key", "\"2f0b2f2c-9d1e-4c7b-8a55-3a1c2b7f9d10\""},
	{"X-Task-Id", "123456"},
	{"X-Task-Attempt", "1"},
	{"Accept", "application/json"},
};

typedef struct Raw
{
	CURLM *multi;
	uv_timer_t timer;
	int sent;
	int done;
	bool realistic;
} Raw;

typedef struct RawSocket
{
	uv_poll_t poll;
	int fd;
} RawSocket;

static Raw R;

static double
cpu_seconds(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double) (u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		   (double) (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static size_t
raw_body(char *data, size_t size, size_t n, void *arg)
{
	ErrandRequest *unused = arg;

	(void) data;
	(void) unused;
	return size * n;
}

typedef struct RawSlot
{
	char body[4096];
	size_t len;
	size_t head;
} RawSlot;

static size_t
store_body(char *data, size_t size, size_t n, void *arg)
{
	RawSlot *s = arg;

	if (s->len + size * n > sizeof(s->body))
		return 0;
	memcpy(s->body + s->len, data, size * n);
	s->len += size * n;
	return size * n;
}

static size_t
store_head(char *data, size_t size, size_t n, void *arg)
{
	RawSlot *s = arg;

	(void) data;
	s->head += size * n;
	return size * n;
}

static void
raw_set(CURL *easy, RawSlot *slot)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/1k", nginx_port());
	slot->len = slot->head = 0;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	if (!R.realistic)
	{
		curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, raw_body);
		return;
	}
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, store_head);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, store_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
}

static void
raw_collect(void)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(R.multi, &left)) != NULL)
	{
		CURL *easy = msg->easy_handle;
		long status = 0;
		RawSlot *slot;

		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &slot);
		if (status != 200 || (R.realistic && slot->len != 1024))
			fail_msg("raw transfer failed: %ld", status);
		if (R.realistic)
		{
			curl_off_t us;

			curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &us);
			curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &us);
			curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &us);
		}
		R.done++;
		curl_multi_remove_handle(R.multi, easy);
		if (R.sent >= total)
			continue;
		R.sent++;
		if (R.realistic)
		{
			curl_easy_reset(easy);
			raw_set(easy, slot);
		}
		curl_multi_add_handle(R.multi, easy);
	}
}

static void
raw_poll(uv_poll_t *poll, int status, int events)
{
	RawSocket *s = poll->data;
	int running;

	(void) status;
	curl_multi_socket_action(R.multi, s->fd,
							 (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
								 (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0),
							 &running);
	raw_collect();
}

static void
raw_closed(uv_handle_t *h)
{
	free(h->data);
}

static int
raw_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socketp)
{
	RawSocket *s = socketp;

	(void) easy;
	(void) arg;
	if (what == CURL_POLL_REMOVE)
	{
		if (s)
		{
			uv_poll_stop(&s->poll);
			uv_close((uv_handle_t *) &s->poll, raw_closed);
			curl_multi_assign(R.multi, fd, NULL);
		}
		return 0;
	}
	if (s == NULL)
	{
		s = calloc(1, sizeof(*s));
		s->fd = fd;
		uv_poll_init(&H.loop, &s->poll, fd);
		s->poll.data = s;
		curl_multi_assign(R.multi, fd, s);
	}
	uv_poll_start(&s->poll,
				  (what & CURL_POLL_IN ? UV_READABLE : 0) |
					  (what & CURL_POLL_OUT ? UV_WRITABLE : 0),
				  raw_poll);
	return 0;
}

static void
raw_tick(uv_timer_t *timer)
{
	int running;

	(void) timer;
	curl_multi_socket_action(R.multi, CURL_SOCKET_TIMEOUT, 0, &running);
	raw_collect();
}

static int
raw_timer(CURLM *multi, long ms, void *arg)
{
	(void) multi;
	(void) arg;
	if (ms < 0)
		uv_timer_stop(&R.timer);
	else
		uv_timer_start(&R.timer, raw_tick, (uint64_t) ms, 0);
	return 0;
}

static void
run_raw(bool realistic)
{
	CURL *easy[IN_FLIGHT];
	static RawSlot slots[IN_FLIGHT];

	memset(&R, 0, sizeof(R));
	R.realistic = realistic;
	uv_loop_init(&H.loop);
	uv_timer_init(&H.loop, &R.timer);
	R.multi = curl_multi_init();
	curl_multi_setopt(R.multi, CURLMOPT_SOCKETFUNCTION, raw_socket);
	curl_multi_setopt(R.multi, CURLMOPT_TIMERFUNCTION, raw_timer);
	curl_multi_setopt(R.multi, CURLMOPT_MAXCONNECTS, (long) IN_FLIGHT + 16);
	for (int i = 0; i < IN_FLIGHT; i++)
	{
		easy[i] = curl_easy_init();
		raw_set(easy[i], &slots[i]);
		R.sent++;
		curl_multi_add_handle(R.multi, easy[i]);
	}
	while (R.done < total)
		uv_run(&H.loop, UV_RUN_ONCE);
	for (int i = 0; i < IN_FLIGHT; i++)
		curl_easy_cleanup(easy[i]);
	curl_multi_cleanup(R.multi);
	uv_close((uv_handle_t *) &R.timer, NULL);
	uv_run(&H.loop, UV_RUN_DEFAULT);
	uv_loop_close(&H.loop);
}

static int sent;
static int finished;
static const char *host;
static int extra; /* "?n" makes every URL another one */

static void
net_start(void)
{
	ErrandRequest r = {0};
	static char url[512][64];
	char *u = url[sent % 512];

	if (extra)
		snprintf(u, 64, "http://%s:%d/1k?%d", host, nginx_port(), sent);
	else
		snprintf(u, 64, "http://%s:%d/1k", host, nginx_port());
	r.url = u;
	r.method = "GET";
	r.headers = net_lines;
	r.n_headers = 4;
	r.timeout_ms = 30000;
	r.connect_timeout_ms = 10000;
	r.max_body = 1024 * 1024;
	sent++;
	errand_transfer_start(H.net, &r);
}

static void
net_started(void *owner)
{
	(void) owner;
}

static void
net_done(void *owner, ErrandTransfer *t, const ErrandResponse *r)
{
	(void) owner;
	if (r->status != 200 || r->body_len != 1024)
		fail_msg("transfer failed: %s", r->error);
	finished++;
	errand_transfer_free(t);
	if (sent < total)
		net_start();
}

static void
run_net(void)
{
	const char *why;

	memset(&H, 0, sizeof(H));
	uv_loop_init(&H.loop);
	H.config.n_allow = errand_policy_parse("127.0.0.0/8", H.allow, 8, NULL, NULL);
	H.config.allow = H.allow;
	H.config.max_in_flight = H.config.host_max_running = IN_FLIGHT;
	H.config.user_agent = "pg_errand/1";
	H.config.dns_servers = "";
	H.net = errand_net_create(&H.loop, &H.config, net_started, net_done, &why);
	sent = finished = 0;
	for (int i = 0; i < 2 * IN_FLIGHT; i++)
		net_start();
	while (finished < total)
		harness_turn();
	errand_net_destroy(H.net);
	uv_run(&H.loop, UV_RUN_DEFAULT);
	uv_loop_close(&H.loop);
}

static void
run_kind(int kind)
{
	host = kind == 3 ? "localhost" : "127.0.0.1";
	extra = kind == 4;
	if (kind < 2)
		run_raw(kind == 1);
	else
		run_net();
}

int
main(int argc, char **argv)
{
	static const char *const names[] = {"raw", "realistic", "net", "net, by name",
										"net, own URL each"};
	double cpu[5] = {0};
	double wall[5] = {0};

	if (argc > 1)
		total = atoi(argv[1]);
	nginx_open();
	for (int round = 0; round < ROUNDS; round++)
		for (int kind = 0; kind < 5; kind++)
		{
			double c = cpu_seconds();
			int64_t w = harness_now_us();

			if (argc > 2 && kind != atoi(argv[2]))
				continue;
			run_kind(kind);
			c = cpu_seconds() - c;
			w = harness_now_us() - w;
			if (cpu[kind] == 0 || c < cpu[kind])
				cpu[kind] = c;
			if (wall[kind] == 0 || (double) w / 1e6 < wall[kind])
				wall[kind] = (double) w / 1e6;
		}
	printf("%d requests, %d in flight, best of %d\n", total, IN_FLIGHT, ROUNDS);
	for (int kind = 0; kind < 5; kind++)
		if (cpu[kind] > 0)
			printf("%-18s %7.0f req/s  %5.1f us CPU  %4.2f of realistic\n", names[kind],
				   total / wall[kind], cpu[kind] * 1e6 / total,
				   cpu[1] > 0 ? cpu[kind] / cpu[1] : 0.0);
	nginx_close();
	return 0;
}
