/*-------------------------------------------------------------------------
 *
 * smtp_line.c
 *	  Connections to the mail server: looked up, pinned, opened by curl.
 *
 * Runs in the errand worker.  CURLOPT_CONNECT_ONLY makes curl connect, begin
 * TLS, say EHLO and authenticate, all without waiting, and then hand the
 * connection over.  Curl must never look up a name or speak of a message.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy.h"
#include "net/smtp_internal.h"

static void
on_resolved(ErrandWaiter *w)
{
	ErrandSmtpLine *l = errand_container(w, ErrandSmtpLine, waiter);

	l->resolved = true;
	errand_smtp_wake(l->smtp);
}

/* Give the line back to nobody: the message must be finished or requeued before. */
void
errand_smtp_line_drop(ErrandSmtpLine *l)
{
	ErrandSmtp *s = l->smtp;

	if (l->mail != NULL)
		l->mail->line = NULL;
	errand_names_release(&l->waiter);
	if (l->socket != NULL)
		errand_smtp_socket_drop(l->socket);
	if (l->easy != NULL)
	{
		/* a connection of CONNECT_ONLY is closed by this, without a QUIT */
		if (l->in_curl)
			curl_multi_remove_handle(s->multi, l->easy);
		curl_easy_cleanup(l->easy);
	}
	errand_list_remove(&l->link);
	s->n_lines--;
	free(l->pin_text);
	free(l);
	errand_smtp_wake(s);
}

void
errand_smtp_lines_drop_idle(ErrandSmtp *s)
{
	ErrandLink *next;

	for (ErrandLink *k = s->lines.next; k != &s->lines; k = next)
	{
		ErrandSmtpLine *l = errand_container(k, ErrandSmtpLine, link);

		next = k->next;
		if (l->state == ERRAND_LINE_IDLE)
			errand_smtp_line_drop(l);
	}
}

static void
fail_line(ErrandSmtpLine *l, ErrandFailure failure, const char *why)
{
	errand_smtp_finish(l->mail, failure, "%s", why);
	errand_smtp_line_drop(l);
}

static bool
is_loopback(const ErrandAddress *a)
{
	return errand_policy_classify(&a->u.sa, a->len, NULL, 0) == ERRAND_EGRESS_LOOPBACK;
}

/* "+host:port:address,..." of all there are; *near if none leaves this machine. */
static bool
pin(ErrandSmtpLine *l, bool *near)
{
	const ErrandName *name = l->waiter.name;
	size_t size = strlen(l->smtp->host) + 16 + ERRAND_NAME_MAX_ADDRESSES * (INET6_ADDRSTRLEN + 1);
	size_t len;

	l->pin_text = malloc(size);
	if (l->pin_text == NULL)
		return false;
	*near = true;
	len = (size_t) snprintf(l->pin_text, size, "+%s:%d:", l->smtp->host, l->smtp->port);
	for (int i = 0; i < name->n_addresses; i++)
	{
		const ErrandAddress *a = &name->addresses[i];
		const void *bytes = a->u.sa.sa_family == AF_INET6 ? (const void *) &a->u.v6.sin6_addr :
															(const void *) &a->u.v4.sin_addr;

		if (i > 0)
			l->pin_text[len++] = ',';
		if (inet_ntop(a->u.sa.sa_family, bytes, l->pin_text + len, (socklen_t) (size - len)) ==
			NULL)
			return false;
		len += strlen(l->pin_text + len);
		*near = *near && is_loopback(a);
	}
	l->pin.data = l->pin_text;
	return true;
}

/* CURLOPT_RESOLVER_START_FUNCTION, the tripwire: see receive.c. */
static int
on_resolver_start(void *resolver, void *reserved, void *arg)
{
	ErrandSmtpLine *l = arg;

	(void) resolver;
	(void) reserved;
	l->tripped = !l->smtp->numeric;
	return l->tripped;
}

/* CURLOPT_HEADERFUNCTION: the replies to EHLO, STARTTLS and AUTH. */
static size_t
on_reply(char *data, size_t size, size_t n, void *arg)
{
	ErrandSmtpLine *l = arg;
	size_t len = size * n;

	while (len > 0 && (data[len - 1] == '\n' || data[len - 1] == '\r'))
		len--;
	(void) errand_smtp_reply_line(&l->reply, data, len);
	return size * n;
}

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	(void) data;
	(void) arg;
	return size * n;
}

/* Keeps the first error; the rest of the options is then not set. */
#define SET(option, value)                                                                         \
	do                                                                                             \
	{                                                                                              \
		if (code == CURLE_OK)                                                                      \
			code = curl_easy_setopt(l->easy, option, value);                                       \
	} while (0)

static CURLcode
set_rules(ErrandSmtpLine *l)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_CONNECT_ONLY, 1L);
	SET(CURLOPT_FRESH_CONNECT, 1L);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CLOSESOCKETFUNCTION, errand_smtp_socket_close);
	SET(CURLOPT_CLOSESOCKETDATA, l->smtp);
	SET(CURLOPT_OPENSOCKETFUNCTION, errand_smtp_socket_open);
	SET(CURLOPT_OPENSOCKETDATA, l);
	SET(CURLOPT_RESOLVER_START_FUNCTION, on_resolver_start);
	SET(CURLOPT_RESOLVER_START_DATA, l);
	SET(CURLOPT_HEADERFUNCTION, on_reply);
	SET(CURLOPT_HEADERDATA, l);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_ERRORBUFFER, l->curl_error);
	SET(CURLOPT_PRIVATE, l);
	return code;
}

/* A password leaves this machine over TLS only. */
static CURLcode
set_server(ErrandSmtpLine *l, bool near)
{
	const ErrandSmtp *s = l->smtp;
	int64_t left = (l->mail->deadline_us - errand_smtp_now_us()) / 1000;
	int64_t connect = l->mail->req.connect_timeout_ms;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_URL, s->url);
	SET(CURLOPT_RESOLVE, l->pin_text != NULL ? &l->pin : NULL);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long) (left < 1 ? 1 : connect < left ? connect : left));
	if (!s->tls)
		SET(CURLOPT_USE_SSL,
			s->user != NULL && !near ? (long) CURLUSESSL_ALL : (long) CURLUSESSL_TRY);
	if (s->ca_file != NULL)
		SET(CURLOPT_CAINFO, s->ca_file);
	if (s->user != NULL)
	{
		SET(CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN;AUTH=CRAM-MD5");
		SET(CURLOPT_USERNAME, s->user);
		SET(CURLOPT_PASSWORD, s->password != NULL ? s->password : "");
	}
	return code;
}

/* The name is known, or needs none: hand it to curl. */
void
errand_smtp_line_resolved(ErrandSmtpLine *l)
{
	const ErrandSmtp *s = l->smtp;
	const ErrandName *name = l->waiter.name;
	bool near = s->numeric && is_loopback(&s->address);
	char why[300];

	l->resolved = false;
	if (!s->numeric && (name == NULL || name->state != ERRAND_NAME_KNOWN))
	{
		snprintf(why, sizeof(why), "could not look up %.200s: %s", s->host,
				 name != NULL ? name->reason : "out of memory");
		fail_line(l, name != NULL ? name->failure : ERRAND_FAIL_INTERNAL, why);
		return;
	}
	l->easy = curl_easy_init();
	if (l->easy == NULL || (!s->numeric && !pin(l, &near)) || set_rules(l) != CURLE_OK ||
		set_server(l, near) != CURLE_OK || curl_multi_add_handle(s->multi, l->easy) != CURLM_OK)
	{
		fail_line(l, ERRAND_FAIL_INTERNAL, "curl could not be set up for mail");
		return;
	}
	errand_names_release(&l->waiter);
	l->in_curl = true;
	l->state = ERRAND_LINE_CONNECTING;
}

/* A new connection, for this message; n_lines allows it. */
void
errand_smtp_line_open(ErrandSmtp *s, ErrandSmtpMail *m)
{
	ErrandSmtpLine *l = calloc(1, sizeof(ErrandSmtpLine));

	if (l == NULL)
	{
		errand_smtp_finish(m, ERRAND_FAIL_INTERNAL, "out of memory");
		return;
	}
	l->smtp = s;
	l->generation = s->generation;
	l->waiter.ready = on_resolved;
	errand_list_init(&l->waiter.link);
	errand_list_init(&l->link);
	errand_list_push(&s->lines, &l->link);
	s->n_lines++;
	l->mail = m;
	m->line = l;
	if (s->numeric || errand_names_lookup(s->names, s->host, &l->waiter))
		errand_smtp_line_resolved(l);
}

static ErrandFailure
classify(const ErrandSmtpLine *l, CURLcode code)
{
	if (l->tripped)
		return ERRAND_FAIL_INTERNAL;
	switch (code)
	{
		case CURLE_OPERATION_TIMEDOUT:
			return ERRAND_FAIL_TIMEOUT;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_USE_SSL_FAILED:
			return ERRAND_FAIL_TLS;
		case CURLE_LOGIN_DENIED:
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_REMOTE_ACCESS_DENIED:
			if (!l->reply.complete || l->reply.code < 400)
				return code == CURLE_LOGIN_DENIED ? ERRAND_FAIL_REFUSED : ERRAND_FAIL_PROTOCOL;
			return l->reply.code < 500 ? ERRAND_FAIL_DEFERRED : ERRAND_FAIL_REFUSED;
		case CURLE_OUT_OF_MEMORY:
		case CURLE_UNSUPPORTED_PROTOCOL:
			return ERRAND_FAIL_INTERNAL;
		default:
			return ERRAND_FAIL_CONNECT;
	}
}

static void
connect_failed(ErrandSmtpLine *l, CURLcode code)
{
	ErrandSmtpMail *m = l->mail;
	ErrandFailure failure = classify(l, code);
	const char *says = l->curl_error[0] != '\0' ? l->curl_error : curl_easy_strerror(code);

	if (failure == ERRAND_FAIL_DEFERRED || failure == ERRAND_FAIL_REFUSED)
	{
		m->result.code = l->reply.code;
		snprintf(m->result.reply, sizeof(m->result.reply), "%s", l->reply.text);
		errand_smtp_finish(m, failure, "%s %s: %s", l->smtp->host_port,
						   code == CURLE_LOGIN_DENIED ? "refused errand.smtp_user" :
														"turned us away",
						   l->reply.text);
	}
	else if (code == CURLE_USE_SSL_FAILED)
		errand_smtp_finish(m, failure,
						   "%s offers no STARTTLS, and a password is sent over TLS only",
						   l->smtp->host_port);
	else
		errand_smtp_finish(m, failure, "could not connect to %s: %s", l->smtp->host_port, says);
	m->result.timed_out = failure == ERRAND_FAIL_TIMEOUT;
	errand_smtp_line_drop(l);
}

/* Curl is through with connecting: the dialogue begins. */
void
errand_smtp_line_connected(ErrandSmtpLine *l, CURLcode code)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (code == CURLE_OK)
		code = curl_easy_getinfo(l->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (code != CURLE_OK || fd == CURL_SOCKET_BAD)
	{
		connect_failed(l, code != CURLE_OK ? code : CURLE_COULDNT_CONNECT);
		return;
	}
	l->socket = errand_smtp_socket_adopt(l, (int) fd);
	if (l->socket == NULL)
		fail_line(l, ERRAND_FAIL_INTERNAL, "out of memory");
	else
		errand_smtp_talk_begin(l, l->mail);
}
