/*
 * http_check.h
 *		Is this JSON an HTTP request that can be sent?
 */
#ifndef ERRAND_HTTP_CHECK_H
#define ERRAND_HTTP_CHECK_H

#include "options.h"

/*
 * Raises 22023 with a hint unless the payload of a task of kind http is one
 * that the engine can send: known keys, right types, a URL, method and headers
 * that cannot be abused.  need_url is false for a task type's template.
 */
extern void errand_http_check(Jsonb *payload, bool need_url);

/*
 * Takes out of a payload what stands there under the names of errand.http()'s
 * arguments, and puts the payload the engine reads in its place.  Options that
 * are given as arguments win.
 */
extern void errand_http_lift(Jsonb *payload, ErrandOptions *o);

/* The payload that the options of errand.http() and its kin come to. */
extern Jsonb *errand_http_payload(const ErrandOptions *o, const char *method);

#endif
