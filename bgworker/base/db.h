/*
 * db.h
 *		THE SQL DOOR: the engine's transactions and the internal functions it
 *		calls in them.  Nothing else of the engine touches SPI.
 *
 * A turn:  if (errand_db_begin()) { errand_db_call(...); ... errand_db_commit(); }
 * Errors are thrown; errand_db_recover() in the catch block ends the
 * transaction.  Results live until the commit.
 */
#ifndef ERRAND_DB_H
#define ERRAND_DB_H

#include "postgres.h"

#include "utils/array.h"

typedef enum ErrandDbCall
{
	DB_PAIRS,
	DB_CLAIM,
	DB_CLAIM_SUSPECTS,
	DB_LEASE_LOCK,
	DB_MARK_SENT,
	DB_SETTLE,
	DB_REQUEUE,
	DB_RELEASE_SIDE,
	DB_LEASE_DROP,
	DB_LEASE_TRIM,
	DB_CANCEL_REQUESTS,
	DB_REAP_TAKE,
	DB_REAP_LOST,
	DB_REAP_RETURN,
	DB_INSTANCE,
	DB_QUEUES,
	DB_LIMITS,
	DB_DUE,
	DB_NEXT_DUE,
	DB_EXPIRE,
	DB_RECOUNT,
	DB_SUSPECTS_NEXT,
	DB_DECORATIONS,
	DB_RETAIN,
	DB_CANCEL,
	DB_CANCEL_WAITING,
	DB_QUEUE_SET,
	DB_SECRETS,
	DB_SECRET_SETTING,
	DB_PROXIES,
	DB_FOLLOW_UP,
	DB_SCHEDULES_FIRE,
	DB_SCHEDULES_NEXT,
	DB_OUTBOX_SUBMIT,
	DB_FREE,
	DB_FREE_CHILDREN,
	DB_UNFREED,
	DB_GROUP_COUNT,
	DB_GROUP_FOLD,
	DB_CACHE_FIND,
	DB_CACHE_STORE,
	DB_CACHE_TRIM,
	DB_CHUNKS_ADD,
	DB_CHUNKS_FORGET,
	DB_CHUNKS_SWEEP,
	DB_ROLLUP,
	DB_ROLLUP_TRIM,
	DB_ROLLUP_SUMS,
	DB_ROLLUP_RECOUNT,
	DB_OLDEST,
	DB_RELAY_CHECK,
	DB_STREAMS,
	DB_STREAMS_WANTED,
	DB_STREAM_SECRETS,
	DB_STREAM_FRAMES,
	DB_STREAM_TOLD,
	DB_SOURCES_SETTLED,
	DB_SOURCES_TEND,
	DB_SOURCES_TRIM,
	DB_SOURCE_TEST,
	DB_CALLS
} ErrandDbCall;

#define ERRAND_DB_MAX_ARGS 24

/* Arguments, filled one after another. */
typedef struct ErrandDbArgs
{
	int n;
	Datum value[ERRAND_DB_MAX_ARGS];
	char null[ERRAND_DB_MAX_ARGS];
} ErrandDbArgs;

static inline void
errand_db_arg(ErrandDbArgs *a, Datum value)
{
	Assert(a->n < ERRAND_DB_MAX_ARGS);
	a->value[a->n] = value;
	a->null[a->n++] = ' ';
}

static inline void
errand_db_arg_null(ErrandDbArgs *a)
{
	Assert(a->n < ERRAND_DB_MAX_ARGS);
	a->value[a->n] = (Datum) 0;
	a->null[a->n++] = 'n';
}

/*
 * Begins a transaction of our own.  False, with nothing begun, if the
 * extension is being dropped or altered just now (errand_db_held), or is gone
 * for good (errand_db_gone).  However it ends, the memory context is then the
 * one that was current before it.
 */
extern bool errand_db_begin(void);

/*
 * For executors, which put a handler's work and our own into one transaction:
 * begins it; joins it with our part, with the owner's rights and our settings,
 * false as above; errand_db_commit ends that part and commits, errand_db_end
 * commits a transaction without one.
 */
extern void errand_db_transaction(void);
extern bool errand_db_join(void);
extern void errand_db_end(void);

extern bool errand_db_held(void);
extern bool errand_db_gone(void);

/* Commits; durable says whether to wait for the disk. */
extern void errand_db_commit(bool durable);

/* Logs the error being handled and rolls back; for a catch block. */
extern void errand_db_recover(void);

/* The same, but the error is logged only if it tells of trouble of our own. */
extern void errand_db_undo(bool log);

/* Transactions without SQL, for the shared catalogs. */
extern void errand_db_begin_shared(void);
extern void errand_db_commit_shared(void);

/* Whether the extension is installed in this database. */
extern bool errand_db_installed(void);

/* Calls a function; returns the number of rows. */
extern int errand_db_call(ErrandDbCall call, const ErrandDbArgs *a);

/* Number of a result column; raises if there is none. */
extern int errand_db_column(const char *name);

/* A value of the last result. */
extern Datum errand_db_value(int row, int column, bool *isnull);
extern char *errand_db_text(int row, int column);		 /* palloc'd, NULL for NULL */
extern int64 errand_db_int8(int row, int column);		 /* of a bigint; 0 for NULL */
extern char errand_db_char(int row, const char *column); /* of a "char"; '\0' for NULL */

/* Sends notifications of the current transaction. */
extern void errand_db_notify(const char *channel, const char *payload);

/* The role that owns the extension; within a transaction. */
extern Oid errand_db_owner(Oid extension);

/* Whether a session of a role could begin in this database now. */
typedef enum ErrandRoleState
{
	ERRAND_ROLE_READY,
	ERRAND_ROLE_GONE,
	ERRAND_ROLE_NO_LOGIN, /* or no CONNECT */
	ERRAND_ROLE_FULL	  /* its connection limit is reached */
} ErrandRoleState;
extern ErrandRoleState errand_db_role_state(Oid role);

/* Whether the role of this oid exists and still has this name. */
extern bool errand_db_role_is(Oid role, const char *name);

/* Arrays as arguments. */
extern Datum errand_db_array(const Datum *items, const bool *nulls, int n, Oid type);

#endif
