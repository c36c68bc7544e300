/*-------------------------------------------------------------------------
 *
 * pool.c
 *	  Transfers made, made anew, and given back.
 *
 * Runs in the errand worker.  A transfer's memory, its buffers and its timer
 * are used again, so that a request costs no malloc here.  Must never keep
 * anything of one task for the next but empty buffers.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

/* From the resolver, maybe inside c-ares: note that the name is known. */
static void
on_ready(ErrandWaiter *w)
{
	ErrandTransfer *t = errand_container(w, ErrandTransfer, waiter);

	errand_list_push(&t->net->resolved, &t->link);
	errand_net_wake(t->net);
}

/* What the owner said, within sane bounds: a time-out there always is. */
static int64_t
bounded_ms(int64_t ms)
{
	const int64_t longest = INT64_C(7) * 24 * 3600 * 1000;

	return ms < 1 ? 1 : ms > longest ? longest : ms;
}

static ErrandTransfer *
take(ErrandNet *n)
{
	ErrandLink *l = errand_list_pop(&n->pool);
	ErrandTransfer *t;

	if (l != NULL)
	{
		n->n_pool--;
		return errand_container(l, ErrandTransfer, link);
	}
	t = calloc(1, sizeof(ErrandTransfer));
	if (t == NULL)
		return NULL;
	t->net = n;
	errand_list_init(&t->link);
	errand_list_init(&t->all);
	errand_list_init(&t->waiter.link);
	t->waiter.ready = on_ready;
	uv_timer_init(n->loop, &t->timer);
	t->timer.data = t;
	errand_handle_opened(&n->handles);
	return t;
}

static void
clear_response(ErrandResponse *r)
{
	r->failure = ERRAND_FAIL_NONE;
	r->head = r->body = "";
	r->head_len = r->body_len = 0;
	r->content_type = NULL;
	r->url = NULL;
	r->retry_after_ms = -1;
	r->error[0] = r->hint[0] = '\0';
	r->started_us = r->finished_us = 0;
	r->redirects = 0;
	r->bytes_sent = r->timed_out = false;
}

/* Buffers keep their memory, everything else begins anew. */
static void
clear_transfer(ErrandTransfer *t, const ErrandRequest *r)
{
	t->req = *r;
	t->req.timeout_ms = bounded_ms(r->timeout_ms);
	t->url = t->last = NULL;
	t->host = NULL;
	t->holds_place = t->announced = false;
	t->method = r->method;
	t->send_body = r->has_body;
	t->changed_method = t->left_origin = false;
	t->counted = 0;
	errand_receive_reset(t);
	clear_response(&t->resp);
}

/* A transfer for this request, known to the net; NULL if memory is out. */
ErrandTransfer *
errand_transfer_make(ErrandNet *n, const ErrandRequest *r)
{
	ErrandTransfer *t = take(n);

	if (t != NULL)
	{
		clear_transfer(t, r);
		errand_list_push(&n->all, &t->all);
	}
	return t;
}

/* Header lines that may hold a secret. */
static void
wipe(ErrandTransfer *t)
{
	if (t->req.has_secrets && t->text.data != NULL)
		explicit_bzero(t->text.data, t->text.size);
}

void
errand_transfer_free(ErrandTransfer *t)
{
	ErrandNet *n = t->net;

	if (t->state != ERRAND_T_DELIVERED)
		return; /* curl or a list may still hold it */
	n->buffered -= t->counted;
	t->counted = 0;
	errand_neturl_release(t->last);
	t->last = NULL;
	if (n->n_pool >= 2 * n->max_in_flight)
	{
		errand_transfer_destroy(t);
		return;
	}
	errand_list_remove(&t->all);
	wipe(t);
	errand_netbuf_recycle(&t->text);
	errand_netbuf_recycle(&t->head);
	errand_netbuf_recycle(&t->body);
	t->state = ERRAND_T_POOLED;
	errand_list_push_front(&n->pool, &t->link);
	n->n_pool++;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	ErrandTransfer *t = handle->data;
	ErrandHandles *handles = &t->net->handles;

	free(t);
	errand_handle_closed(handles);
}

/* Free it in whatever state it is, without telling anybody. */
void
errand_transfer_destroy(ErrandTransfer *t)
{
	errand_transfer_leave_curl(t);
	errand_names_release(&t->waiter);
	errand_list_remove(&t->link);
	errand_list_remove(&t->all);
	errand_neturl_release(t->url);
	wipe(t);
	errand_neturl_release(t->last);
	errand_netbuf_free(&t->text);
	errand_netbuf_free(&t->head);
	errand_netbuf_free(&t->body);
	free(t->lines);
	uv_close((uv_handle_t *) &t->timer, on_timer_closed);
}
