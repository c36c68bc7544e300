/*
 * request.h
 *		What callbacks want of the database: queued, and run by the main loop
 *		between turns of the event loop, each in a transaction of its own.
 */
#ifndef ERRAND_RELAY_REQUEST_H
#define ERRAND_RELAY_REQUEST_H

#include "postgres.h"

#include "level.h"
#include "net/list.h"
#include "relay/token.h"

typedef enum RelayAsk
{
	RELAY_ASK_AUTH,		/* who: what may it do? */
	RELAY_ASK_API,		/* the same, then a route of errand._api as its role */
	RELAY_ASK_SNAPSHOT, /* a route of errand._api as role, with level */
	RELAY_ASK_READY,	/* /readyz */
	RELAY_ASK_METRICS,	/* /metrics, with who where it is not public */
	RELAY_ASK_CHECK,	/* all principals: are they still good? */
	RELAY_ASK_STATS,	/* the channel stats */
	RELAY_ASK_NEWS		/* what a source stored in the batch number */
} RelayAsk;

/* How it went.  The texts are malloc'd and the request's. */
typedef struct RelayAnswer
{
	int status;	  /* of HTTP */
	char code[6]; /* SQLSTATE of an error, else empty */
	char *message;
	char *hint;
	char *text; /* what was asked for: mostly JSON */
	size_t text_len;
} RelayAnswer;

typedef struct RelayRequest RelayRequest;

/* Called by the main loop when the answer is there; it may queue more. */
typedef void (*RelayDone)(RelayRequest *r, void *owner);

struct RelayRequest
{
	ErrandLink node;
	RelayAsk ask;
	RelayPrincipal *who; /* referenced; NULL where the ask needs none */
	ErrandLevel needed;	 /* of who */
	Oid role;			 /* RELAY_ASK_SNAPSHOT */
	ErrandLevel level;
	const char *route; /* of _api; static.  Of METRICS: OpenMetrics if there is one */
	char *args;		   /* JSON, malloc'd, the request's */
	int64 number;	   /* RELAY_ASK_NEWS */
	RelayDone done;	   /* NULL once its owner is gone */
	void *owner;
	RelayAnswer answer;
};

/*
 * Queues a request; who gets a reference, args pass to it.  NULL if there are
 * too many, or no memory: args are freed.  More fields may be filled in before
 * the main loop comes.
 */
extern RelayRequest *
relay_request_add(RelayAsk ask, RelayPrincipal *who, char *args, RelayDone done, void *owner);

/* Its owner is gone.  A request that has not begun is not run. */
extern void relay_request_forget(RelayRequest *r);

/* Whether any is queued. */
extern bool relay_requests_any(void);

/* Whether all that are queued wait until the leader has counted. */
extern bool relay_requests_held(void);

/* Runs some; in the main loop only. */
extern void relay_requests_run(void);

#endif
