/*
 * breaker.h
 *		A circuit breaker for one host: after repeated failure it is left alone
 *		for a while, then tried with a single request.
 *
 *		 closed --threshold failures in a row--> open
 *		 open --its time is over, and somebody asks--> half_open (one probe)
 *		 half_open --the probe succeeds--> closed
 *		 half_open --the probe fails--> open, twice as long
 *
 * Apart from that a host can be on hold (Retry-After) in any state.  Plain
 * data, so that it can lie in shared memory; the caller locks.  All times are
 * microseconds of one clock, the same for all callers.
 */
#ifndef ERRAND_CORE_BREAKER_H
#define ERRAND_CORE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ErrandBreakerState
{
	ERRAND_BREAKER_CLOSED,
	ERRAND_BREAKER_OPEN,
	ERRAND_BREAKER_HALF_OPEN
} ErrandBreakerState;

/* A hold is believed up to this: 24 h. */
#define ERRAND_BREAKER_HOLD_MAX_US INT64_C(86400000000)

typedef struct ErrandBreaker
{
	ErrandBreakerState state; /* read freely; only breaker.c writes it */
	int threshold;			  /* failures in a row that open it */
	int failures;			  /* so far, while closed */
	int opens;				  /* openings since it was last closed */
	int64_t open_us;		  /* how long the first opening lasts */
	int64_t max_open_us;	  /* and the longest */
	int64_t until_us;		  /* open: until when; half_open: until when the
								 * probe's verdict is awaited */
	int64_t held_until_us;	  /* 0: no hold */
} ErrandBreaker;

/*
 * A closed breaker.  threshold below 1 counts as 1; open_us and max_open_us are
 * brought into 1 ms .. 24 h, and max_open_us to at least open_us.
 */
extern void
errand_breaker_init(ErrandBreaker *breaker, int threshold, int64_t open_us, int64_t max_open_us);

/*
 * May a request go out now?  Not a question only: an open breaker whose time is
 * over turns half open and lets exactly one caller through, who must report
 * with success, failure or release.  If it never does (it crashed), another
 * probe is let through after the opening's time has passed once more.
 */
extern bool errand_breaker_allow(ErrandBreaker *breaker, int64_t now_us);

/*
 * Microseconds until errand_breaker_allow() can say yes: 0 if it would now.
 * Changes nothing.
 */
extern int64_t errand_breaker_wait(const ErrandBreaker *breaker, int64_t now_us);

/*
 * A request succeeded, or was answered in a way that is not the host's failure
 * (a 4xx).  While open it is ignored: it belongs to a request from before.
 */
extern void errand_breaker_success(ErrandBreaker *breaker);

/* A request failed.  While open it is ignored, likewise. */
extern void errand_breaker_failure(ErrandBreaker *breaker, int64_t now_us);

/*
 * A request that was let through ended without telling anything about the host
 * (cancelled, refused by policy): if it was the probe, the next may go.
 */
extern void errand_breaker_release(ErrandBreaker *breaker);

/*
 * Let nothing through before until_us; a hold that lasts longer stays.  What is
 * more than ERRAND_BREAKER_HOLD_MAX_US ahead is cut to that when it is asked
 * about, so that a clock that went back holds nothing for ever.
 */
extern void errand_breaker_hold(ErrandBreaker *breaker, int64_t until_us);

/* 'closed', 'open' or 'half_open'; a static string, never NULL. */
extern const char *errand_breaker_state_name(ErrandBreakerState state);

#endif /* ERRAND_CORE_BREAKER_H */
