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
 *	CLAIMED  -> MARKING (at_most_once), QUEUED, DONE
 *	MARKING  -> QUEUED, DONE		the mark commits before a byte may leave
 *	QUEUED   -> STARTED, DONE		handed to its kind, waits for a place
 *	STARTED  -> DONE
 *	DONE     -> FREE				decided; waits for the settle
 */
typedef enum ErrandRunState
{
	ERRAND_RUN_CLAIMED,
	ERRAND_RUN_MARKING,
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

typedef struct ErrandRun
{
	dlist_node node; /* in the list of its state */
	ErrandRunState state;
	MemoryContext memory; /* everything below lives here */
	ErrandLease *lease;

	/* what was asked */
	int64 id;
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
	bool at_most_once;
	bool has_deadline;
	TimestampTz deadline;
	TimestampTz ready_at; /* submitted, or due */
	char *queue;
	char *type;
	char *key;
	char *notify;
	char *traceparent;
	Jsonb *payload;
	const struct ErrandKind *kind;

	/* under way */
	void *work; /* the kind's */
	bool marked;
	TimestampTz claimed_at;
	TimestampTz started_at; /* 0: not started */
	bool cancel_asked;
	char *cancel_reason;
	bool owner_gone;	  /* the role that submitted it is no more, or another */
	TimestampTz park_due; /* it steps aside until then; 0: it does not */

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
	const char *error; /* in memory, or constant */
	const char *hint;
	const char *content_type;
	const char *head;
	size_t head_len;
	const char *body;
	size_t body_len;
	bool has_body;
	Jsonb *result; /* what is said of it beside that, or NULL */
	bool has_timings;
	int32 timing_us[5]; /* dns, connect, tls, wait, transfer */

	/* the decision */
	TimestampTz finished_at;
	char outcome;	 /* ErrandState, or 'q' released, 's' parked, 'I' interrupted */
	TimestampTz due; /* of outcome r and s */
	const char *sqlstate;
	bool stale; /* the fence dropped it */
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

/* Decides all runs that are over and moves them to DONE.  Allocates. */
extern void errand_runs_decide(void);

/* Ends a run that never left: released, parked (due), failed at once. */
extern void errand_run_release(ErrandRun *r);
extern void errand_run_park(ErrandRun *r, TimestampTz due);
extern void errand_run_interrupt(ErrandRun *r);

/* Asks the run to stop. */
extern void errand_run_cancel(ErrandRun *r, const char *reason);

#endif
