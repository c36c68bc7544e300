/*
 * http_request.h
 *		From a task's payload to the request that is sent.
 */
#ifndef ERRAND_HTTP_REQUEST_H
#define ERRAND_HTTP_REQUEST_H

#include "lib/stringinfo.h"
#include "net/transfer.h"
#include "queue/run.h"

/*
 * Fills *q from the run's payload; everything lives in the run's memory.
 * idempotency_key is the value of the header, quotes included.  Returns NULL,
 * or why such a request can never be sent.  *discard: keep no body.
 */
extern const char *
errand_http_build(ErrandRun *run, const char *idempotency_key, ErrandRequest *q, bool *discard);

/* Percent-encodes all but what may stand in a query as it is. */
extern void errand_http_encode(StringInfo s, const char *text);

#endif
