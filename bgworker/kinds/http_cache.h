/*
 * http_cache.h
 *		Answers that are kept for requests with a cache_ttl.
 */
#ifndef ERRAND_HTTP_CACHE_H
#define ERRAND_HTTP_CACHE_H

#include "net/transfer.h"
#include "queue/run.h"

/* Within the claim: looks up what is kept for the runs just claimed. */
extern void errand_http_cache_find(void);

/* Is there a fresh answer, so that no request is needed? */
extern bool errand_http_cache_has(const ErrandRun *r);

/* If so, the run is over with it. */
extern bool errand_http_cache_answer(ErrandRun *r);

/* Asks whether what is kept, but no longer fresh, still holds. */
extern void errand_http_cache_condition(ErrandRun *r, ErrandRequest *q);

/* Puts what is kept in the place of a 304. */
extern void errand_http_cache_take(ErrandRun *r);

/* Within the settle: keeps what came. */
extern void errand_http_cache_store(ErrandRun **runs, int n);

#endif
