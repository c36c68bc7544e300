/*-------------------------------------------------------------------------
 *
 * resolver.h
 *	  Names to addresses: a small cache in front of c-ares on the libuv loop.
 *
 * There is no thread and no getaddrinfo(): what libcurl does by default stalls
 * every transfer behind one silent DNS server, and its thread takes
 * PostgreSQL's signals.  nsswitch is not consulted, only /etc/hosts and DNS.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_RESOLVER_H
#define ERRAND_NET_RESOLVER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include <uv.h>

#include "core/retry.h"
#include "net/handles.h"
#include "net/list.h"

#define ERRAND_NAME_MAX_ADDRESSES 16
#define ERRAND_NAME_MAX_TTL 300 /* seconds */

typedef struct ErrandAddress
{
	socklen_t len;
	union
	{
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;
} ErrandAddress;

typedef enum ErrandNameState
{
	ERRAND_NAME_NEW, /* nobody asked yet, or the answer is too old */
	ERRAND_NAME_PENDING,
	ERRAND_NAME_KNOWN,
	ERRAND_NAME_FAILED
} ErrandNameState;

typedef struct ErrandNames ErrandNames;

/* What is known of one name.  Read only outside resolver code. */
typedef struct ErrandName
{
	ErrandNameState state;
	int64_t expires_us; /* KNOWN, FAILED: believed until then */
	int n_addresses;	/* KNOWN: IPv4 first, port 0 */
	ErrandAddress addresses[ERRAND_NAME_MAX_ADDRESSES];
	ErrandFailure failure; /* FAILED: DNS or DNS_NOT_FOUND */
	const char *reason;	   /* FAILED: a constant text, lower case */

	struct ErrandName *chain; /* the rest belongs to names.c */
	ErrandLink link;		  /* pending: by deadline; else by last use */
	ErrandLink unasked;		  /* pending, and c-ares has no room for it yet */
	ErrandLink waiters;
	struct ErrandQuery *query; /* c-ares works on it */
	int64_t deadline_us;
	uint32_t hash;
	int refs; /* waiters that point here */
	char text[];
} ErrandName;

/*
 * Somebody who wants to know a name.  ready is called from inside c-ares, so
 * it may only record; it is not called for what is known at once.
 */
typedef struct ErrandWaiter
{
	ErrandLink link;
	ErrandName *name; /* NULL: waits for nothing */
	void (*ready)(struct ErrandWaiter *w);
} ErrandWaiter;

/*
 * servers: "" for the system's; timeout_ms: of one look-up, all tries
 * together; handles counts what is open in the loop.  NULL with *why set to a
 * constant text on failure.
 */
extern ErrandNames *errand_names_create(uv_loop_t *loop, ErrandHandles *handles,
										const char *servers, int timeout_ms, const char **why);

/*
 * New servers, or the system's read again.  What is cached is forgotten, what
 * is being looked up starts anew with its old deadline.  False, with all as it
 * was, if the servers cannot be used.
 */
extern bool
errand_names_configure(ErrandNames *names, const char *servers, int timeout_ms, const char **why);

/*
 * Look a name up (lower case, no address).  Sets w->name, NULL if memory is
 * out.  True: its state is final now; false: w->ready comes later.
 */
extern bool errand_names_lookup(ErrandNames *names, const char *host, ErrandWaiter *w);

/* Wait no more, and let go of w->name. */
extern void errand_names_release(ErrandWaiter *w);

/* Close; no waiter may be left.  The memory goes as the loop turns. */
extern void errand_names_close(ErrandNames *names);

/*-------------------------------------------------------------------------
 * dns.c, for names.c: one c-ares channel
 *-------------------------------------------------------------------------
 */
typedef struct ErrandDns ErrandDns;

/* One question to c-ares; outlives the name if that gave up first. */
typedef struct ErrandQuery
{
	ErrandNames *names;
	ErrandName *name; /* NULL: nobody wants the answer any more */
} ErrandQuery;

extern ErrandDns *errand_dns_create(ErrandNames *names, uv_loop_t *loop, ErrandHandles *handles,
									const char *servers, int timeout_ms, const char **why);

/* Ask; errand_names_answer() comes later, or before this returns. */
extern void errand_dns_ask(ErrandDns *dns, const char *host, ErrandQuery *q);

/* Close; errand_names_answer() comes for all that is still open. */
extern void errand_dns_close(ErrandDns *dns);

/* For dns.c: an answer (inside c-ares, so only record); room for more. */
typedef struct ErrandAnswer
{
	bool aborted;		   /* the channel was closed */
	ErrandFailure failure; /* NONE: there are addresses */
	const char *reason;
	int ttl;		 /* seconds */
	int n_addresses; /* IPv4 first */
	ErrandAddress addresses[ERRAND_NAME_MAX_ADDRESSES];
} ErrandAnswer;

extern void errand_names_answer(ErrandQuery *q, const ErrandAnswer *answer);
extern void errand_names_ask_more(ErrandNames *names);

#endif /* ERRAND_NET_RESOLVER_H */
