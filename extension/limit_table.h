/*
 * limit_table.h
 *		What all workers share of limits: places and tokens of queues, task
 *		types and hosts, and the holds and circuits of hosts.
 *
 * One entry a name that has a limit in use, a hold or a circuit.  What the
 * limits are is read from tables by each process (bgworker/queue/limits.c);
 * here is how much of them is used up.  After a restart everything is empty:
 * buckets begin without a token, and places of queues are given only once the
 * leader has reaped what dead processes had in hand (limits_ready).
 *
 * Lock rules.  limit_lock guards every field of every entry; it is held for
 * microseconds, never together with slot_lock or event_lock, and nothing under
 * it may wait, log or read a table.  An entry with running > 0 is never
 * removed: whoever holds a place may keep a pointer to it.  All times are
 * microseconds of errand_limits_clock().
 */
#ifndef ERRAND_LIMIT_TABLE_H
#define ERRAND_LIMIT_TABLE_H

#include "postgres.h"

#include "core/breaker.h"
#include "core/bucket.h"
#include "port/atomics.h"
#include "shared.h"
#include "storage/lwlock.h"

typedef struct ErrandLimit
{
	ErrandCounterKey key; /* must be first; kind q, t or h */
	int max_running;	  /* 0: no such limit */
	int running;		  /* places taken, those of dead processes included */
	int dead;			  /* of these, of processes whose leases are not reaped yet */
	int reaping;		  /* of these, those that the reap under way covers */
	double per_second;	  /* 0: no such limit */
	bool refused;		  /* somebody was refused a place since one came free */
	ErrandBucket before;  /* the bucket before tokens were last taken, */
	int64 before_at;	  /* when, */
	int before_n;		  /* how many, */
	int before_pid;		  /* and by whom: then they can be given back */
	int64 run_us;		  /* how long one takes, smoothed */
	int64 next;			  /* when the next parked one may come back */
	int64 touched;
	ErrandBucket bucket;
	ErrandBreaker breaker; /* of hosts */
} ErrandLimit;

typedef struct ErrandLimits
{
	LWLock *limit_lock;
	pg_atomic_uint32 hosts;	 /* entries of hosts: none saves the look-up; atomic */
	pg_atomic_uint32 freed;	 /* +1 when a place came free that somebody wanted; atomic */
	pg_atomic_uint32 shut;	 /* +1 when a host was held or its circuit opened; atomic */
	pg_atomic_uint32 quotas; /* some role has a quota: events count tasks of roles; atomic */
	ErrandLimit overflow;	 /* shared by all names that found no room; conservative */
} ErrandLimits;

extern ErrandLimits *errand_limits;

/* Asks for the memory and lays it out; called by shared.c. */
extern void errand_limits_request(void);
extern void errand_limits_startup(void);

/* Microseconds of a clock that all processes share and nobody sets. */
extern int64 errand_limits_clock(void);

/* A copy of this database's entries of a kind, for a view.  Takes limit_lock. */
extern ErrandLimit *errand_limits_copy(ErrandCounterKind kind, int *n);

/* The rest: the caller holds limit_lock exclusively. */

/* The entry of a name of this database, or NULL. */
extern ErrandLimit *errand_limit_find(ErrandCounterKind kind, const char *name);

/*
 * The entry, made if need be, with these limits (0: none).  If the table is
 * full and nothing in it is idle: the one that all such names share.
 */
extern ErrandLimit *
errand_limit_get(ErrandCounterKind kind, const char *name, int max_running, double per_second);

/* Whether all its places are free, and it has no rate: who is there may go. */
extern bool errand_limit_idle(const ErrandLimit *e);

/* Whether all places are taken, and microseconds until a token is there. */
extern bool errand_limit_full(const ErrandLimit *e);
extern int64 errand_limit_token_wait(const ErrandLimit *e, int64 now);

/* Takes up to n tokens; all of them if there is no rate. */
extern int errand_limit_take_tokens(ErrandLimit *e, int n, int64 now);

/* Gives back tokens that this process took, unless somebody has taken some since. */
extern void errand_limit_return_tokens(ErrandLimit *e, int n);

/* Removes the entry of a host that has nothing to remember. */
extern void errand_limit_forget_host(ErrandLimit *e);

/* Sets down to 0 what the dead of this database held, after a complete reap; true if any. */
extern void errand_limits_reaping(void);
extern bool errand_limits_reaped(void);

#endif
