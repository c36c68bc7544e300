/*-------------------------------------------------------------------------
 *
 * request.c
 *	  What curl is told for one hop: every option, on every handle, each time.
 *
 * Runs in the errand worker.  Handles are reset before each use, so nothing of
 * one task reaches the next.  Whatever libcurl would do by itself is switched
 * off: proxies of the environment, redirects, cookies, netrc, look-ups.  Must
 * never copy a body.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "core/ascii.h"
#include "core/header.h"
#include "net/internal.h"

/* Ends of the header list: what curl must not add by itself. */
static struct curl_slist no_expect = {(char *) "Expect:", NULL};
static struct curl_slist no_content_type = {(char *) "Content-Type:", &no_expect};

/* A handle from the pool, or a new one; NULL if memory is out. */
static CURL *
take_easy(ErrandNet *n)
{
	CURL **pool;
	CURL *easy;

	if (n->n_easy > 0)
	{
		easy = n->easy[--n->n_easy];
		curl_easy_reset(easy);
		return easy;
	}
	pool = realloc(n->easy, (size_t) (n->easy_made + 1) * sizeof(CURL *));
	if (pool == NULL)
		return NULL;
	n->easy = pool;
	easy = curl_easy_init();
	if (easy != NULL)
		n->easy_made++;
	return easy;
}

/* Is this header sent on this hop? */
static bool
header_goes(const ErrandTransfer *t, const ErrandHeaderLine *h, size_t len)
{
	const char *name = h->name;

	if (t->left_origin && (h->credential || errand_header_is_credential(name, len)))
		return false;
	return !(t->changed_method && len >= 8 && errand_ascii_equals(name, 8, "content-"));
}

/* Check the headers, and return how many bytes their lines take; or 0. */
static size_t
measure_headers(ErrandTransfer *t)
{
	size_t size = 1;

	for (int i = 0; i < t->req.n_headers; i++)
	{
		const ErrandHeaderLine *h = &t->req.headers[i];
		size_t name_len = strlen(h->name);
		size_t value_len = strlen(h->value);

		if (!errand_is_token(h->name, name_len) || !errand_header_value_ok(h->value, value_len))
		{
			errand_net_fail(t, ERRAND_FAIL_BAD_REQUEST,
							"header %d has a name or a value that none can have", i + 1);
			return 0;
		}
		if (errand_header_forbidden(h->name, name_len))
		{
			errand_net_fail(t, ERRAND_FAIL_BAD_REQUEST, "the header %s cannot be set by a task",
							h->name);
			return 0;
		}
		size += name_len + value_len + 3;
	}
	return size;
}

/* "Name: value", or "Name;", which is curl's way to say an empty value. */
static void
append_line(ErrandBuffer *text, const ErrandHeaderLine *h, size_t name_len, size_t value_len)
{
	char *p = text->data + text->len;

	memcpy(p, h->name, name_len);
	p += name_len;
	if (value_len == 0)
		*p++ = ';';
	else
	{
		*p++ = ':';
		*p++ = ' ';
		memcpy(p, h->value, value_len);
		p += value_len;
	}
	*p++ = '\0';
	text->len = (size_t) (p - text->data);
}

static bool
reserve_lines(ErrandTransfer *t, size_t text_size)
{
	int n = t->req.n_headers;

	if (t->lines_size < n)
	{
		void *lines = realloc(t->lines, (size_t) n * sizeof(struct curl_slist));

		if (lines == NULL)
			return false;
		t->lines = lines;
		t->lines_size = n;
	}
	t->text.len = 0;
	return errand_netbuf_reserve(&t->text, text_size);
}

/*
 * Build curl's header list in the transfer's own memory: no malloc a header.
 * NULL with t->resp filled if there is something wrong with it.
 */
static struct curl_slist *
build_headers(ErrandTransfer *t, bool sends_body)
{
	size_t size = measure_headers(t);
	struct curl_slist *end = sends_body ? &no_content_type : &no_expect;
	struct curl_slist *tail = NULL;
	int n = 0;

	if (size == 0)
		return NULL;
	if (!reserve_lines(t, size))
	{
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "out of memory");
		return NULL;
	}
	for (int i = 0; i < t->req.n_headers; i++)
	{
		const ErrandHeaderLine *h = &t->req.headers[i];
		size_t name_len = strlen(h->name);

		if (!header_goes(t, h, name_len))
			continue;
		if (errand_ascii_equals(h->name, name_len, "content-type"))
			end = &no_expect;
		t->lines[n].data = t->text.data + t->text.len;
		append_line(&t->text, h, name_len, strlen(h->value));
		if (tail != NULL)
			tail->next = &t->lines[n];
		tail = &t->lines[n++];
	}
	if (tail == NULL)
		return end;
	tail->next = end;
	return t->lines;
}

/* Keeps the first error; the rest of the options is then not set. */
#define SET(option, value)                                                                         \
	do                                                                                             \
	{                                                                                              \
		if (code == CURLE_OK)                                                                      \
			code = curl_easy_setopt(easy, option, value);                                          \
	} while (0)

/* The same on every handle, whatever is asked for. */
static CURLcode
set_rules(CURL *easy, const ErrandNet *n)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_ACCEPT_ENCODING, "");
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_CLOSESOCKETFUNCTION, errand_netsocket_close);
	SET(CURLOPT_CLOSESOCKETDATA, (void *) n);
	SET(CURLOPT_OPENSOCKETFUNCTION, errand_netsocket_open);
	SET(CURLOPT_RESOLVER_START_FUNCTION, errand_resolver_start);
	SET(CURLOPT_HEADERFUNCTION, errand_receive_head);
	SET(CURLOPT_WRITEFUNCTION, errand_receive_body);
	if (n->user_agent != NULL)
		SET(CURLOPT_USERAGENT, n->user_agent);
	if (n->ca_file != NULL)
		SET(CURLOPT_CAINFO, n->ca_file);
	return code;
}

/* Who it is for, where it goes, how long it may take. */
static CURLcode
set_target(CURL *easy, ErrandTransfer *t, struct curl_slist *headers)
{
	CURLcode code = CURLE_OK;
	long left = errand_transfer_timeout_left_ms(t);

	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_RESOLVER_START_DATA, t);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_ERRORBUFFER, t->curl_error);
	SET(CURLOPT_CURLU, t->url->parsed);

	/* always, since curl_easy_reset leaves the last one in place */
	SET(CURLOPT_RESOLVE, t->pins ? &t->pins->list : NULL);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_TIMEOUT_MS, left > 0 ? left : 1L);
	if (t->req.connect_timeout_ms > 0 && t->req.connect_timeout_ms < left)
		SET(CURLOPT_CONNECTTIMEOUT_MS, (long) t->req.connect_timeout_ms);
	else
		SET(CURLOPT_CONNECTTIMEOUT_MS, left > 0 ? left : 1L);
	if (t->fresh)
		SET(CURLOPT_FRESH_CONNECT, 1L);
	return code;
}

/* A request that says how long its body is, even if there is none. */
static bool
sends_length(const ErrandTransfer *t)
{
	return t->send_body || strcmp(t->method, "POST") == 0 || strcmp(t->method, "PUT") == 0 ||
		   strcmp(t->method, "PATCH") == 0;
}

static CURLcode
set_method(CURL *easy, ErrandTransfer *t)
{
	CURLcode code = CURLE_OK;
	bool empty = !t->send_body || t->req.body_len == 0;

	if (strcmp(t->method, "HEAD") == 0)
	{
		SET(CURLOPT_NOBODY, 1L);
		return code;
	}
	if (sends_length(t))
	{
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) (empty ? 0 : t->req.body_len));
		SET(CURLOPT_POSTFIELDS, empty ? "" : (const char *) t->req.body);
		if (strcmp(t->method, "POST") != 0)
			SET(CURLOPT_CUSTOMREQUEST, t->method);
	}
	else if (strcmp(t->method, "GET") != 0)
		SET(CURLOPT_CUSTOMREQUEST, t->method);
	return code;
}

/* Give t->easy everything it needs for this hop. */
bool
errand_transfer_prepare(ErrandTransfer *t)
{
	struct curl_slist *headers = build_headers(t, sends_length(t));
	CURLcode code;

	if (headers == NULL)
		return false;
	t->easy = take_easy(t->net);
	if (t->easy == NULL)
	{
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "out of memory");
		return false;
	}
	t->curl_error[0] = '\0';
	errand_nethost_look(t);
	code = set_rules(t->easy, t->net);
	if (code == CURLE_OK)
		code = set_target(t->easy, t, headers);
	if (code == CURLE_OK)
		code = set_method(t->easy, t);
	if (code == CURLE_OK && t->proxy != NULL)
		code = errand_netproxy_set(t->easy, t->proxy);
	if (code != CURLE_OK)
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "curl did not take an option: %s",
						curl_easy_strerror(code));
	return code == CURLE_OK;
}
