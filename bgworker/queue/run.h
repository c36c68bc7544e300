/*
 * run.h
 *		A run: one attempt of one task, from claim to settle.
 *
 * Runs live in the worker that claimed them.  queue/claim.c makes them, a kind
 * (kinds/) drives them, queue/settle.c records them and frees them.
 */
#ifndef ERRAND_RUN_H
#define ERRAND_RUN_H

#include "postgres.h"

#include "contract.h"
#include "core/retry.h"
#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "utils/jsonb.h"

/*
 * States of a run, next states behind the arrow; errand_run_move() is the only
 * setter and asserts them:
 *	CLAIMED  -> MARKING (at_most_once), PACED, QUEUED, DONE
 *	MARKING  -> PACED, QUEUED, DONE	the mark commits before a byte may leave
 *	PACED    -> QUEUED, DONE		waits a moment for its token, or a place
 *	QUEUED   -> STARTED, DONE		handed to its kind, waits for a place
 *	STARTED  -> DONE
 *	DONE     -> FREE				decided; waits for the settle
 *	DONE     -> QUEUED			executors: its transaction was rolled back, it runs again
 */
typedef enum ErrandRunState
{
	ERRAND_RUN_CLAIMED,
	ERRAND_RUN_MARKING,
	ERRAND_RUN_PACED,
	ERRAND_RUN_QUEUED,
	ERRAND_RUN_STARTED,
	ERRAND_RUN_DONE,
	ERRAND_RUN_STATES
} ErrandRunState;

/* What the lease row holds, while any of its runs is unsettled. */
typedef struct ErrandLease
{
	int64 token;
	int open;	  /* runs not settled */
	int settling; /* of these in the settle under way */
} ErrandLease;

struct ErrandKind;
struct ErrandSecret;
struct ErrandLimit;

/* Where a run may hold a place, of a limit that counts over all workers. */
enum
{
	ERRAND_PLACE_QUEUE,
	ERRAND_PLACE_TYPE,
	ERRAND_PLACE_HOST,
	ERRAND_PLACES
};

typedef struct ErrandRun
{
	dlist_node node; /* in the list of its state */
	ErrandRunState state;
	MemoryContext memory; /* everything below lives here */
	ErrandLease *lease;

	/* what was asked */
	int64 id;
	Oid owner;
	int64 place;
	int32 attempt;
	int16 priority;
	int16 failures; /* attempts that failed before, of this run */
	int16 number;	/* run of the task: +1 by retry() */
	int16 max_attempts;
	int32 timeout_ms;
	ErrandBackoff backoff;
	int64 base_ms;
	double factor;
	int64 max_ms;
	int64 task_group; /* 0: none */
	bool at_most_once;
	bool follow_ups; /* it has on_success or on_failure */
	bool has_deadline;
	TimestampTz deadline;
	TimestampTz ready_at; /* submitted, or due */
	Oid role;			  /* of the executor that runs it; 0: the event loop */
	char *queue;
	char *type;
	char *key;
	char *notify;
	char *traceparent;
	Jsonb *payload; /* as it is stored: references to secrets, never their values */
	const struct ErrandKind *kind;
	struct ErrandSecret *secrets; /* what the payload refers to; queue/secrets.h */
	int n_secrets;

	/* under way */
	void *work; /* the kind's */
	bool marked;
	TimestampTz claimed_at;
	TimestampTz started_at; /* 0: not started */
	bool cancel_asked;
	char *cancel_reason;
	bool owner_gone;	  /* the role that submitted it is no more, or another */
	TimestampTz park_due; /* it steps aside until then; 0: it does not */

	/* limits: queue/limits.h, queue/admit.h */
	struct ErrandLimit *places[ERRAND_PLACES]; /* that it holds, or NULL */
	int *unstarted;							   /* counts it while it has not started */
	bool admitted;							   /* has all it needs, but for the time */
	bool probe;								   /* the only request of a half-open circuit */
	int host_max_running;					   /* what define_host() says; 0: nothing */
	int64 start_at; /* PACED: when its token is there, or it gives up; errand_limits_clock() */

	bool steps;					 /* the kind is asked whether it goes on: see kind.h */
	struct ErrandCached *cached; /* what the cache knows of it, or NULL */
	bool chunked;				 /* its body goes to rows while it comes: queue/chunks.c */
	struct ErrandTransfer *stream;
	dlist_node stream_node;
	int chunks; /* committed */
	int64 chunk_bytes;

	/* what became of it; filled by the kind, decided in errand_run_finish() */
	ErrandFailure failure;
	int status;
	int success_lo;
	int success_hi;
	bool bytes_sent;
	bool timed_out;
	int64 retry_after_ms;
	const char *error;	  /* in memory, or constant */
	const char *own_code; /* its SQLSTATE, if the failure's is not it; constant */
	const char *hint;
	const char *content_type;
	const char *head;
	size_t head_len;
	const char *body;
	size_t body_len;
	bool has_body;
	Jsonb *result; /* of kinds that are not HTTP; in memory */
	Jsonb *extra;  /* notices, detail, context; in memory */
	bool has_timings;
	int32 timing_us[5]; /* dns, connect, tls, wait, transfer */

	/* the decision */
	TimestampTz finished_at;
	char outcome;	 /* ErrandState, or 'q' released, 's' parked, 'I' interrupted */
	TimestampTz due; /* of outcome r and s */
	const char *sqlstate;
	bool stale; /* the fence dropped it */

	/* executors */
	bool effects; /* what it did is part of the open transaction */
	bool solo;	  /* runs in a transaction of its own */
} ErrandRun;

/* Prepares the lists; once a process. */
extern void errand_runs_init(void);

/* A new run in state CLAIMED with its own memory context. */
extern ErrandRun *errand_run_create(ErrandLease *lease);

/* The only setter of the state. */
extern void errand_run_move(ErrandRun *r, ErrandRunState to);

/* Frees a run that is DONE and settled, its kind's resources included. */
extern void errand_run_free(ErrandRun *r);

/* The run of a task in this worker, or NULL. */
extern ErrandRun *errand_run_find(int64 id);

extern dlist_head *errand_runs_in(ErrandRunState state);
extern int errand_runs_count(ErrandRunState state);
extern int errand_runs_total(void);

/*
 * Called by a kind, from the event loop: the attempt is over and its results
 * are filled in.  Only records: the decision comes later in errand_runs_decide.
 */
extern void errand_run_over(ErrandRun *r);

/* Between run.c and decide.c: what becomes of one; its SQLSTATE and error. */
extern void errand_run_decide(ErrandRun *r);
extern void errand_run_describe(ErrandRun *r);

/* Decides all runs that are over and moves them to DONE.  Allocates. */
extern void errand_runs_decide(void);

/* Ends a run that never left: released, parked (due), failed at once. */
extern void errand_run_release(ErrandRun *r);
extern void errand_run_park(ErrandRun *r, TimestampTz due);
extern void errand_run_interrupt(ErrandRun *r);

/* Executors: the transaction it ran in was undone; it runs again, alone. */
extern void errand_run_undo(ErrandRun *r);

/* Asks the run to stop. */
extern void errand_run_cancel(ErrandRun *r, const char *reason);

#endif
