/*
 * http.h
 *		Kind http: an HTTP request on the worker's event loop.
 */
#ifndef ERRAND_HTTP_H
#define ERRAND_HTTP_H

#include <uv.h>

#include "kinds/kind.h"
#include "net/transfer.h"

extern const ErrandKind errand_kind_http;

/* Makes the worker's network on its loop; raises if it cannot. */
extern void errand_http_init(uv_loop_t *loop, const char *secret);

/* What keys of requests are made from changed. */
extern void errand_http_secret(const char *instance_secret);

/* Settings changed. */
extern void errand_http_configure(void);

/* errand.max_in_flight, or what the descriptor limit allows of it. */
extern int errand_in_flight_limit(void);

/* The worker's network, for its numbers. */
extern ErrandNet *errand_http_net(void);

#endif
