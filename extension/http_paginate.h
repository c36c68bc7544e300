/*
 * http_paginate.h
 *		The "paginate" of a request or a source: which page comes next.
 */
#ifndef ERRAND_HTTP_PAGINATE_H
#define ERRAND_HTTP_PAGINATE_H

#include "postgres.h"

#include "utils/jsonb.h"

#define ERRAND_PAGES_DEFAULT 10
#define ERRAND_PAGES_MAX 1000

typedef enum ErrandPageMode
{
	ERRAND_PAGE_LINK,	  /* the Link header's rel="next" */
	ERRAND_PAGE_NEXT_URL, /* a URL in the body, at path */
	ERRAND_PAGE_CURSOR,	  /* a word in the body, at path, sent as param */
	ERRAND_PAGE_NUMBER,	  /* param counts pages */
	ERRAND_PAGE_OFFSET	  /* param counts items, size each page */
} ErrandPageMode;

typedef struct ErrandPaginate
{
	ErrandPageMode mode;
	struct varlena *path; /* a jsonpath, or NULL */
	char *param;
	int64 size;
	int max_pages;
	int64 delay_ms;
} ErrandPaginate;

/*
 * Reads {"mode": ..., ...} into *p; raises 22023 with a hint if it is wrong.
 * Memory is the caller's context.  Needs no transaction.
 */
extern void errand_paginate_read(const JsonbValue *v, ErrandPaginate *p);

#endif
