/*
 * limits.h
 *		A process's use of the limits in shared memory (extension/limit_table.h):
 *		what tables say they are, and places and tokens of queues at a claim.
 *
 * Callable from any process of ours that claims.  Limits of task types and
 * hosts are known only once a task is claimed: see queue/admit.h.
 */
#ifndef ERRAND_QUEUE_LIMITS_H
#define ERRAND_QUEUE_LIMITS_H

#include "limit_table.h"
#include "queue/pairs.h"
#include "queue/run.h"

/* What a table says of a name.  Never freed: pointers to it stay good. */
typedef struct ErrandDefinition
{
	struct
	{
		int kind; /* ErrandCounterKind */
		char name[ERRAND_NAME_BYTES];
	} key;			 /* must be first */
	bool defined;	 /* it still is */
	int max_running; /* 0: no such limit */
	double per_second;
	int unstarted; /* claimed runs of a rated queue that have not started here */
} ErrandDefinition;

/* Once a process, before anything is claimed. */
extern void errand_limits_init(void);

extern void errand_definitions_init(void); /* errand_limits_init() calls it */

/* Reads the limits of queues, types and hosts; within a transaction. */
extern void errand_limits_read(void);

/* The limits of a queue, type or host (name:port, or name for every port), or NULL. */
extern ErrandDefinition *errand_limits_of_queue(const char *queue);
extern ErrandDefinition *errand_limits_of_type(const char *type);
extern ErrandDefinition *errand_limits_of_host(const char *host);

/* Whether queues, and whether types or hosts have limits at all. */
extern bool errand_limits_of_queues(void);
extern bool errand_limits_beyond_queues(void);

/* Visits pairs again for which a place came free, or a token is there. */
extern void errand_limits_look(void);

/*
 * A claim.  grant() takes places and tokens for the chosen pairs, lowers their
 * limits to what they got, and leaves out those that got nothing; the number
 * left is returned.  took() gives one of them to a run.  give_back() returns
 * what the claim did not use; after an error, claim_aborted().
 */
extern int errand_limits_grant(ErrandPair **pairs, int n);
extern void errand_limits_took(ErrandPair *p, ErrandRun *r);
extern void errand_limits_give_back(ErrandPair **pairs, int n);
extern void errand_limits_claim_aborted(void);

/* Takes a place for a run; the caller holds limit_lock. */
extern void errand_limits_place(ErrandRun *r, int which, ErrandLimit *e);

/* The run is settled, or undone: its places come free, and who waits for one is woken. */
extern void errand_limits_release(ErrandRun *r);

/* Around a reap of all dead leases: what the dead held comes free with them. */
extern void errand_limits_reap_begin(void);
extern void errand_limits_reap_done(void);

/* For metrics: a task waits, for a limit of its type, or else of its host. */
extern void errand_limits_count(bool by_type);

#endif
