/*
 * http_cookies.h
 *		Cookies that pages set, for the pages after them.
 */
#ifndef ERRAND_HTTP_COOKIES_H
#define ERRAND_HTTP_COOKIES_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Takes the Set-Cookie lines of an answer from url into the jar. */
extern void errand_cookies_take(List **jar, const char *url, const char *head, size_t head_len);

/*
 * The Cookie header for a request to url: what was given, where the jar has
 * nothing of that name, and what that host has set.  NULL if there is nothing.
 */
extern char *errand_cookies_for(const List *jar, const char *url, const char *given);

#endif
