/*
 * http_pages.c
 *		Pagination: the next page of a task, until there is none.
 *
 * Runs in worker processes, out of the loop, in the decide step: reading a page
 * allocates, and its jsonpath may raise.  http_pages_send.c asks for the pages.
 */
#include "postgres.h"

#include "core/ascii.h"
#include "core/link.h"
#include "kinds/http_cookies.h"
#include "kinds/http_pages.h"
#include "kinds/http_pages_body.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/memutils.h"

/* The URL of the page that this count stands for. */
static char *
counted_url(const HttpPages *p)
{
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long) p->count);
	return errand_url_with(p->first, p->how.param, number);
}

/* That URL; of a source only the number, since the URL may hold secrets. */
static char *
counted(const HttpPages *p)
{
	return p->one ? psprintf("%lld", (long long) p->count) : counted_url(p);
}

/* Counting begins at what the URL says, else at page 1 or offset 0. */
static void
begin_count(HttpPages *p, ErrandRequest *q)
{
	char *given = errand_url_parameter(p->first, p->how.param);
	char *end = NULL;

	p->count = given ? strtol(given, &end, 10) : 0;
	if (given == NULL || *given == '\0' || *end != '\0')
		p->count = p->how.mode == ERRAND_PAGE_NUMBER ? 1 : 0;
	q->url = counted_url(p);
}

/* A source's page: one_page, and the value of its parameter if it is not the first. */
static void
begin_source(HttpPages *p, ErrandRequest *q)
{
	JsonbContainer *payload = &p->run->payload->root;
	JsonbValue *v = getKeyJsonValueFromContainer(payload, "page_value", 10, NULL);

	p->one = getKeyJsonValueFromContainer(payload, "one_page", 8, NULL) != NULL;
	if (v == NULL || v->type != jbvString || p->how.param == NULL)
		return;
	q->url = errand_url_with(p->first, p->how.param,
							 pnstrdup(v->val.string.val, v->val.string.len));
	p->count = strtol(pnstrdup(v->val.string.val, v->val.string.len), NULL, 10);
}

void
errand_http_pages_start(ErrandRun *run, HttpWork *work)
{
	MemoryContext old;
	JsonbValue *v = getKeyJsonValueFromContainer(&run->payload->root, "paginate", 8, NULL);
	HttpPages *p;

	if (v == NULL || v->type == jbvNull)
		return;
	old = MemoryContextSwitchTo(run->memory);
	p = palloc0(sizeof(HttpPages));
	errand_paginate_read(v, &p->how);
	p->run = run;
	p->work = work;
	p->first = work->request.url;
	p->lines = work->request.headers;
	p->n_lines = work->request.n_headers;
	for (int i = 0; i < p->n_lines; i++)
	{
		if (pg_strcasecmp(p->lines[i].name, "cookie") == 0)
			p->cookies = p->lines[i].value;
	}
	p->cap = work->request.max_body;
	initStringInfo(&p->body);
	if (p->how.mode == ERRAND_PAGE_NUMBER || p->how.mode == ERRAND_PAGE_OFFSET)
		begin_count(p, &work->request);
	begin_source(p, &work->request);
	p->seen = list_make1((char *) work->request.url);
	work->pages = p;
	run->steps = true;
	MemoryContextSwitchTo(old);
}

static bool
seen(const HttpPages *p, const char *url)
{
	ListCell *cell;

	foreach (cell, p->seen)
	{
		if (strcmp(lfirst(cell), url) == 0)
			return true;
	}
	return false;
}

/* A page that failed: its number goes into the error. */
static void
fail_page(HttpPages *p)
{
	ErrandRun *run = p->run;
	int number = p->n + 1;

	if (run->failure == ERRAND_FAIL_TOO_LARGE && p->n > 0)
		run->error = psprintf("page %d: the pages are larger than %zu bytes together", number,
							  p->cap);
	else if (run->error != NULL && run->error[0] != '\0')
		run->error = psprintf("page %d: %s", number, run->error);
	else
		run->error = psprintf("page %d: HTTP status %d", number, run->status);
}

/* Is a page of numbers or offsets the end, and nothing worth keeping? */
static bool
is_empty(const HttpPages *p, int64 items)
{
	const ErrandRun *run = p->run;
	int last_len = p->body.len - p->last_at;

	if (p->how.mode != ERRAND_PAGE_NUMBER && p->how.mode != ERRAND_PAGE_OFFSET)
		return false;
	if (items == 0)
		return true;
	/* a server that does not count repeats itself */
	return p->n > 0 && run->body_len == (size_t) last_len &&
		   memcmp(run->body, p->body.data + p->last_at, last_len) == 0;
}

static void
keep_page(HttpPages *p, bool json)
{
	ErrandRun *run = p->run;

	p->last_at = p->body.len + 1;
	errand_page_append(&p->body, run->body, run->body_len, json);
	p->n++;
	p->bytes += run->body_len;
}

/* The next page, as the Link header tells it. */
static char *
link_of(const ErrandRun *run)
{
	const char *line = run->head;
	const char *end = run->head + run->head_len;

	while (line != NULL && line < end)
	{
		const char *eol = memchr(line, '\n', end - line);
		const char *stop = eol ? eol : end;
		const char *target;
		size_t len;

		if (stop - line > 5 && errand_ascii_equals(line, 5, "link:"))
		{
			const char *value = line + 5;

			len = stop - value;
			errand_ascii_trim(&value, &len);
			target = errand_link_find(value, len, "next", &len);
			if (target != NULL)
				return pnstrdup(target, len);
		}
		line = eol ? eol + 1 : NULL;
	}
	return NULL;
}

/* Where the page leads, as it says it; NULL: nowhere. */
static char *
next_of(HttpPages *p, Jsonb *page, int64 items)
{
	char *word;

	switch (p->how.mode)
	{
		case ERRAND_PAGE_LINK:
			return link_of(p->run);
		case ERRAND_PAGE_NEXT_URL:
			return errand_page_word(page, p->how.path);
		case ERRAND_PAGE_CURSOR:
			word = errand_page_word(page, p->how.path);
			if (p->one)
				return word;
			return word ? errand_url_with(p->first, p->how.param, word) : NULL;
		case ERRAND_PAGE_NUMBER:
			p->count++;
			return counted(p);
		case ERRAND_PAGE_OFFSET:
			p->count += p->how.size;
			return items >= 0 && items < p->how.size ? NULL : counted(p);
	}
	return NULL;
}

/* All pages are there: their array is the body. */
static void
finish(HttpPages *p)
{
	ErrandRun *run = p->run;
	char *text = psprintf("{\"pages\": %d}", p->n);

	appendStringInfoString(&p->body, p->n > 0 ? "]" : "[]");
	run->body = p->body.data;
	run->body_len = p->body.len;
	run->has_body = true;
	run->content_type = "application/json";
	run->result = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* Takes the page in; returns where it leads, NULL if it is the last. */
static char *
take_page(HttpPages *p)
{
	ErrandRun *run = p->run;
	MemoryContext scratch = AllocSetContextCreate(run->memory, "errand page",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Jsonb *page = errand_page_parse(run->body, run->body_len);
	int64 items = errand_page_items(page, run->body_len,
									p->how.mode >= ERRAND_PAGE_NUMBER ? p->how.path : NULL);
	char *next = NULL;

	if (!is_empty(p, items))
	{
		keep_page(p, page != NULL);
		next = p->n < p->how.max_pages ? next_of(p, page, items) : NULL;
	}
	MemoryContextSwitchTo(old);
	next = next ? pstrdup(next) : NULL;
	MemoryContextDelete(scratch);
	return next;
}

/* A source's page is the task's answer as it came; where the next one is, is its result. */
static void
tell_next(HttpPages *p)
{
	ErrandRun *run = p->run;
	bool by_url = p->how.mode == ERRAND_PAGE_LINK || p->how.mode == ERRAND_PAGE_NEXT_URL;
	Jsonb *page = errand_page_parse(run->body, run->body_len);
	int64 items = errand_page_items(page, run->body_len,
									p->how.mode >= ERRAND_PAGE_NUMBER ? p->how.path : NULL);
	bool empty = is_empty(p, items);
	char *next = run->status == 304 || empty ? NULL : next_of(p, page, items);
	StringInfoData s;

	if (next != NULL && by_url && (next = errand_page_follow(p, next)) == NULL)
		return; /* it failed */
	initStringInfo(&s);
	appendStringInfo(&s, "{\"empty\": %s", empty ? "true" : "false");
	if (next != NULL)
	{
		appendStringInfo(&s, ", \"next\": {\"%s\": ", by_url ? "url" : "value");
		escape_json(&s, next);
		appendStringInfo(&s, "%s}", p->left_host ? ", \"away\": true" : "");
	}
	appendStringInfoChar(&s, '}');
	run->result = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

bool
errand_http_pages_next(ErrandRun *run, HttpWork *work)
{
	HttpPages *p = work->pages;
	char *next;

	p->bytes_sent |= run->bytes_sent;
	run->bytes_sent = p->bytes_sent;
	if (run->cancel_asked)
		return false;
	if (run->failure != ERRAND_FAIL_NONE || run->status < run->success_lo ||
		run->status >= run->success_hi)
	{
		fail_page(p);
		return false;
	}
	errand_cookies_take(&p->jar, work->url, run->head, run->head_len);
	if (p->one)
	{
		tell_next(p);
		return false;
	}
	next = take_page(p);
	if (next != NULL)
		next = errand_page_follow(p, next);
	if (next != NULL && !seen(p, next))
		return errand_page_begin(p, next);
	if (run->failure == ERRAND_FAIL_NONE)
		finish(p);
	return false;
}
