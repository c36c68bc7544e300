/*-------------------------------------------------------------------------
 *
 * receive.c
 *	  What curl tells of a response: its head and its body, within bounds.
 *
 * Runs in the errand worker, all of it called by curl.  Every byte is a
 * stranger's.  Must only record in the transfer: malloc at most, no throwing,
 * no curl calls but getinfo and setopt on its own handle.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "core/ascii.h"
#include "net/internal.h"

/* Forget the last hop: what it answered, and how it went. */
void
errand_receive_reset(ErrandTransfer *t)
{
	ErrandResponse *r = &t->resp;

	t->stop = ERRAND_STOP_NONE;
	t->head_state = ERRAND_HEAD_NONE;
	t->head_lines = 0;
	t->head_bytes = 0;
	t->discard = false;
	t->discarded = 0;
	t->body_began = false;
	t->head.len = 0;
	t->body.len = 0;
	t->consumed = 0;
	t->paused = false;
	t->refusals = 0;
	t->refused.len = 0;
	t->opened.len = 0;
	t->socket_errno = 0;
	r->status = 0;
	r->dns_us = r->connect_us = r->tls_us = r->wait_us = r->transfer_us = -1;
	r->reused = false;
	r->http_version = 0;
	r->peer[0] = '\0';
}

/*
 * CURLOPT_RESOLVER_START_FUNCTION, the tripwire.  Curl calls it for addresses
 * too (which need no look-up), but not for names that are pinned: so for a name
 * it must never be called, and a look-up, in a thread, is about to start.
 * Through a proxy only the proxy's own name would be looked up.
 */
int
errand_resolver_start(void *resolver, void *reserved, void *arg)
{
	ErrandTransfer *t = arg;

	(void) resolver;
	(void) reserved;
	if (t->proxy != NULL ? t->proxy->numeric : t->url->numeric)
		return 0;
	t->stop = ERRAND_STOP_RESOLVER;
	return 1;
}

/* The three digits after "HTTP/x ", or 0. */
static int
parse_status(const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);
	int status = 0;

	if (blank == NULL)
		return 0;
	for (const char *p = blank + 1; p < line + len && p < blank + 4; p++)
	{
		if (!errand_ascii_is_digit(*p))
			return 0;
		status = status * 10 + (*p - '0');
	}
	return status;
}

/*
 * The blank line.  What follows an interim response is another head.  A body
 * that only says "moved" is not kept; a response that may last long has to keep
 * coming (not before: a server may think for as long as the time-out allows).
 */
static void
end_head(ErrandTransfer *t)
{
	if (t->resp.status < 200)
	{
		t->head_state = ERRAND_HEAD_NONE;
		return;
	}
	t->head_state = ERRAND_HEAD_COMPLETE;
	t->discard = errand_redirect_wanted(t);
	if (t->req.timeout_ms > ERRAND_STALL_SECONDS * 1000)
	{
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
		curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, (long) ERRAND_STALL_SECONDS);
	}
}

/* Keep a line as "Name: value\r\n", joined with the last one if it is folded. */
static bool
keep_line(ErrandTransfer *t, const char *line, size_t len)
{
	if ((line[0] == ' ' || line[0] == '\t') && t->head.len >= 2)
	{
		t->head.len -= 2;
		errand_ascii_trim(&line, &len);
		if (!errand_netbuf_append(&t->head, " ", 1))
			return false;
	}
	return errand_netbuf_append(&t->head, line, len) && errand_netbuf_append(&t->head, "\r\n", 2);
}

static size_t
stop(ErrandTransfer *t, ErrandStop why)
{
	t->stop = why;
	return 0; /* fewer bytes than given: curl gives up */
}

/* CURLOPT_HEADERFUNCTION: one line, trailers after the body included. */
size_t
errand_receive_head(char *data, size_t size, size_t n, void *arg)
{
	ErrandTransfer *t = arg;
	const char *line = data;
	size_t len = size * n;

	t->head_bytes += len;
	if (t->head_bytes > ERRAND_HEAD_MAX_BYTES)
		return stop(t, ERRAND_STOP_HEAD_BYTES);
	if (++t->head_lines > ERRAND_HEAD_MAX_LINES)
		return stop(t, ERRAND_STOP_HEAD_LINES);
	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n'))
		len--;
	if (t->head_state == ERRAND_HEAD_NONE)
	{
		t->head.len = 0;
		t->resp.status = parse_status(line, len);
		t->head_state = ERRAND_HEAD_OPEN;
	}
	else if (t->head_state == ERRAND_HEAD_OPEN)
	{
		if (len == 0)
			end_head(t);
		else if (!keep_line(t, line, len))
			return stop(t, ERRAND_STOP_MEMORY);
	}
	return size * n;
}

/* Make room for what the server announces, but no more than it has to prove. */
static bool
expect_body(ErrandTransfer *t)
{
	curl_off_t length = -1;

	t->body_began = true;
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (length > 0 && (uint64_t) length > t->req.max_body)
	{
		t->stop = ERRAND_STOP_BODY;
		return false;
	}
	if (length > 0)
		errand_netbuf_reserve(&t->body, length < ERRAND_BUFFER_KEPT - 1 ? (size_t) length :
																		  ERRAND_BUFFER_KEPT - 1);
	return true;
}

static void
count(ErrandTransfer *t)
{
	t->net->buffered += t->body.size - t->counted;
	t->counted = t->body.size;
}

/*
 * CURLOPT_WRITEFUNCTION: bytes of the body, decompressed.  Of a streamed one
 * curl keeps what comes while enough waits, and does not read on.
 */
size_t
errand_receive_body(char *data, size_t size, size_t n, void *arg)
{
	ErrandTransfer *t = arg;
	size_t len = size * n;

	if (t->discard)
	{
		t->discarded += len;
		return t->discarded > ERRAND_REDIRECT_BODY ? stop(t, ERRAND_STOP_REDIRECTED) : len;
	}
	if (t->stop != ERRAND_STOP_NONE || (!t->body_began && !expect_body(t)))
		return 0;
	if (len > t->req.max_body - t->consumed - t->body.len)
		return stop(t, ERRAND_STOP_BODY);
	if (t->req.stream_at > 0 && t->body.len >= t->req.stream_at)
	{
		t->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (!errand_netbuf_append(&t->body, data, len))
		return stop(t, ERRAND_STOP_MEMORY);
	if (t->counted != t->body.size)
		count(t);
	return len;
}
