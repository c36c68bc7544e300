/*
 * contract.h
 *		What C and SQL agree on: states, kinds of event, names of things.
 *
 * Included by every file of the extension.  The letters are what the tables
 * hold ("char" columns); the words are what users see.  Change one side and
 * you change the other: sql/10_tables.sql.
 */
#ifndef ERRAND_CONTRACT_H
#define ERRAND_CONTRACT_H

#define ERRAND_VERSION "1.0.0"
#define ERRAND_SCHEMA "errand"
#define ERRAND_EXTENSION "pg_errand"
#define ERRAND_CHANNEL "errand"

/* Names of tasks, queues, sources, schedules: characters, then bytes in any encoding. */
#define ERRAND_NAME_CHARS 200
#define ERRAND_NAME_BYTES 801

#define ERRAND_QUEUE_DEFAULT "default"
#define ERRAND_MAX_ATTEMPTS_DEFAULT 3
#define ERRAND_TIMEOUT_DEFAULT_MS 30000

/*
 * The life of a task.  Next states:
 *	WAITING   -> READY, SCHEDULED, CANCELLED, FAILED (deadline)
 *	SCHEDULED -> READY, CANCELLED, FAILED (deadline)
 *	READY     -> RUNNING, SCHEDULED, CANCELLED, FAILED (deadline)
 *	RUNNING   -> SUCCEEDED, RETRYING, FAILED, CANCELLED, UNKNOWN,
 *				 READY (released by a worker that stops), SCHEDULED (parked)
 *	RETRYING  -> READY, CANCELLED, FAILED (deadline)
 *	the last four are final; only retry() by a user leaves them.
 */
typedef enum ErrandState
{
	ERRAND_NONE = 0, /* not there yet: the state before submit */
	ERRAND_WAITING = 'w',
	ERRAND_SCHEDULED = 's',
	ERRAND_READY = 'q',
	ERRAND_RUNNING = 'x',
	ERRAND_RETRYING = 'r',
	ERRAND_SUCCEEDED = 'S',
	ERRAND_FAILED = 'F',
	ERRAND_CANCELLED = 'C',
	ERRAND_UNKNOWN = 'U'
} ErrandState;

/* States of an attempt that was not the last one, beside those above. */
#define ERRAND_ATTEMPT_LOST 'L'		   /* the server fell while it ran */
#define ERRAND_ATTEMPT_INTERRUPTED 'I' /* its worker was told to stop */

static inline bool
errand_state_is_final(ErrandState s)
{
	return s == ERRAND_SUCCEEDED || s == ERRAND_FAILED || s == ERRAND_CANCELLED ||
		   s == ERRAND_UNKNOWN;
}

/* The word users see. */
extern const char *errand_state_name(ErrandState s);

/* The order of states within one attempt number, from what waits to what is final. */
extern int errand_state_rank(ErrandState s);

#endif
