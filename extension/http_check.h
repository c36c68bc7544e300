/*
 * http_check.h
 *		Is this JSON an HTTP request that can be sent?
 */
#ifndef ERRAND_HTTP_CHECK_H
#define ERRAND_HTTP_CHECK_H

#include "options.h"

#define ERRAND_CHUNKS_MAX_BYTES INT64CONST(1073741824)
#define ERRAND_CACHE_TTL_MAX_MS (INT64CONST(366) * 86400 * 1000)

/*
 * Raises 22023 with a hint unless the payload of a task of kind http is one
 * that the engine can send: known keys, right types, a URL, method and headers
 * that cannot be abused.  need_url is false for a task type's template.
 */
extern void errand_http_check(Jsonb *payload, bool need_url);

/* The last part of it: what cannot go together.  whole is false for a template. */
extern void errand_http_check_together(JsonbContainer *payload, bool whole);

/*
 * Takes out of a payload what stands there under the names of errand.http()'s
 * arguments, and puts the payload the engine reads in its place.  Options that
 * are given as arguments win.
 */
extern void errand_http_lift(Jsonb *payload, ErrandOptions *o);

/* Could this request have a cache_ttl? */
extern bool errand_http_cacheable(Jsonb *payload);

/* The payload with its type's cache_ttl, if it says none itself and could. */
extern Jsonb *errand_http_cache_default(Jsonb *payload, Jsonb *type_row);

/* The payload that the options of errand.http() and its kin come to. */
extern Jsonb *errand_http_payload(const ErrandOptions *o, const char *method);

#endif
