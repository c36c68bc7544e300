/*
 * fuzz_http_head.c
 *		Heads of requests to the relay: what is found lies within the head; one
 *		that is complete is read alike when more follows, and is asked for more
 *		(or refused) as long as it is not complete.
 */
#include "fuzz.h"

#include "http_head.h"

static void
spans(const ErrandHttpHead *h, const char *s, size_t len)
{
	const ErrandSpan *all[] = {&h->path,   &h->query,		  &h->host,
							   &h->origin, &h->authorization, &h->content_type,
							   &h->accept, &h->if_none_match, &h->last_event_id,
							   &h->ws_key, &h->ws_version};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		MUST(all[i]->p == NULL || within(all[i]->p, all[i]->len, s, len));
	MUST(h->ws_protocols >= 0 && h->ws_protocols <= ERRAND_WS_OFFERS);
	for (int i = 0; i < h->ws_protocols; i++)
		MUST(within(h->ws_protocol[i].p, h->ws_protocol[i].len, s, len));
	MUST(h->content_length >= 0 && h->path.len > 0 && h->path.p[0] == '/');
}

static void
decode(ErrandSpan in)
{
	char *out = malloc(in.len + 1);
	ErrandSpan rest = in, piece;
	size_t all = 0;

	if (errand_percent_decode(in, true, out))
		MUST(strlen(out) <= in.len && errand_utf8_ok(out, strlen(out)));
	free(out);
	while (errand_span_next(&rest, '&', &piece))
		all += piece.len + 1;
	MUST(all <= in.len + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	ErrandHttpHead h, again;
	int n = errand_request_head(s, size, &h);
	char *copy;

	decode((ErrandSpan){s, size});
	MUST(n <= (int) size && n <= ERRAND_HEAD_MAX &&
		 (n >= 0 || n == -400 || n == -431 || n == -501 || n == -505));
	if (n <= 0)
		return 0;
	spans(&h, s, (size_t) n);
	decode(h.query.p != NULL ? h.query : h.path);
	copy = exact(s, (size_t) n);
	MUST(errand_request_head(copy, (size_t) n, &again) == n);
	MUST(again.content_length == h.content_length && again.upgrade == h.upgrade &&
		 again.path.len == h.path.len);
	MUST(errand_request_head(copy, (size_t) n - 1, &again) <= 0);
	free(copy);
	return 0;
}
