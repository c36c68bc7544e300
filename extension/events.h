/*
 * events.h
 *		Changes of state, collected during a transaction and published at its
 *		commit: counters move, the ring gets a record, waiters and workers wake.
 */
#ifndef ERRAND_EVENTS_H
#define ERRAND_EVENTS_H

#include "postgres.h"

#include "contract.h"
#include "datatype/timestamp.h"
#include "shared.h"

#define ERRAND_CELL 64
#define ERRAND_CELLS_AN_EVENT 3 /* on average; long names take more */

typedef enum ErrandEventKind
{
	ERRAND_EVENT_TASK = 0, /* a change of state */
	ERRAND_EVENT_CANCEL,   /* somebody asks to cancel the running task id */
	ERRAND_EVENT_CONFIG,   /* queues, types or the pause changed: read them again */
	ERRAND_EVENT_REWIND,   /* rows of ready were locked and let go: look from the head */
	ERRAND_EVENT_DUE,	   /* something is due at "at" */
	ERRAND_EVENT_OUTBOX,   /* a spec waits in the outbox */
	ERRAND_EVENT_WAKE,	   /* just look */
	ERRAND_EVENT_GROUP,	   /* counts of groups changed */
	ERRAND_EVENT_COMPLETE, /* all tasks of group id are final */
	ERRAND_EVENT_SOURCE	   /* of source "queue": "task" says what, rows, look or a state */
} ErrandEventKind;

typedef struct ErrandEvent
{
	ErrandEventKind kind;
	Oid submitter; /* of a TASK or SOURCE event: who owns the task or source, always told */
	uint64 seq;	   /* given at publication, in order of commit */
	Oid database;  /* filled in by errand_event_add */
	Oid owner;	   /* of the task; 0: not told, since what waits stays as many */
	int64 id;	   /* of the task */
	int64 group;   /* of the task; 0: none */
	int32 run;	   /* of the task: +1 by retry() */
	int32 attempt;
	Oid role;  /* whose executor runs it; 0: the event loop */
	char from; /* ErrandState */
	char to;
	int16 priority;
	int64 place;	 /* where it lies in ready, if to is READY */
	int64 wait_us;	 /* ready until started, -1 if not known yet */
	int64 run_us;	 /* started until finished, -1 likewise */
	TimestampTz at;	 /* when it happened */
	bool unmeasured; /* the type's times are not kept */
	bool timed_out;	 /* it failed since its time was over */
	char task_kind;	 /* the first letter of the kind of task: h, s, e */

	/* What the ring holds ends here: it has the names apart. */
	const char *queue;
	const char *task;	 /* the task type */
	const char *channel; /* the user's own NOTIFY channel, or NULL */
} ErrandEvent;

/* An event read from the ring, with room for its names. */
typedef struct ErrandEventBuffer
{
	ErrandEvent event;
	char queue[ERRAND_NAME_BYTES];
	char task[ERRAND_NAME_BYTES];
	char channel[NAMEDATALEN];
} ErrandEventBuffer;

/* Where a reader of the ring stands. */
typedef struct ErrandRingCursor
{
	uint64 cell;
	uint64 seq; /* of the last record read */
} ErrandRingCursor;

/*
 * Whether the event tells of something before the state that is known of its
 * task.  Commits and their callbacks are not one step: a worker may have
 * settled a task before its submitter's event is in the ring.  A state that the
 * event itself begins at is never too late for it; a final one is left by the
 * next run only.
 */
extern bool errand_event_late(const ErrandEvent *e, int32 run, int32 attempt, char state);

/* Registers the transaction callbacks; once, from _PG_init. */
extern void errand_events_init(void);

/*
 * Notes an event for publication when the current transaction commits; it is
 * dropped if the (sub)transaction aborts.  Copies *e and its names.
 */
extern void errand_event_add(const ErrandEvent *e);

/* Tells whether the open transaction has submitted this task, or set it going again. */
extern bool errand_event_pending(int64 id);

/*
 * How many tasks more of this queue (ERRAND_COUNT_QUEUE) or role
 * (ERRAND_COUNT_ROLE, errand_role_key()) would wait if the open transaction
 * committed.  Looks at each event once.
 */
extern int64 errand_event_added(ErrandCounterKind kind, const char *name);

/* Notes that the transaction locks rows of ready: if it aborts, workers look from the head. */
extern void errand_event_locks_ready(void);

/* Notes that the transaction changes counts of groups, and tells whether it does. */
extern void errand_event_touch_groups(void);
extern bool errand_event_touches_groups(void);

/* Puts the cursor behind the last record. */
extern void errand_ring_seek_end(ErrandRingCursor *c);

/*
 * Reads the next record of this database.  False if there is none.  *lost is
 * set when records were overwritten before they were read.
 */
extern bool errand_ring_next(ErrandRingCursor *c, ErrandEventBuffer *out, bool *lost);

/*
 * Registers this backend as waiting for the ids: its latch is set when one of
 * them (or, rarely, another) becomes final.  Replaces what was registered.
 */
extern void errand_wait_register(const int64 *ids, int n);
extern void errand_wait_unregister(void);

/* Takes counts found in the tables for those kept by callbacks, if seq still is the last. */
typedef struct ErrandRecount
{
	const char *queue;
	int64 ready, scheduled, retrying, waiting, running;
} ErrandRecount;
extern bool errand_counters_set(const ErrandRecount *r, int n, uint64 if_seq);
extern uint64 errand_ring_head(void);

/* Zeroes what this database's counters have summed up; what is there now keeps its count. */
extern void errand_counters_reset(void);

#endif
