/*-------------------------------------------------------------------------
 *
 * outcome.c
 *	  The response as its owner sees it: what curl measured, what came.
 *
 * Runs in the errand worker, in the turn.  Must never call the owner.
 *
 *-------------------------------------------------------------------------
 */
#include <stdio.h>
#include <string.h>

#include "core/retry_after.h"
#include "net/internal.h"

static int64_t
get_time(CURL *easy, CURLINFO what)
{
	curl_off_t us = 0;

	curl_easy_getinfo(easy, what, &us);
	return us;
}

static int32_t
span(int64_t from, int64_t to)
{
	int64_t us = to - from;

	return us < 0 ? 0 : us > INT32_MAX ? INT32_MAX : (int32_t) us;
}

/* Curl's clock points, each 0 until it was reached, as lengths of phases. */
static void
measure_times(ErrandResponse *r, CURL *easy, bool https)
{
	int64_t name = get_time(easy, CURLINFO_NAMELOOKUP_TIME_T);
	int64_t connect = get_time(easy, CURLINFO_CONNECT_TIME_T);
	int64_t tls = get_time(easy, CURLINFO_APPCONNECT_TIME_T);
	int64_t sent = get_time(easy, CURLINFO_PRETRANSFER_TIME_T);
	int64_t first = get_time(easy, CURLINFO_STARTTRANSFER_TIME_T);
	int64_t total = get_time(easy, CURLINFO_TOTAL_TIME_T);

	if (r->dns_us < 0)
		r->dns_us = 0; /* nothing had to be looked up */
	r->connect_us = connect > 0 ? span(name, connect) : -1;
	if (!https)
		r->tls_us = connect > 0 ? 0 : -1;
	else
		r->tls_us = tls > 0 ? span(connect, tls) : -1;
	r->wait_us = first > 0 ? span(sent, first) : -1;
	r->transfer_us = first > 0 ? span(first, total) : -1;
	if (sent > 0)
		r->bytes_sent = true;
}

/* "1.2.3.4:80", "[::1]:80" */
static void
measure_peer(ErrandResponse *r, CURL *easy)
{
	char *ip = NULL;
	long port = 0;

	r->peer[0] = '\0';
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &ip);
	curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
	if (ip != NULL && ip[0] != '\0')
		snprintf(r->peer, sizeof(r->peer), strchr(ip, ':') ? "[%s]:%ld" : "%s:%ld", ip, port);
}

static int
version_number(long version)
{
	switch (version)
	{
		case CURL_HTTP_VERSION_1_0:
			return 10;
		case CURL_HTTP_VERSION_1_1:
			return 11;
		case CURL_HTTP_VERSION_2_0:
			return 20;
		case CURL_HTTP_VERSION_3:
			return 30;
		default:
			return 0;
	}
}

/* While curl still has it: what only curl knows. */
void
errand_outcome_measure(ErrandTransfer *t)
{
	ErrandResponse *r = &t->resp;
	CURL *easy = t->easy;
	long version = 0;
	long connects = 0;
	long sent = 0;

	measure_times(r, easy, t->url->https);
	measure_peer(r, easy);
	curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connects);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	r->http_version = version_number(version);
	if (sent > 0)
		r->bytes_sent = true; /* and stays so over all hops */
	r->reused = connects == 0 && sent > 0;
	if (r->reused)
		r->connect_us = r->tls_us = 0;
	if (connects > 0)
		t->host->connections++;
}

/*
 * Retry-After may be a date, which is measured against the server's own clock
 * (its Date header), and against ours only if it does not tell it.
 */
static int64_t
read_retry_after(const ErrandTransfer *t)
{
	const ErrandBuffer *head = &t->head;
	size_t len;
	size_t date_len;
	const char *value = errand_net_find_header(head, "retry-after", &len);
	const char *date;
	char text[64];
	int64_t now_ms = -1;

	if (value == NULL || len == 0)
		return -1;
	if (value[0] >= '0' && value[0] <= '9')
		return errand_retry_after_ms(value, len, 0);
	date = errand_net_find_header(head, "date", &date_len);
	if (date != NULL && date_len < sizeof(text))
	{
		memcpy(text, date, date_len);
		text[date_len] = '\0';
		now_ms = (int64_t) curl_getdate(text, NULL) * 1000;
	}
	if (now_ms < 0 && t->req.wall_offset_us != 0)
		now_ms = (errand_now_us() + t->req.wall_offset_us) / 1000;
	return now_ms < 0 ? -1 : errand_retry_after_ms(value, len, now_ms);
}

/* A copy with a NUL, behind the head in the same buffer. */
static const char *
copy_content_type(ErrandTransfer *t)
{
	size_t len;
	const char *value = errand_net_find_header(&t->head, "content-type", &len);
	size_t at = t->head.len + 1;
	size_t offset;

	if (value == NULL)
		return NULL;
	offset = (size_t) (value - t->head.data);
	if (!errand_netbuf_reserve(&t->head, at + len + 1))
		return NULL;
	memcpy(t->head.data + at, t->head.data + offset, len);
	t->head.data[at + len] = '\0';
	return t->head.data + at;
}

static void
count_for_host(ErrandTransfer *t)
{
	ErrandHost *h = t->host;

	if (!t->announced || h == NULL || t->resp.failure == ERRAND_FAIL_CANCELLED)
		return;
	h->requests++;
	if (t->resp.failure != ERRAND_FAIL_NONE || t->resp.status >= 500)
		h->errors++;
	if (t->resp.status > 0)
		h->last_status = t->resp.status;
}

/* The transfer is over: complete what its owner will see. */
void
errand_outcome_complete(ErrandTransfer *t)
{
	ErrandResponse *r = &t->resp;

	r->finished_us = errand_now_us();
	r->timed_out = r->failure == ERRAND_FAIL_TIMEOUT;
	count_for_host(t);
	r->url = t->url ? t->url->text : NULL;
	if (t->head.len > 0)
	{
		r->content_type = copy_content_type(t);
		r->retry_after_ms = read_retry_after(t);
		r->head = t->head.data;
		r->head_len = t->head.len;
	}
	if (t->body.len > 0)
	{
		r->body = t->body.data;
		r->body_len = t->body.len;
	}
}
