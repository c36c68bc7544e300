/*-------------------------------------------------------------------------
 *
 * transfer.h
 *	  HTTP transfers on one libuv loop: the whole contract of bgworker/net.
 *
 * Runs in the errand worker.  Nothing here knows PostgreSQL: memory comes from
 * malloc, failures are values, and no function throws, blocks or starts a
 * thread.  The caller turns the loop (uv_run(UV_RUN_NOWAIT) from a
 * WaitEventSet on uv_backend_fd(), sleeping for uv_backend_timeout()); this
 * code never does.  SIGPIPE must be ignored, as it is in PostgreSQL's
 * processes.  Both callbacks below are called from the loop with none of
 * curl's or c-ares's frames on the stack, so they may call every function here
 * except errand_net_destroy.  They must return: a longjmp out of them would
 * leave half-moved lists behind.
 *
 * A transfer's life:
 *
 *	errand_transfer_start -> queued behind its host -> (started callback)
 *	  -> name looked up -> in curl -> [redirect: looked up again] -> finished
 *	  -> (done callback, exactly once) -> errand_transfer_free
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_TRANSFER_H
#define ERRAND_NET_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "core/policy.h" /* ErrandCidr */
#include "core/retry.h"	 /* ErrandFailure */

typedef struct ErrandNet ErrandNet; /* one a process */
typedef struct ErrandTransfer ErrandTransfer;

/*
 * What the administrator set.  Everything is copied.
 */
typedef struct ErrandNetConfig
{
	int max_in_flight;		 /* transfers at once in curl, all hosts */
	int host_max_running;	 /* at once for one host:port */
	size_t max_buffered;	 /* informational: the caller stops claiming */
	const ErrandCidr *allow; /* reachable beside the public internet */
	int n_allow;
	const char *user_agent;
	const char *dns_servers; /* "a.b.c.d[:port],..."; "" = the system's */
	int dns_timeout_ms;		 /* of one look-up, all tries together */
	const char *ca_file;	 /* PEM bundle; NULL or "" = the system's */
} ErrandNetConfig;

typedef struct ErrandHeaderLine
{
	const char *name;
	const char *value;
	bool credential; /* not to another host, whatever its name is */
} ErrandHeaderLine;

/*
 * What to send.  The struct itself is copied by errand_transfer_start; what it
 * points to must stay until the done callback, or until errand_transfer_cancel
 * returned.
 */
typedef struct ErrandRequest
{
	const char *url;
	const char *method; /* as it goes on the wire, e.g. "GET" */
	const ErrandHeaderLine *headers;
	int n_headers;
	const void *body; /* may hold NUL bytes; not copied */
	size_t body_len;
	bool has_body;				/* false: the body fields are ignored */
	int64_t timeout_ms;			/* from started on; names and redirects included */
	int64_t connect_timeout_ms; /* TCP and TLS of one hop */
	size_t max_body;			/* of the response, decompressed */
	int host_max_running;		/* what its host may run at once; 0: the configured */
	int follow_redirects;		/* hops at most; 0 = hand back the 3xx */
	void *owner;				/* given to both callbacks */
	int64_t wall_offset_us;		/* wall clock since 1970 less monotonic; 0: not told */

	/*
	 * Never let curl send the request a second time by itself, which it does
	 * when a kept connection turns out to be dead: the request gets a new
	 * connection.  For tasks that must run at most once.
	 */
	bool never_resend;

	bool has_secrets; /* keep no copy of the URL or the headers */
	bool secret_body; /* the body is not for another host, either */

	/*
	 * Hand the body over while it comes: the transfer pauses while so many
	 * bytes wait for errand_transfer_consume().  0: all of it is kept.
	 */
	size_t stream_at;
} ErrandRequest;

/*
 * What came back.  Valid inside the done callback and from then on until
 * errand_transfer_free.  Of several hops only the last is told here.
 */
typedef struct ErrandResponse
{
	ErrandFailure failure; /* ERRAND_FAIL_NONE: a response, any status */
	int status;			   /* 0 if none came */
	const char *head;	   /* "Name: value\r\n"..., no status line */
	size_t head_len;	   /* NUL-terminated beyond it */
	const char *body;	   /* likewise; what had arrived if it failed */
	size_t body_len;
	const char *content_type; /* or NULL */
	const char *url;		  /* of the last hop; NULL if there was none */
	int64_t retry_after_ms;	  /* -1: none */
	char error[512];		  /* lower case, no full stop; "" if none */
	char hint[256];			  /* what to do about it; "" if nothing */
	int32_t dns_us;			  /* the final hop's time, split; -1 unknown */
	int32_t connect_us;
	int32_t tls_us;
	int32_t wait_us;
	int32_t transfer_us;
	int64_t started_us; /* uv_hrtime() / 1000; 0: never started */
	int64_t finished_us;
	int redirects;	 /* hops followed */
	bool bytes_sent; /* a byte of a request may have left */
	bool timed_out;
	bool reused;	  /* went over a kept connection */
	int http_version; /* 10, 11, 20, 30; 0 unknown */
	char peer[64];	  /* "127.0.0.1:8080", "[::1]:80"; "" if none */
} ErrandResponse;

/* The transfer left its host's queue and runs.  Called once at most. */
typedef void (*ErrandTransferStarted)(void *owner);

/* The transfer is over.  Called exactly once for each transfer started. */
typedef void (*ErrandTransferDone)(void *owner, ErrandTransfer *t, const ErrandResponse *r);

/*
 * Make the process's network.  The loop must have been made after the fork.
 * Returns NULL and sets *why to a constant text if that fails.  The net keeps
 * one active handle in the loop, so that uv_backend_timeout() tells a sleep.
 */
extern ErrandNet *
errand_net_create(uv_loop_t *loop, const ErrandNetConfig *c, ErrandTransferStarted started,
				  ErrandTransferDone done, const char **why);

/*
 * Take over a changed configuration.  Look-ups in flight start anew if the
 * servers changed; connections that a changed allow list refuses are cut.
 * What cannot be used (an unreadable list of servers) stays as it was, and
 * errand_net_warning() says so until the next configure; NULL if all is well.
 */
extern void errand_net_configure(ErrandNet *n, const ErrandNetConfig *c);
extern const char *errand_net_warning(const ErrandNet *n);

/*
 * A proxy for one host, which is "name" (any port), "name:port" or
 * "[v6]:port".  The administrator chose it: the egress policy is not asked
 * about the proxy itself, nor about a name that the proxy looks up.
 */
typedef struct ErrandProxyRule
{
	const char *host;
	bool socks;		  /* SOCKS 5 with names; else HTTP */
	const char *name; /* where it is, without brackets */
	int port;
	const char *user;	  /* or NULL */
	const char *password; /* or NULL */
	const char *unusable; /* not NULL: requests to the host fail, and this is why */
} ErrandProxyRule;

/*
 * The proxies from now on; everything is copied.  Hosts without one never use
 * any.  False if memory is out: then all stays as it was.
 */
extern bool errand_net_set_proxies(ErrandNet *n, const ErrandProxyRule *rules, int n_rules);

/*
 * Close everything.  Transfers not done are dropped without a callback;
 * transfers not freed are freed.  The memory goes once the loop has been
 * turned until uv_loop_alive() is false, which takes one or two turns and
 * never waits.  Not from inside a callback.
 */
extern void errand_net_destroy(ErrandNet *n);

/*
 * Queue a transfer.  Never NULL except when memory is out; what is wrong with
 * the request is told by the done callback, which always comes later from the
 * loop, as does the started callback.
 */
extern ErrandTransfer *errand_transfer_start(ErrandNet *n, const ErrandRequest *r);

/*
 * Cut a transfer off at once, wherever it is: on return nothing that the
 * request pointed to is used any more.  The done callback comes later from the
 * loop with ERRAND_FAIL_CANCELLED.  Without effect once done was called.
 */
extern void errand_transfer_cancel(ErrandTransfer *t);

/*
 * What has arrived of a streamed body and was not consumed, and how long it
 * is; 0 unless the transfer is in curl.  Valid until the loop is turned.
 */
extern size_t errand_transfer_arrived(const ErrandTransfer *t, const char **data);

/*
 * Drop the first n bytes of it, and go on if it was paused.  Not from inside a
 * callback.
 */
extern void errand_transfer_consume(ErrandTransfer *t, size_t n);

/*
 * Where a reference found in the answer from base leads: the text of a URL
 * that may be asked for (malloc'd), or NULL with error filled.  *same_host:
 * same host, port and scheme as first.  Like a redirect it never goes from
 * https to http.
 */
extern char *
errand_net_follow(ErrandNet *n, const char *first, const char *base, const char *reference,
				  size_t len, bool *same_host, char *error, size_t error_size);

/*
 * Give back a transfer that is done.  From inside its done callback or later.
 */
extern void errand_transfer_free(ErrandTransfer *t);

/*
 * Counters, all O(1).  running: started and not finished, those that wait for
 * a name included (resolving counts them apart, they hold no place in curl).
 * buffered: bytes allocated for response bodies of transfers not freed yet.
 */
extern int errand_net_running(const ErrandNet *n);
extern int errand_net_resolving(const ErrandNet *n);
extern int errand_net_queued(const ErrandNet *n);
extern size_t errand_net_buffered(const ErrandNet *n);

/*
 * One host, named as "name:port" or "[v6]:port" in lower case.  free: how many
 * more of it could start now, under its own limit and the net's; an unknown
 * host counts as idle.
 */
extern int errand_net_host_queued(const ErrandNet *n, const char *host_port);
extern int errand_net_host_free(const ErrandNet *n, const char *host_port);

typedef struct ErrandHostStat
{
	const char *host; /* name without port; valid until the next turn */
	int port;
	int running;
	int queued;
	int max_running;
	uint64_t requests;	  /* finished ones */
	uint64_t errors;	  /* of these without a response, or 5xx */
	uint64_t connections; /* of these on a new connection */
	int64_t last_us;	  /* the last start or finish, uv_hrtime() / 1000 */
	int last_status;	  /* of the last response; 0 none yet */
} ErrandHostStat;

/*
 * Walk over the known hosts: *cursor begins at 0; false at the end.  Do not
 * start transfers in between.  Hosts idle for ten minutes are forgotten, and
 * at most 4096 idle ones are kept.
 */
extern bool errand_net_next_host(const ErrandNet *n, int *cursor, ErrandHostStat *out);

#endif /* ERRAND_NET_TRANSFER_H */
