/*
 * http_secrets.h
 *		The secrets of an HTTP task, from its payload into its request.
 */
#ifndef ERRAND_HTTP_SECRETS_H
#define ERRAND_HTTP_SECRETS_H

#include "net/transfer.h"
#include "queue/run.h"

/*
 * The run's payload with the values in place of the references: the payload
 * itself if there are none.  NULL and *why set, in the run's memory, if a
 * secret is gone or its value cannot stand where it is wanted.  Sets what
 * *q says of secrets.
 */
extern Jsonb *errand_http_secrets_fill(ErrandRun *run, ErrandRequest *q, const char **why);

/* Marks the headers that hold a value: they do not go to another host. */
extern void errand_http_secrets_mark(const ErrandRun *run, ErrandHeaderLine *headers, int n);

/* Overwrites what was made of the values; once the request is used no more. */
extern void errand_http_secrets_wipe(ErrandRun *run, ErrandRequest *q);

#endif
