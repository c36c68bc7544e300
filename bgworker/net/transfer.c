/*-------------------------------------------------------------------------
 *
 * transfer.c
 *	  One transfer's way from start to done.
 *
 * Runs in the errand worker.  Functions here are called by the owner (start,
 * cancel), by net.c's turn, and by libuv for the deadline; none of them
 * by curl.  None calls the owner back but errand_transfer_begin, which says
 * "started" and must expect to find the transfer cancelled afterwards.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "core/header.h"
#include "net/internal.h"

/* How long this transfer may go on, in ms, rounded up; 0: it is over. */
int
errand_transfer_timeout_left_ms(const ErrandTransfer *t)
{
	int64_t left = t->deadline_us - errand_now_us();

	return left <= 0 ? 0 : (int) ((left + 999) / 1000);
}

static void
on_deadline(uv_timer_t *timer)
{
	ErrandTransfer *t = timer->data;
	char span[32];

	if (errand_transfer_timeout_left_ms(t) > 0)
	{
		uv_timer_start(timer, on_deadline, (uint64_t) errand_transfer_timeout_left_ms(t), 0);
		return;
	}
	errand_net_format_ms(span, sizeof(span), t->req.timeout_ms);
	if (t->state == ERRAND_T_RESOLVING)
		errand_net_fail(t, ERRAND_FAIL_TIMEOUT, "could not look up %s within %s", t->host->name,
						span);
	else
		errand_net_fail(t, ERRAND_FAIL_TIMEOUT, "no answer within %s", span);
	errand_transfer_finish(t);
}

/* Curl watches the time of what it has; we of the others. */
static void
watch_deadline(ErrandTransfer *t)
{
	int left = errand_transfer_timeout_left_ms(t);

	if (!uv_is_active((uv_handle_t *) &t->timer))
		uv_timer_start(&t->timer, on_deadline, (uint64_t) (left > 0 ? left : 1), 0);
}

/* What can never be sent is refused here; headers when they are put together. */
static bool
accept_request(ErrandTransfer *t)
{
	ErrandNet *n = t->net;
	const char *method = t->req.method;

	t->url = errand_neturl_get(n, t->req.url, t->req.has_secrets, t->resp.error,
							   sizeof(t->resp.error));
	if (t->url == NULL)
		t->resp.failure = ERRAND_FAIL_BAD_REQUEST;
	else if (!errand_is_token(method, strlen(method)))
		errand_net_fail(t, ERRAND_FAIL_BAD_REQUEST, "the method is not a token");
	else if (t->req.has_body && strcmp(method, "HEAD") == 0)
		errand_net_fail(t, ERRAND_FAIL_BAD_REQUEST, "a HEAD request cannot have a body");
	return t->resp.failure == ERRAND_FAIL_NONE;
}

ErrandTransfer *
errand_transfer_start(ErrandNet *n, const ErrandRequest *r)
{
	ErrandTransfer *t = errand_transfer_make(n, r);
	ErrandHost *h;

	if (t == NULL)
		return NULL;
	if (!accept_request(t))
	{
		errand_transfer_finish(t);
		return t;
	}
	h = errand_nethost_get(n, t->url);
	if (h == NULL)
	{
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "out of memory");
		errand_transfer_finish(t);
		return t;
	}
	errand_nethost_enqueue(h, t, false);
	return t;
}

/* It is this transfer's turn: take a place and go on. */
void
errand_transfer_begin(ErrandTransfer *t)
{
	errand_nethost_take_place(t);
	t->state = ERRAND_T_STARTING;
	t->hop_us = errand_now_us();
	if (!t->announced)
	{
		t->announced = true;
		t->resp.started_us = t->hop_us;
		t->deadline_us = t->hop_us + t->req.timeout_ms * 1000;
		t->net->started(t->req.owner);
		if (t->state != ERRAND_T_STARTING)
			return; /* its owner changed its mind */
	}
	errand_transfer_hop(t);
}

/* Find the addresses of this hop, then go into curl if there is room. */
void
errand_transfer_hop(ErrandTransfer *t)
{
	ErrandNet *n = t->net;

	if (t->state == ERRAND_T_RESOLVING)
		n->resolving--;
	t->state = ERRAND_T_STARTING;
	switch (errand_pins_find(t))
	{
		case ERRAND_PIN_WAIT:
			t->state = ERRAND_T_RESOLVING;
			n->resolving++;
			watch_deadline(t);
			break;
		case ERRAND_PIN_FAILED:
			errand_transfer_finish(t);
			break;
		case ERRAND_PIN_READY:
			if (n->in_curl < n->max_in_flight)
			{
				errand_transfer_run(t);
				break;
			}
			t->state = ERRAND_T_WAITING;
			errand_list_push(&n->waiting, &t->link);
			watch_deadline(t);
			break;
	}
}

/* Hand it to curl. */
void
errand_transfer_run(ErrandTransfer *t)
{
	ErrandNet *n = t->net;

	uv_timer_stop(&t->timer);
	if (!errand_transfer_prepare(t))
	{
		errand_transfer_finish(t);
		return;
	}
	if (curl_multi_add_handle(n->multi, t->easy) != CURLM_OK)
	{
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "curl did not take the request");
		errand_transfer_finish(t);
		return;
	}
	t->state = ERRAND_T_RUNNING;
	n->in_curl++;
	if (!t->fresh)
		errand_nethost_busy(t);
}

/* Take it out of curl and its handle back; nothing of it is used any more. */
void
errand_transfer_leave_curl(ErrandTransfer *t)
{
	ErrandNet *n = t->net;

	if (t->state == ERRAND_T_RUNNING)
	{
		curl_multi_remove_handle(n->multi, t->easy);
		n->in_curl--;
		errand_nethost_unbusy(t);
		t->state = ERRAND_T_STARTING;
	}
	if (t->easy != NULL)
		n->easy[n->n_easy++] = t->easy;
	t->easy = NULL;
	errand_pins_release(t->pins);
	errand_netproxy_release(t->proxy);
	t->pins = NULL;
	t->proxy = NULL;
}

/*
 * A redirect leads on to t->url.  To another host it queues first, since it
 * has started already; its deadline goes on.
 */
static void
next_hop(ErrandTransfer *t)
{
	ErrandHost *h = errand_nethost_get(t->net, t->url);

	errand_receive_reset(t);
	if (h == NULL)
	{
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "out of memory");
		errand_transfer_finish(t);
	}
	else if (h == t->host)
	{
		t->hop_us = errand_now_us();
		errand_transfer_hop(t);
	}
	else
	{
		errand_nethost_leave(t);
		errand_nethost_enqueue(h, t, true);
		watch_deadline(t);
	}
}

/* Curl is through with this hop. */
void
errand_transfer_ended(ErrandTransfer *t, CURLcode code)
{
	errand_outcome_measure(t);
	if (t->stop == ERRAND_STOP_REDIRECTED)
		code = CURLE_OK;
	/* Curl takes headers that break off for all the headers there are. */
	else if (code == CURLE_OK && t->stop == ERRAND_STOP_NONE && t->head_state == ERRAND_HEAD_OPEN)
		code = CURLE_RECV_ERROR;
	if (code != CURLE_OK)
		errand_net_fail_from_curl(t, code);
	else if (t->head_state != ERRAND_HEAD_COMPLETE)
	{
		/* curl takes the end of the connection for the end of the head */
		errand_net_fail(t, ERRAND_FAIL_RESET,
						"%s closed the connection in the middle of the response's headers",
						t->url->key);
		code = CURLE_RECV_ERROR;
	}
	errand_transfer_leave_curl(t);
	if (code == CURLE_OK && errand_redirect_wanted(t) && errand_redirect_follow(t))
		next_hop(t);
	else
		errand_transfer_finish(t);
}

/* Wherever it is, it is over: t->resp says how. */
void
errand_transfer_finish(ErrandTransfer *t)
{
	ErrandNet *n = t->net;

	if (t->state == ERRAND_T_RESOLVING)
		n->resolving--;
	uv_timer_stop(&t->timer);
	errand_transfer_leave_curl(t);
	errand_names_release(&t->waiter);
	if (t->holds_place)
		errand_list_remove(&t->link); /* resolved or waiting, if any */
	errand_outcome_complete(t);
	errand_nethost_leave(t);
	t->last = t->url;
	t->url = NULL;
	t->state = ERRAND_T_FINISHED;
	errand_list_push(&n->finished, &t->link);
	errand_net_wake(n);
}

size_t
errand_transfer_arrived(const ErrandTransfer *t, const char **data)
{
	if (t->state != ERRAND_T_RUNNING || t->discard)
		return 0;
	*data = t->body.data;
	return t->body.len;
}

void
errand_transfer_consume(ErrandTransfer *t, size_t n)
{
	if (t->state != ERRAND_T_RUNNING || n > t->body.len)
		return;
	t->body.len -= n;
	t->consumed += n;
	memmove(t->body.data, t->body.data + n, t->body.len);
	if (!t->paused || t->body.len >= t->req.stream_at)
		return;
	t->paused = false;
	/* what curl held back comes at once, and may be too much */
	if (curl_easy_pause(t->easy, CURLPAUSE_CONT) != CURLE_OK || t->stop != ERRAND_STOP_NONE)
		errand_transfer_ended(t, CURLE_WRITE_ERROR);
	errand_net_wake(t->net);
}

static void
finish_cancelled(ErrandTransfer *t)
{
	t->resp.status = 0;
	errand_net_fail(t, ERRAND_FAIL_CANCELLED, "cancelled");
	t->resp.hint[0] = '\0';
}

void
errand_transfer_cancel(ErrandTransfer *t)
{
	switch (t->state)
	{
		case ERRAND_T_POOLED:
		case ERRAND_T_DELIVERED:
			return;
		case ERRAND_T_FINISHED:
			finish_cancelled(t);
			return;
		case ERRAND_T_RUNNING:
			errand_outcome_measure(t);
			break;
		default:
			break;
	}
	finish_cancelled(t);
	errand_transfer_finish(t);
}
