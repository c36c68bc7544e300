/*
 * http_pages_send.c
 *		Asks for the next page, at once or after a while.
 *
 * Runs in worker processes.  Each page is a transfer of its own, checked like
 * the first.  Only the timer's callback comes from libuv: it starts a transfer,
 * or records that it could not.  Credentials must never go to another host than
 * the first.
 */
#include "postgres.h"

#include "core/header.h"
#include "kinds/http_cookies.h"
#include "kinds/http_pages.h"

static ErrandNet *net = NULL;
static uv_timer_t timer;
static dlist_head waiting = DLIST_STATIC_INIT(waiting);

static int64
now_us(void)
{
	return uv_hrtime() / 1000;
}

void
errand_http_pages_init(uv_loop_t *loop, ErrandNet *its_net)
{
	net = its_net;
	uv_timer_init(loop, &timer);
}

/* The next URL, checked and resolved; NULL at the end, or with the run failed. */
char *
errand_page_follow(HttpPages *p, const char *next)
{
	ErrandRun *run = p->run;
	char error[256] = "";
	bool same_host = false;
	char *text;
	char *url;

	text = errand_net_follow(net, p->first, p->work->url ? p->work->url : p->first, next,
							 strlen(next), &same_host, error, sizeof(error));
	if (text == NULL)
	{
		run->failure = ERRAND_FAIL_REDIRECT;
		run->error = psprintf("page %d: %s", p->n + 1, error);
		return NULL;
	}
	p->left_host |= !same_host;
	url = pstrdup(text);
	free(text);
	return url;
}

/* The headers of the first page, less credentials elsewhere, with the jar's cookies. */
static void
build_headers(HttpPages *p, const char *url)
{
	ErrandHeaderLine *lines = palloc(sizeof(ErrandHeaderLine) * (p->n_lines + 1));
	char *cookies = errand_cookies_for(p->jar, url, p->left_host ? NULL : p->cookies);
	int n = 0;

	for (int i = 0; i < p->n_lines; i++)
	{
		const char *name = p->lines[i].name;

		if (pg_strcasecmp(name, "cookie") == 0 ||
			(p->left_host &&
			 (p->lines[i].credential || errand_header_is_credential(name, strlen(name)))))
			continue;
		lines[n++] = p->lines[i];
	}
	if (cookies != NULL)
		lines[n++] = (ErrandHeaderLine){"Cookie", cookies, false};
	p->work->request.headers = lines;
	p->work->request.n_headers = n;
}

static bool
start_transfer(HttpPages *p)
{
	HttpWork *work = p->work;

	work->transfer = errand_transfer_start(net, &work->request);
	work->over = work->transfer == NULL;
	if (work->transfer != NULL)
		return true;
	p->run->failure = ERRAND_FAIL_INTERNAL;
	p->run->error = "out of memory";
	return false;
}

static void on_timer(uv_timer_t *its_timer);

/* Sleep until the first that waits is due. */
static void
set_timer(void)
{
	int64 first = INT64_MAX;
	dlist_iter it;

	dlist_foreach (it, &waiting)
		first = Min(first, dlist_container(HttpPages, node, it.cur)->due_us);
	if (first == INT64_MAX)
		uv_timer_stop(&timer);
	else
		uv_timer_start(&timer, on_timer, (uint64_t) (Max(0, first - now_us()) + 999) / 1000, 0);
}

static void
stop_waiting(HttpPages *p)
{
	dlist_delete(&p->node);
	p->waits = false;
	set_timer();
}

static void
on_timer(uv_timer_t *its_timer)
{
	int64 now = now_us();
	dlist_mutable_iter it;

	dlist_foreach_modify (it, &waiting)
	{
		HttpPages *p = dlist_container(HttpPages, node, it.cur);

		if (p->due_us > now)
			continue;
		dlist_delete(&p->node);
		p->waits = false;
		if (!start_transfer(p))
			errand_run_over(p->run);
	}
	set_timer();
}

/* Nothing of the last answer is needed any more. */
static void
drop_answer(HttpPages *p)
{
	ErrandRun *run = p->run;

	errand_transfer_free(p->work->transfer);
	p->work->transfer = NULL;
	p->work->over = false;
	run->head = run->body = run->content_type = NULL;
	run->head_len = run->body_len = 0;
	run->has_body = false;
	run->status = 0;
}

bool
errand_page_begin(HttpPages *p, char *url)
{
	ErrandRequest *q = &p->work->request;
	int64 due = now_us() + p->how.delay_ms * 1000;
	int64 left_ms = (p->work->started_us + p->run->timeout_ms * INT64CONST(1000) - due) / 1000;

	if (left_ms <= 0)
	{
		p->run->failure = ERRAND_FAIL_TIMEOUT;
		p->run->timed_out = true;
		p->run->error = psprintf("page %d: the time for all pages is over", p->n + 1);
		return false;
	}
	build_headers(p, url);
	drop_answer(p);
	p->seen = lappend(p->seen, url);
	q->url = url;
	q->max_body = p->cap - p->bytes;
	q->timeout_ms = Min(q->timeout_ms, left_ms);
	if (p->how.delay_ms == 0)
		return start_transfer(p);
	p->due_us = due;
	p->waits = true;
	dlist_push_tail(&waiting, &p->node);
	set_timer();
	return true;
}

bool
errand_http_pages_cancel(ErrandRun *run, HttpWork *work)
{
	if (work->pages == NULL || !work->pages->waits)
		return false;
	stop_waiting(work->pages);
	work->over = true;
	run->failure = ERRAND_FAIL_CANCELLED;
	errand_run_over(run);
	return true;
}

void
errand_http_pages_release(HttpWork *work)
{
	if (work->pages != NULL && work->pages->waits)
		stop_waiting(work->pages);
}
