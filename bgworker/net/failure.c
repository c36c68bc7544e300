/*-------------------------------------------------------------------------
 *
 * failure.c
 *	  Why a transfer failed, in a word for the program and a sentence for a
 *	  person.
 *
 * Runs in the errand worker.  Sentences begin in lower case and have no full
 * stop, as PostgreSQL's messages.  They may name hosts and addresses, never a
 * header, a body or a query, which may hold secrets.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/ascii.h"
#include "net/internal.h"

void
errand_net_fail(ErrandTransfer *t, ErrandFailure failure, const char *format, ...)
{
	va_list args;

	t->resp.failure = failure;
	va_start(args, format);
	vsnprintf(t->resp.error, sizeof(t->resp.error), format, args);
	va_end(args);
}

/* What curl says, begun in lower case unless it begins with an abbreviation. */
static const char *
curl_says(const ErrandTransfer *t, CURLcode code, char *buf, size_t size)
{
	size_t len;

	snprintf(buf, size, "%s", t->curl_error[0] ? t->curl_error : curl_easy_strerror(code));
	len = strlen(buf);
	while (len > 0 && (buf[len - 1] == '.' || buf[len - 1] == '\n'))
		buf[--len] = '\0';
	if (len > 1 && errand_ascii_lower(buf[1]) == buf[1])
		buf[0] = errand_ascii_lower(buf[0]);
	return buf;
}

static const char *
errno_says(int error, char *buf, size_t size)
{
	snprintf(buf, size, "%s", strerror(error));
	if (buf[0] != '\0' && errand_ascii_lower(buf[1]) == buf[1])
		buf[0] = errand_ascii_lower(buf[0]);
	return buf;
}

/* A callback told curl to stop. */
static void
fail_stopped(ErrandTransfer *t)
{
	switch (t->stop)
	{
		case ERRAND_STOP_BODY:
			errand_net_fail(t, ERRAND_FAIL_TOO_LARGE, "the response is larger than %zu bytes",
							t->req.max_body);
			break;
		case ERRAND_STOP_HEAD_BYTES:
			errand_net_fail(t, ERRAND_FAIL_TOO_LARGE,
							"the response's headers are larger than %d bytes",
							ERRAND_HEAD_MAX_BYTES);
			break;
		case ERRAND_STOP_HEAD_LINES:
			errand_net_fail(t, ERRAND_FAIL_TOO_LARGE, "the response has more than %d header lines",
							ERRAND_HEAD_MAX_LINES);
			break;
		case ERRAND_STOP_MEMORY:
			errand_net_fail(t, ERRAND_FAIL_INTERNAL, "out of memory");
			break;
		default:
			errand_net_fail(t, ERRAND_FAIL_INTERNAL, "curl wanted to look up %s by itself",
							t->url->name);
			break;
	}
}

/* Which of the times ran out? */
static void
fail_timed_out(ErrandTransfer *t)
{
	bool all = errand_transfer_timeout_left_ms(t) <= 2;
	const ErrandResponse *r = &t->resp;
	char span[32];

	errand_net_format_ms(span, sizeof(span), all ? t->req.timeout_ms : t->req.connect_timeout_ms);
	if (r->connect_us < 0) /* with TLS, curl tells no more than this */
		errand_net_fail(t, ERRAND_FAIL_TIMEOUT,
						t->url->https ? "no TLS connection to %s within %s" :
										"could not connect to %s within %s",
						t->url->key, span);
	else if (!all)
		errand_net_fail(t, ERRAND_FAIL_TIMEOUT, "the response stalled: nothing came for %d s",
						ERRAND_STALL_SECONDS);
	else if (t->head_state == ERRAND_HEAD_COMPLETE)
		errand_net_fail(t, ERRAND_FAIL_TIMEOUT, "the response was not complete within %s", span);
	else
		errand_net_fail(t, ERRAND_FAIL_TIMEOUT, "no answer within %s", span);
}

/* The address it was connected to, or wanted to be. */
static bool
last_address(const ErrandTransfer *t, ErrandAddress *a)
{
	char *ip = NULL;
	long port = 0;

	*a = t->opened;
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
	curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_PORT, &port);
	if (ip == NULL || ip[0] == '\0')
		return a->len > 0;
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, ip, &a->u.v4.sin_addr) == 1)
	{
		a->u.v4.sin_family = AF_INET;
		a->u.v4.sin_port = htons((uint16_t) port);
		a->len = sizeof(a->u.v4);
	}
	else if (inet_pton(AF_INET6, ip, &a->u.v6.sin6_addr) == 1)
	{
		a->u.v6.sin6_family = AF_INET6;
		a->u.v6.sin6_port = htons((uint16_t) port);
		a->len = sizeof(a->u.v6);
	}
	return a->len > 0;
}

/*
 * A connection failed.  Was it the policy: a socket refused, or cut since the
 * allow list changed?
 */
static bool
fail_policy(ErrandTransfer *t)
{
	ErrandAddress a;
	ErrandEgress egress;

	if (t->proxy != NULL)
		return false;
	if (t->refusals > 0 && t->resp.connect_us < 0)
	{
		errand_pins_refused(t, &t->refused, t->refused_as);
		return true;
	}
	if (!last_address(t, &a))
		return false;
	egress = errand_policy_classify(&a.u.sa, a.len, t->net->allow, t->net->n_allow);
	if (errand_egress_allowed(egress))
		return false;
	errand_pins_refused(t, &a, egress);
	return true;
}

static void
fail_connect(ErrandTransfer *t, CURLcode code)
{
	char text[CURL_ERROR_SIZE];
	long error = 0;

	if (t->socket_errno != 0)
	{
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "could not open a socket: %s",
						errno_says(t->socket_errno, text, sizeof(text)));
		return;
	}
	if (code == CURLE_PROXY)
	{
		/* it is there, but does not connect us: errno is of other attempts */
		errand_net_fail(t, ERRAND_FAIL_CONNECT, "the proxy of %s does not connect to it: %s",
						t->url->key, curl_says(t, code, text, sizeof(text)));
		return;
	}
	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
	errand_net_fail(t, ERRAND_FAIL_CONNECT, "could not connect to %s%s: %s",
					t->proxy != NULL ? "the proxy of " : "", t->url->key,
					error != 0 ? errno_says((int) error, text, sizeof(text)) :
								 curl_says(t, code, text, sizeof(text)));
}

/* The peer or the network ended it early. */
static void
fail_lost(ErrandTransfer *t, CURLcode code)
{
	char text[CURL_ERROR_SIZE];

	if (t->head_state == ERRAND_HEAD_COMPLETE)
		errand_net_fail(t, ERRAND_FAIL_RESET,
						"the connection to %s was lost in the middle of the response: %s",
						t->url->key, curl_says(t, code, text, sizeof(text)));
	else
		errand_net_fail(t, ERRAND_FAIL_RESET,
						"the connection to %s was lost before it answered: %s", t->url->key,
						curl_says(t, code, text, sizeof(text)));
}

/* A handshake that broke off is a lost connection, not a refused certificate. */
static bool
handshake_lost(const ErrandTransfer *t)
{
	static const char *const signs[] = {"SYSCALL", "reset by peer", "unexpected eof",
										"Broken pipe"};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strstr(t->curl_error, signs[i]) != NULL)
			return true;
	return false;
}

/* CURLE_TOO_LARGE, since 8.6: the headers at hand may be older than the library. */
#define TOO_LARGE_CODE 100

static ErrandFailure
classify_code(const ErrandTransfer *t, CURLcode code)
{
	if ((int) code == TOO_LARGE_CODE)
		return ERRAND_FAIL_TOO_LARGE;
	switch (code)
	{
		case CURLE_OPERATION_TIMEDOUT:
			return ERRAND_FAIL_TIMEOUT;
		case CURLE_COULDNT_CONNECT:
		case CURLE_PROXY:
			return ERRAND_FAIL_CONNECT;
		case CURLE_SSL_CONNECT_ERROR:
			return handshake_lost(t) ? ERRAND_FAIL_RESET : ERRAND_FAIL_TLS;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
			return ERRAND_FAIL_TLS;
		case CURLE_PARTIAL_FILE:
		case CURLE_RECV_ERROR:
		case CURLE_SEND_ERROR:
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_FAIL_REWIND:
		case CURLE_HTTP2_STREAM:
			return ERRAND_FAIL_RESET;
		case CURLE_UNSUPPORTED_PROTOCOL: /* it looks like HTTP/0.9 */
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_BAD_CONTENT_ENCODING:
		case CURLE_HTTP2:
			return ERRAND_FAIL_PROTOCOL;
		case CURLE_FILESIZE_EXCEEDED:
			return ERRAND_FAIL_TOO_LARGE;
		case CURLE_OUT_OF_MEMORY:

			/* curl's own answer to a header line beyond 100 kB */
			return t->head_state == ERRAND_HEAD_OPEN ? ERRAND_FAIL_TOO_LARGE : ERRAND_FAIL_INTERNAL;
		default:
			return ERRAND_FAIL_INTERNAL;
	}
}

/* Fill t->resp from what curl returned.  The handle is still the transfer's. */
void
errand_net_fail_from_curl(ErrandTransfer *t, CURLcode code)
{
	ErrandFailure failure = classify_code(t, code);
	char text[CURL_ERROR_SIZE];

	if (t->stop != ERRAND_STOP_NONE)
		fail_stopped(t);
	else if ((failure == ERRAND_FAIL_CONNECT || failure == ERRAND_FAIL_RESET) && fail_policy(t))
		return;
	else if (failure == ERRAND_FAIL_TIMEOUT)
		fail_timed_out(t);
	else if (failure == ERRAND_FAIL_CONNECT)
		fail_connect(t, code);
	else if (failure == ERRAND_FAIL_RESET)
		fail_lost(t, code);
	else if (failure == ERRAND_FAIL_TOO_LARGE)
	{
		t->stop = ERRAND_STOP_HEAD_BYTES;
		fail_stopped(t);
	}
	else if (failure == ERRAND_FAIL_TLS)
		errand_net_fail(t, failure, "no TLS connection to %s: %s", t->url->key,
						curl_says(t, code, text, sizeof(text)));
	else if (failure == ERRAND_FAIL_PROTOCOL)
		errand_net_fail(t, failure, "what %s answered is not HTTP: %s", t->url->key,
						curl_says(t, code, text, sizeof(text)));
	else
		errand_net_fail(t, failure, "curl failed: %s", curl_says(t, code, text, sizeof(text)));
}
