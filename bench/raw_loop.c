/*
 * raw_loop.c
 *		The bar: what libcurl does alone with the options a task runner needs.
 *
 *	raw_loop URL REQUESTS CONCURRENCY
 *
 * One process, one epoll loop, one multi handle; nothing is stored.  Each
 * request is a reset handle with a URL, an idempotency key and time-outs of
 * its own, four headers, callbacks for socket, head and body, and its times
 * are asked for at the end.  Prints "req/s microseconds-of-CPU-a-request".
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADERS 4
#define EVENTS_A_ROUND 256

/* A place in flight: its handle, and the memory its request and answer live in. */
typedef struct Slot
{
	CURL *easy;
	struct curl_slist lines[HEADERS];
	char text[HEADERS][96];
	char url[2048];
	char error[CURL_ERROR_SIZE];
	size_t head_len;
	size_t body_len;
	char head[8192];
	char body[16384];
} Slot;

static CURLM *multi;
static int epoll_fd;
static int64_t timer_due = -1; /* microseconds, monotonic; -1 for none */
static const char *base_url;
static long total;
static long started;
static long done;
static int64_t total_us; /* so that what curl measured is used for something */

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static double
cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
		   (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "raw_loop: %s: %s\n", what, why);
	exit(1);
}

/* ---- what curl calls ---- */

static size_t
keep(char *to, size_t *len, size_t size, const char *data, size_t bytes)
{
	if (*len + bytes > size)
		return 0;
	memcpy(to + *len, data, bytes);
	*len += bytes;
	return bytes;
}

static size_t
on_head(char *data, size_t size, size_t count, void *arg)
{
	Slot *slot = arg;

	return keep(slot->head, &slot->head_len, sizeof(slot->head), data, size * count);
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	Slot *slot = arg;

	return keep(slot->body, &slot->body_len, sizeof(slot->body), data, size * count);
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void) arg;
	(void) purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The private pointer of a socket only says that epoll knows it. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct epoll_event event = {.data.fd = fd};

	(void) easy;
	(void) arg;
	if (what == CURL_POLL_REMOVE)
	{
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		curl_multi_assign(multi, fd, NULL);
		return 0;
	}
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	epoll_ctl(epoll_fd, known != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
	if (known == NULL)
		curl_multi_assign(multi, fd, &epoll_fd);
	return 0;
}

static int
on_timer(CURLM *handle, long ms, void *arg)
{
	(void) handle;
	(void) arg;
	timer_due = ms < 0 ? -1 : now_us() + ms * 1000;
	return 0;
}

/* ---- requests ---- */

static void
set_headers(Slot *slot)
{
	snprintf(slot->text[0], sizeof(slot->text[0]),
			 "Idempotency-Key: \"2f0b2f2c-9d1e-4c7b-8a55-%012ld\"", started);
	snprintf(slot->text[1], sizeof(slot->text[1]), "X-Errand-Task: %ld", started);
	snprintf(slot->text[2], sizeof(slot->text[2]), "X-Errand-Attempt: 1");
	snprintf(slot->text[3], sizeof(slot->text[3]), "Accept: application/json");
	for (int i = 0; i < HEADERS; i++)
	{
		slot->lines[i].data = slot->text[i];
		slot->lines[i].next = i + 1 < HEADERS ? &slot->lines[i + 1] : NULL;
	}
}

static void
start(Slot *slot)
{
	CURL *easy = slot->easy;

	snprintf(slot->url, sizeof(slot->url), "%s?n=%ld", base_url, started);
	set_headers(slot);
	slot->head_len = slot->body_len = 0;
	curl_easy_reset(easy);
	curl_easy_setopt(easy, CURLOPT_URL, slot->url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30000L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10000L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->error);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot->lines);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "raw_loop/1");
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
	started++;
	if (curl_multi_add_handle(multi, easy) != CURLM_OK)
		fail(slot->url, "cannot be added");
}

static void
finish(Slot *slot, CURLcode code)
{
	static const CURLINFO times[] = {CURLINFO_NAMELOOKUP_TIME_T,	CURLINFO_CONNECT_TIME_T,
									 CURLINFO_APPCONNECT_TIME_T,	CURLINFO_PRETRANSFER_TIME_T,
									 CURLINFO_STARTTRANSFER_TIME_T, CURLINFO_TOTAL_TIME_T};
	long status = 0;
	char *type = NULL;
	curl_off_t us = 0;

	if (code != CURLE_OK)
		fail(slot->url, slot->error);
	curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(slot->easy, CURLINFO_CONTENT_TYPE, &type);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		curl_easy_getinfo(slot->easy, times[i], &us);
	if (status != 200 || slot->body_len == 0 || type == NULL)
		fail(slot->url, "not the answer that was expected");
	total_us += us;
	done++;
}

static void
collect(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		Slot *slot;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &slot);
		finish(slot, code);
		curl_multi_remove_handle(multi, easy);
		if (started < total)
			start(slot);
	}
}

/* ---- the loop ---- */

static void
turn(void)
{
	struct epoll_event events[EVENTS_A_ROUND];
	int64_t left_us = timer_due < 0 ? 1000000 : timer_due - now_us();
	int running;
	int count;

	count = epoll_wait(epoll_fd, events, EVENTS_A_ROUND,
					   left_us <= 0 ? 0 : (int) ((left_us + 999) / 1000));
	for (int i = 0; i < count; i++)
		curl_multi_socket_action(multi, events[i].data.fd,
								 (events[i].events & ~(uint32_t) EPOLLOUT ? CURL_CSELECT_IN : 0) |
									 (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0),
								 &running);
	if (timer_due >= 0 && timer_due <= now_us())
	{
		timer_due = -1;
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	collect();
}

static void
set_up(Slot *slots, long concurrency)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	multi = curl_multi_init();
	if (epoll_fd < 0 || multi == NULL)
		fail("start", "no epoll or no multi handle");
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	/* fewer than there are in flight, and each would be opened anew */
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, concurrency + 16);
	for (long i = 0; i < concurrency; i++)
	{
		slots[i].easy = curl_easy_init();
		if (slots[i].easy == NULL)
			fail("start", "out of memory");
	}
}

int
main(int argc, char **argv)
{
	long concurrency = argc == 4 ? atol(argv[3]) : 0;
	Slot *slots;
	int64_t began;
	double cpu;

	if (argc != 4 || (total = atol(argv[2])) < 1 || concurrency < 1)
		fail("usage", "raw_loop URL REQUESTS CONCURRENCY");
	base_url = argv[1];
	slots = calloc((size_t) concurrency, sizeof(Slot));
	if (slots == NULL)
		fail("start", "out of memory");
	set_up(slots, concurrency);
	began = now_us();
	cpu = cpu_us();
	for (long i = 0; i < concurrency && started < total; i++)
		start(&slots[i]);
	while (done < total)
		turn();
	cpu = cpu_us() - cpu;
	printf("%.0f %.2f\n", (double) total * 1e6 / (double) (now_us() - began), cpu / (double) total);
	for (long i = 0; i < concurrency; i++)
		curl_easy_cleanup(slots[i].easy);
	curl_multi_cleanup(multi);
	free(slots);
	return total_us > 0 ? 0 : 1;
}
