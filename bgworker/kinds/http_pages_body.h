/*
 * http_pages_body.h
 *		What stands in a page: as JSON, in the array of all pages, and where it
 *		leads.
 */
#ifndef ERRAND_HTTP_PAGES_BODY_H
#define ERRAND_HTTP_PAGES_BODY_H

#include "postgres.h"

#include "http_paginate.h"
#include "lib/stringinfo.h"
#include "utils/jsonb.h"

/* A page's body as JSON, or NULL if it is none. */
extern Jsonb *errand_page_parse(const char *body, size_t len);

/* Appends a page to an array: JSON as it came, else a string, else base64. */
extern void errand_page_append(StringInfo s, const char *body, size_t len, bool json);

/* What the path finds first, as text; NULL if nothing, or nothing that says more. */
extern char *errand_page_word(Jsonb *page, struct varlena *path);

/* How many items a page has; -1 if it does not tell. */
extern int64 errand_page_items(Jsonb *page, size_t len, struct varlena *path);

/* The value of a parameter of a URL's query, or NULL. */
extern char *errand_url_parameter(const char *url, const char *name);

/* The URL with that parameter set. */
extern char *errand_url_with(const char *url, const char *name, const char *value);

#endif
