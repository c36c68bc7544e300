/*
 * args.h
 *		From a request to what errand._api is called with, and back.
 */
#ifndef ERRAND_RELAY_ARGS_H
#define ERRAND_RELAY_ARGS_H

#include "relay/conn.h"
#include "relay/routes.h"
#include "relay/wish.h"

/*
 * The query, the piece of the path and the body as one JSON object, malloc'd.
 * NULL: *problem says what is wrong.
 */
extern char *relay_args_make(const RelayConn *c, const RelayRoute *route, const char **problem);

/* What a stream of events asks for; the caller frees it.  False: *problem. */
extern bool relay_args_wish(const RelayConn *c, RelayWish *wish, const char **problem);

/* The text of an answer that is {"csv": "..."}, malloc'd; NULL if it is another. */
extern char *relay_args_csv(const char *json, size_t len);

#endif
