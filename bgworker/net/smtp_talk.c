/*-------------------------------------------------------------------------
 *
 * smtp_talk.c
 *	  The dialogue of one message: MAIL, RCPT for each, DATA, the message.
 *
 * Runs in the errand worker, called by libuv or by the turn.  It reads and
 * writes through curl (the connection may be TLS) and never waits.  Every byte
 * of a reply is a stranger's.  A refused recipient ends it before DATA.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "core/ascii.h"
#include "net/smtp_internal.h"

#define REPLY_LINES_MAX 100
#define SEND_AT_ONCE 262144 /* bytes, then others have their turn */

/* What is printable of a line, behind what is there of the reply. */
static void
append_printable(ErrandSmtpReply *r, const char *s, size_t len)
{
	for (size_t i = 0; i < len && r->len + 1 < sizeof(r->text); i++)
		r->text[r->len++] = s[i] >= 0x20 && s[i] <= 0x7e ? s[i] : '?';
	r->text[r->len] = '\0';
}

/*
 * Take in one line of a reply, without its line end; after a complete reply
 * the next one begins.  False if it is none.
 */
bool
errand_smtp_reply_line(ErrandSmtpReply *r, const char *line, size_t len)
{
	int64_t code;

	if (r->complete)
		memset(r, 0, sizeof(*r));
	if (len < 3 || !errand_ascii_uint(line, 3, 3, &code) || code < 200 || code > 599 ||
		(len > 3 && line[3] != ' ' && line[3] != '-') || ++r->lines > REPLY_LINES_MAX)
		return false;
	if (r->lines == 1)
		append_printable(r, line, 3);
	if (len > 4)
	{
		append_printable(r, " ", 1);
		append_printable(r, line + 4, len - 4);
	}
	r->code = (int) code;
	r->complete = len == 3 || line[3] == ' ';
	return true;
}

static void
say(ErrandSmtpLine *l, ErrandSmtpStep step, const char *verb, const char *address)
{
	int len = snprintf(l->command, sizeof(l->command), address ? "%s:<%s>\r\n" : "%s\r\n", verb,
					   address);

	l->step = step;
	l->out = l->command;
	l->out_left = (size_t) len;
}

void
errand_smtp_talk_begin(ErrandSmtpLine *l, ErrandSmtpMail *m)
{
	memset(&l->reply, 0, sizeof(l->reply));
	l->in_len = 0;
	l->mail = m;
	m->line = l;
	l->state = ERRAND_LINE_TALKING;
	l->recipient = -1;
	say(l, ERRAND_STEP_MAIL, "MAIL FROM", m->req.from);
	errand_smtp_talk(l);
}

/* A kept connection was dead, or about to be: once more on a new one. */
static bool
try_again(ErrandSmtpLine *l)
{
	ErrandSmtpMail *m = l->mail;
	ErrandSmtp *s = l->smtp;

	if (!l->reused || l->step != ERRAND_STEP_MAIL || m->again)
		return false;
	m->again = true;
	errand_smtp_requeue(m);
	errand_smtp_line_drop(l);
	errand_smtp_lines_drop_idle(s);
	return true;
}

static void
lost(ErrandSmtpLine *l)
{
	ErrandSmtpMail *m = l->mail;

	if (m != NULL && try_again(l))
		return;
	if (m != NULL)
		errand_smtp_finish(m, ERRAND_FAIL_RESET, "the connection to %s was lost %s",
						   l->smtp->host_port,
						   m->result.bytes_sent ? "after the message had begun" :
												  "before the message was sent");
	errand_smtp_line_drop(l);
}

static const char *
step_name(const ErrandSmtpLine *l)
{
	switch (l->step)
	{
		case ERRAND_STEP_MAIL:
			return "the sender";
		case ERRAND_STEP_RCPT:
			return "the recipient";
		default:
			return "the message";
	}
}

static const char *
step_address(const ErrandSmtpLine *l)
{
	switch (l->step)
	{
		case ERRAND_STEP_MAIL:
			return l->mail->req.from;
		case ERRAND_STEP_RCPT:
			return l->mail->req.recipients[l->recipient];
		default:
			return "";
	}
}

/* It said no, for now or for good. */
static void
refused(ErrandSmtpLine *l)
{
	const ErrandSmtpReply *r = &l->reply;
	ErrandSmtpMail *m = l->mail;
	bool later = r->code >= 400 && r->code < 500;
	ErrandFailure failure = later		   ? ERRAND_FAIL_DEFERRED :
							r->code >= 500 ? ERRAND_FAIL_REFUSED :
											 ERRAND_FAIL_PROTOCOL;

	if (r->code == 421 && try_again(l))
		return;
	m->result.code = r->code;
	snprintf(m->result.reply, sizeof(m->result.reply), "%s", r->text);
	errand_smtp_finish(m, failure, "%s %s %s%s%s: %s", l->smtp->host_port,
					   later ? "does not take" : "refused", step_name(l),
					   step_address(l)[0] ? " " : "", step_address(l), r->text);
	errand_smtp_goodbye(l);
}

static void
accepted(ErrandSmtpLine *l)
{
	ErrandSmtpMail *m = l->mail;

	m->result.code = l->reply.code;
	snprintf(m->result.reply, sizeof(m->result.reply), "%s", l->reply.text);
	errand_smtp_finish(m, ERRAND_FAIL_NONE, "%s", "");
	l->state = ERRAND_LINE_IDLE;
	l->idle_us = errand_smtp_now_us();
	l->reused = true;
	if (l->generation != l->smtp->generation)
		errand_smtp_goodbye(l);
}

/* The reply is complete: what comes next? */
static void
answered(ErrandSmtpLine *l)
{
	const ErrandSmtpRequest *q = &l->mail->req;
	bool good = l->reply.code >= 200 && l->reply.code < 300;

	switch (l->step)
	{
		case ERRAND_STEP_MAIL:
		case ERRAND_STEP_RCPT:
			if (!good)
				refused(l);
			else if (++l->recipient < q->n_recipients)
				say(l, ERRAND_STEP_RCPT, "RCPT TO", q->recipients[l->recipient]);
			else
				say(l, ERRAND_STEP_DATA, "DATA", NULL);
			break;
		case ERRAND_STEP_DATA:
			if (l->reply.code != 354)
			{
				refused(l);
				break;
			}
			l->mail->result.bytes_sent = true;
			l->step = ERRAND_STEP_BODY;
			l->out = q->data;
			l->out_left = q->len;
			break;
		case ERRAND_STEP_BODY: /* it broke off the message */
		case ERRAND_STEP_END:
			if (good && l->step == ERRAND_STEP_END)
				accepted(l);
			else
				refused(l);
			break;
	}
}

/* False: wait for the socket, or it is over. */
static bool
send_more(ErrandSmtpLine *l, size_t *budget)
{
	size_t n = 0;
	size_t most = l->out_left < 65536 ? l->out_left : 65536;
	CURLcode code;

	if (*budget < most)
	{
		errand_smtp_socket_watch(l->socket, UV_READABLE | UV_WRITABLE);
		return false;
	}
	code = curl_easy_send(l->easy, l->out, most, &n);
	if (code == CURLE_AGAIN)
	{
		errand_smtp_socket_watch(l->socket, UV_WRITABLE);
		return false;
	}
	if (code != CURLE_OK)
	{
		l->out_left = 0; /* it may have said why */
		return true;
	}
	*budget -= n;
	l->out += n;
	l->out_left -= n;
	if (l->out_left == 0 && l->step == ERRAND_STEP_BODY)
	{
		l->step = ERRAND_STEP_END;
		l->out = ".\r\n";
		l->out_left = 3;
	}
	return true;
}

/* Take lines out of what was read, to the end of one reply.  False if they are none. */
static bool
take_lines(ErrandSmtpLine *l, bool *complete)
{
	char *end;

	*complete = false;
	while (!*complete && (end = memchr(l->in, '\n', l->in_len)) != NULL)
	{
		size_t len = (size_t) (end - l->in);
		size_t text = len > 0 && end[-1] == '\r' ? len - 1 : len;

		if (!errand_smtp_reply_line(&l->reply, l->in, text))
			return false;
		*complete = l->reply.complete;
		l->in_len -= len + 1;
		memmove(l->in, end + 1, l->in_len);
	}
	return *complete || l->in_len < sizeof(l->in);
}

/* False: wait for the socket, or it is over. */
static bool
read_more(ErrandSmtpLine *l)
{
	size_t n = 0;
	bool complete = false;
	CURLcode code;

	if (l->mail != NULL && !take_lines(l, &complete))
	{
		errand_smtp_finish(l->mail, ERRAND_FAIL_PROTOCOL, "what %s answered is not SMTP",
						   l->smtp->host_port);
		errand_smtp_line_drop(l);
		return false;
	}
	if (complete)
	{
		answered(l);
		return true;
	}
	if (l->in_len == sizeof(l->in))
		code = CURLE_RECV_ERROR; /* idle, and it talks on and on */
	else
		code = curl_easy_recv(l->easy, l->in + l->in_len, sizeof(l->in) - l->in_len, &n);
	if (code == CURLE_AGAIN)
	{
		errand_smtp_socket_watch(l->socket, UV_READABLE);
		return false;
	}
	if (code != CURLE_OK || n == 0 || l->mail == NULL)
	{
		lost(l);
		return false;
	}
	l->in_len += n;
	return true;
}

/* Go on as far as it goes.  The line may be gone afterwards. */
void
errand_smtp_talk(ErrandSmtpLine *l)
{
	ErrandSmtp *s = l->smtp;
	size_t budget = SEND_AT_ONCE;
	ErrandLink *first;

	for (;;)
	{
		/* is it still there? */
		for (first = s->lines.next; first != &s->lines && first != &l->link;)
			first = first->next;
		if (first == &s->lines || l->socket == NULL)
			return;
		if (l->out_left > 0 ? !send_more(l, &budget) : !read_more(l))
			return;
	}
}

/* Part without waiting for an answer. */
void
errand_smtp_goodbye(ErrandSmtpLine *l)
{
	size_t n;

	(void) curl_easy_send(l->easy, "QUIT\r\n", 6, &n);
	errand_smtp_line_drop(l);
}
