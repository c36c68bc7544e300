/*
 * retry.h
 *		What becomes of a task when an attempt has ended.
 */
#ifndef ERRAND_CORE_RETRY_H
#define ERRAND_CORE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "backoff.h"

/* Why an attempt got no (usable) answer. */
typedef enum ErrandFailure
{
	ERRAND_FAIL_NONE,		   /* a complete answer came; its status decides */
	ERRAND_FAIL_CONNECT,	   /* refused, unreachable */
	ERRAND_FAIL_TIMEOUT,	   /* connecting, or waiting for the answer */
	ERRAND_FAIL_DNS,		   /* the look-up failed or timed out */
	ERRAND_FAIL_DNS_NOT_FOUND, /* there is no such name */
	ERRAND_FAIL_TLS,		   /* the certificate or the protocol was refused; a
								 * connection lost in the handshake is RESET */
	ERRAND_FAIL_RESET,		   /* connection lost, empty reply, half a body */
	ERRAND_FAIL_PROTOCOL,	   /* what came is no HTTP */
	ERRAND_FAIL_TOO_LARGE,	   /* the answer exceeds its cap */
	ERRAND_FAIL_POLICY,		   /* the egress policy refused the address */
	ERRAND_FAIL_REDIRECT,	   /* too many, or to where none may lead */
	ERRAND_FAIL_BAD_REQUEST,   /* the task itself can never succeed */
	ERRAND_FAIL_CANCELLED,	   /* cut off by request */
	ERRAND_FAIL_DEFERRED,	   /* the other side says: later */
	ERRAND_FAIL_REFUSED,	   /* the other side says no, for good */
	ERRAND_FAIL_INTERNAL	   /* ours: out of memory, an exhausted limit */
} ErrandFailure;

typedef enum ErrandVerdict
{
	ERRAND_VERDICT_SUCCEEDED,
	ERRAND_VERDICT_RETRY, /* again, after delay_ms */
	ERRAND_VERDICT_FAILED,
	ERRAND_VERDICT_CANCELLED,
	ERRAND_VERDICT_UNKNOWN /* at_most_once, and nobody knows */
} ErrandVerdict;

/* Retry-After is believed up to this: 24 h. */
#define ERRAND_RETRY_AFTER_MAX_MS INT64_C(86400000)

typedef struct ErrandRetryInput
{
	ErrandFailure failure;
	int status;		/* of the answer; 0: none came */
	int success_lo; /* success is [success_lo, success_hi) */
	int success_hi;
	int failures_before; /* attempts that failed before this one */
	int max_attempts;	 /* all in all; below 1 counts as 1 */
	bool at_most_once;
	bool bytes_sent; /* a byte of the request may have left */
	bool cancelled;	 /* somebody asked for cancellation */
	ErrandBackoff backoff;
	int64_t base_ms;
	double factor;
	int64_t max_ms;
	int64_t retry_after_ms;	  /* what the server asked for; negative: nothing */
	int64_t deadline_left_ms; /* until the task's deadline, 0 once it has
									 * passed; negative: it has none */
	double random01;		  /* in [0, 1) */
} ErrandRetryInput;

typedef struct ErrandDecision
{
	ErrandVerdict verdict;
	int64_t delay_ms; /* RETRY: until the next attempt; else 0 */
} ErrandDecision;

/*
 * Is another attempt worth making, after this failure or (for ERRAND_FAIL_NONE)
 * this status?  Status: 408, 425, 429 and 5xx but 501 and 505.
 */
extern bool errand_http_retryable(ErrandFailure failure, int status);

/*
 * Decide, in this order:
 *
 *	1. a complete answer whose status is a success has SUCCEEDED, also when a
 *	   cancellation arrived too late to stop it;
 *	2. cancelled: CANCELLED;
 *	3. at_most_once and a byte may have left: never again.  FAILED if an answer
 *	   says so, UNKNOWN if none came or a success was cut short;
 *	4. FAILED if another attempt is not worth making, none is left, or it would
 *	   not start before the deadline;
 *	5. RETRY after the backoff, or after what the server asked for (at most
 *	   ERRAND_RETRY_AFTER_MAX_MS) where that is longer.
 *
 * in is read only; the result holds no pointers.
 */
extern ErrandDecision errand_decide(const ErrandRetryInput *in);

#endif /* ERRAND_CORE_RETRY_H */
