/*-------------------------------------------------------------------------
 *
 * smtp.c
 *	  The queue of messages, deadlines, and the turn in which everything that
 *	  can go on does.
 *
 * Runs in the errand worker.  Owners are called back from the turn only, with
 * no frames of curl or c-ares on the stack.  Must never turn the loop.
 *
 *-------------------------------------------------------------------------
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/smtp_internal.h"

/* How a message ended; whoever calls says what becomes of its line. */
void
errand_smtp_finish(ErrandSmtpMail *m, ErrandFailure failure, const char *format, ...)
{
	ErrandSmtp *s = m->smtp;
	va_list args;

	m->result.failure = failure;
	va_start(args, format);
	vsnprintf(m->result.error, sizeof(m->result.error), format, args);
	va_end(args);
	if (m->line != NULL)
	{
		m->line->mail = NULL;
		s->running--;
	}
	else
		s->queued--;
	m->line = NULL;
	m->finished = true;
	s->bytes -= m->req.len;
	s->requests++;
	s->errors += failure != ERRAND_FAIL_NONE && failure != ERRAND_FAIL_REFUSED &&
				 failure != ERRAND_FAIL_CANCELLED;
	errand_list_remove(&m->link);
	errand_list_push(&s->finished, &m->link);
	errand_smtp_wake(s);
}

/* Back to the front of the queue; its line is dropped by the caller. */
void
errand_smtp_requeue(ErrandSmtpMail *m)
{
	ErrandSmtp *s = m->smtp;

	m->line->mail = NULL;
	m->line = NULL;
	s->running--;
	s->queued++;
	errand_list_push_front(&s->queue, &m->link);
	errand_smtp_wake(s);
}

/* Take out of curl what is connected there, or is not. */
static void
collect(ErrandSmtp *s)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(s->multi, &left)) != NULL)
	{
		CURLcode code = msg->data.result;
		char *line = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &line);
		errand_smtp_line_connected((ErrandSmtpLine *) line, code);
	}
}

static void
deliver(ErrandSmtp *s)
{
	ErrandLink *l;

	while ((l = errand_list_pop(&s->finished)) != NULL)
	{
		ErrandSmtpMail *m = errand_container(l, ErrandSmtpMail, link);

		m->delivered = true;
		s->done(m->req.owner, m, &m->result);
	}
}

static void
resolved(ErrandSmtp *s)
{
	ErrandLink *next;

	for (ErrandLink *k = s->lines.next; k != &s->lines; k = next)
	{
		ErrandSmtpLine *l = errand_container(k, ErrandSmtpLine, link);

		next = k->next;
		if (l->resolved)
			errand_smtp_line_resolved(l);
	}
}

static ErrandSmtpLine *
idle_line(const ErrandSmtp *s)
{
	for (ErrandLink *k = s->lines.next; k != &s->lines; k = k->next)
	{
		ErrandSmtpLine *l = errand_container(k, ErrandSmtpLine, link);

		if (l->state == ERRAND_LINE_IDLE)
			return l;
	}
	return NULL;
}

/* It is this message's turn. */
static void
begin(ErrandSmtp *s, ErrandSmtpMail *m, ErrandSmtpLine *l)
{
	errand_list_remove(&m->link);
	s->queued--;
	s->running++;
	if (!m->announced)
	{
		m->announced = true;
		m->deadline_us = errand_smtp_now_us() + m->req.timeout_ms * 1000;
		s->started(m->req.owner);
	}
	if (l != NULL)
		errand_smtp_talk_begin(l, m);
	else
		errand_smtp_line_open(s, m);
}

static void
pump(ErrandSmtp *s)
{
	while (!errand_list_empty(&s->queue))
	{
		ErrandSmtpMail *m = errand_container(s->queue.next, ErrandSmtpMail, link);
		ErrandSmtpLine *l = idle_line(s);

		if (s->host == NULL)
		{
			errand_smtp_finish(m, ERRAND_FAIL_CONNECT, "errand.smtp_url is not set");
			continue;
		}
		if (l == NULL && s->n_lines >= s->max_connections)
			break;
		begin(s, m, l);
	}
}

static void on_timer(uv_timer_t *timer);

/* The next deadline of a message under way or of a kept connection. */
static void
set_timer(ErrandSmtp *s)
{
	int64_t next = INT64_MAX;
	int64_t left;

	for (ErrandLink *k = s->lines.next; k != &s->lines; k = k->next)
	{
		const ErrandSmtpLine *l = errand_container(k, ErrandSmtpLine, link);
		int64_t at = l->mail != NULL ? l->mail->deadline_us : l->idle_us + ERRAND_SMTP_IDLE_US;

		next = at < next ? at : next;
	}
	if (next == INT64_MAX)
	{
		uv_timer_stop(&s->timer);
		return;
	}
	left = (next - errand_smtp_now_us()) / 1000 + 1;
	uv_timer_start(&s->timer, on_timer, left > 1 ? (uint64_t) left : 1, 0);
}

static void
on_timer(uv_timer_t *timer)
{
	ErrandSmtp *s = timer->data;
	int64_t now = errand_smtp_now_us();
	ErrandLink *next;

	for (ErrandLink *k = s->lines.next; k != &s->lines; k = next)
	{
		ErrandSmtpLine *l = errand_container(k, ErrandSmtpLine, link);

		next = k->next;
		if (l->mail == NULL && l->idle_us + ERRAND_SMTP_IDLE_US <= now)
			errand_smtp_goodbye(l);
		else if (l->mail != NULL && l->mail->deadline_us <= now)
		{
			l->mail->result.timed_out = true;
			errand_smtp_finish(l->mail, ERRAND_FAIL_TIMEOUT, "no answer from %s within %lld ms",
							   s->host_port, (long long) l->mail->req.timeout_ms);
			errand_smtp_line_drop(l);
		}
	}
	errand_smtp_wake(s);
}

void
errand_smtp_turn(ErrandSmtp *s)
{
	uv_idle_stop(&s->idle);
	(void) errand_smtp_sockets_kick(s);
	collect(s);
	resolved(s);
	pump(s);
	deliver(s);
	set_timer(s);
}

static void
on_idle(uv_idle_t *idle)
{
	errand_smtp_turn(idle->data);
}

void
errand_smtp_wake(ErrandSmtp *s)
{
	if (!s->closing && !uv_is_active((uv_handle_t *) &s->idle))
		uv_idle_start(&s->idle, on_idle);
}

ErrandSmtpMail *
errand_smtp_send(ErrandSmtp *s, const ErrandSmtpRequest *r)
{
	ErrandSmtpMail *m = calloc(1, sizeof(ErrandSmtpMail));

	if (m == NULL)
		return NULL;
	m->smtp = s;
	m->req = *r;
	errand_list_init(&m->link);
	errand_list_push(&s->queue, &m->link);
	s->queued++;
	s->bytes += r->len;
	errand_smtp_wake(s);
	return m;
}

void
errand_smtp_cancel(ErrandSmtpMail *m)
{
	ErrandSmtpLine *l = m->line;

	if (m->delivered)
		return;
	if (m->finished)
	{
		m->result.failure = ERRAND_FAIL_CANCELLED;
		return;
	}
	errand_smtp_finish(m, ERRAND_FAIL_CANCELLED, "cancelled");
	if (l != NULL)
		errand_smtp_line_drop(l);
}

void
errand_smtp_free(ErrandSmtpMail *m)
{
	if (!m->finished)
		return;
	errand_list_remove(&m->link);
	free(m);
}

void
errand_smtp_stat(const ErrandSmtp *s, ErrandSmtpStat *out)
{
	out->running = s->running;
	out->queued = s->queued;
	out->max_running = s->max_connections;
	out->bytes = s->bytes;
	out->requests = s->requests;
	out->errors = s->errors;
}
