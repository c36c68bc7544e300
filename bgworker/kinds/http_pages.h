/*
 * http_pages.h
 *		One task, many pages: each fetched after the one before it.
 */
#ifndef ERRAND_HTTP_PAGES_H
#define ERRAND_HTTP_PAGES_H

#include <uv.h>

#include "http_paginate.h"
#include "lib/stringinfo.h"
#include "net/transfer.h"
#include "nodes/pg_list.h"
#include "queue/run.h"

/* What kind http holds of a run that has started; http.c makes it. */
typedef struct HttpWork
{
	ErrandRequest request;
	ErrandTransfer *transfer; /* NULL: none is under way or held */
	bool discard;
	bool over;				 /* the transfer is done */
	const char *url;		 /* of the last hop; lives as long as the transfer */
	int64 started_us;		 /* of the first transfer, uv_hrtime() / 1000 */
	struct HttpPages *pages; /* NULL: one request is all */
} HttpWork;

/* The pages of a run. */
typedef struct HttpPages
{
	ErrandRun *run;
	HttpWork *work;
	ErrandPaginate how;
	const char *first;			   /* the URL of the task */
	const ErrandHeaderLine *lines; /* the headers of the first page */
	int n_lines;
	const char *cookies; /* of these, the cookies */
	List *seen;			 /* URLs that were asked for */
	List *jar;
	StringInfoData body;
	int last_at; /* where the page before begins in body */
	int n;		 /* pages in body */
	int64 count; /* what param was for the last page */
	size_t cap;
	size_t bytes; /* of the pages up to now */
	bool bytes_sent;
	bool left_host;
	bool one; /* of a source: this page is all, and says where the next one is */
	dlist_node node;
	bool waits;
	int64 due_us;
} HttpPages;

/* Once a process. */
extern void errand_http_pages_init(uv_loop_t *loop, ErrandNet *net);

/* Before the first page, if the payload says "paginate": makes work->pages. */
extern void errand_http_pages_start(ErrandRun *run, HttpWork *work);

/* A page came, or failed: true if the next one is under way. */
extern bool errand_http_pages_next(ErrandRun *run, HttpWork *work);

/* Ends a wait between two pages; false if there is none. */
extern bool errand_http_pages_cancel(ErrandRun *run, HttpWork *work);

extern void errand_http_pages_release(HttpWork *work);

/*
 * Between http_pages.c and http_pages_send.c.  Where a page leads: checked and
 * resolved, or NULL with the run failed.  Begin: false with the run failed.
 */
extern char *errand_page_follow(HttpPages *p, const char *next);
extern bool errand_page_begin(HttpPages *p, char *url);

#endif
