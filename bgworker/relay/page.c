/*
 * page.c
 *		The dashboard's files, from memory.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.
 */
#include "postgres.h"

#include "core/ascii.h"
#include "relay/conn.h"
#include "relay/page.h"
#include "relay/web.h"

#define GZIP_LINE "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\nETag: "

static bool
span_is(ErrandSpan s, const char *text)
{
	return s.p != NULL && s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

/* Does If-None-Match name it? */
static bool
etag_matches(ErrandSpan list, const char *etag)
{
	ErrandSpan one;

	while (errand_span_next(&list, ',', &one))
	{
		errand_ascii_trim(&one.p, &one.len);
		if (one.len > 2 && one.p[0] == 'W' && one.p[1] == '/')
		{
			one.p += 2;
			one.len -= 2;
		}
		if (span_is(one, etag) || span_is(one, "*"))
			return true;
	}
	return false;
}

bool
relay_page_answer(RelayConn *c)
{
	for (int i = 0; i < relay_assets_n; i++)
	{
		const RelayAsset *a = &relay_assets[i];
		char more[256];
		RelayReply reply = {.status = 200,
							.type = a->type,
							.body = (const char *) a->gz,
							.len = a->len,
							.lasting = true,
							.cache = "no-cache",
							.more = more};

		if (!span_is(c->head.path, a->path))
			continue;
		snprintf(more, sizeof(more), GZIP_LINE "%s\r\n", a->etag);
		if (etag_matches(c->head.if_none_match, a->etag))
			reply.status = 304;
		relay_conn_reply(c, &reply);
		return true;
	}
	return false;
}
