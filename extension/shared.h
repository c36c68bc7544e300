/*
 * shared.h
 *		What our processes and all backends share: databases, worker slots,
 *		counters, the event ring and the waiters.
 *
 * Lock rules.  Two LWLocks, never held together, never held while waiting for
 * anything else:
 *	slot_lock	databases[] and slots[], every field unless said otherwise
 *	event_lock	the ring, the counters and waiters[]; held for microseconds in
 *				commit callbacks, so nothing under it may fail, allocate or log
 * (limit_table.h has a third lock, with rules of its own.)
 * Latches of other processes are reached by pgprocno: no pointer of a process
 * ever lies in here.
 */
#ifndef ERRAND_SHARED_H
#define ERRAND_SHARED_H

#include "postgres.h"

#include "contract.h"
#include "core/histogram.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "relay_stats.h"
#include "storage/lwlock.h"
#include "utils/hsearch.h"

#define ERRAND_MAX_SLOTS 256
#define ERRAND_LISTENER_SLOTS 256
#define ERRAND_PROGRESS_BYTES 200
#define ERRAND_FILTER_WORDS 16 /* a waiter's filter: 1,024 bits; or so many ids */

typedef enum ErrandKindOfProcess
{
	ERRAND_PROCESS_NONE = 0,
	ERRAND_PROCESS_WORKER,
	ERRAND_PROCESS_EXECUTOR,
	ERRAND_PROCESS_RELAY,
	ERRAND_PROCESS_STREAM,
	ERRAND_PROCESS_PROBE
} ErrandKindOfProcess;

/* A database in which the extension is, or may be, installed. */
typedef struct ErrandDatabase
{
	Oid oid;					/* InvalidOid: free entry */
	bool installed;				/* what the last probe found */
	uint32 probe_asked;			/* +1 by whoever pokes: extension, database or settings changed */
	uint32 probe_taken;			/* probe_asked as the last probe was started */
	uint32 probe_done;			/* the same as the last one ended; less than asked: one is wanted */
	bool dropping;				/* DROP DATABASE is under way: start nothing */
	TimestampTz dropping_since; /* forgotten after a while: the drop may have failed */
	TimestampTz not_before;		/* backoff after a worker that ended badly */
	int failures;				/* in a row, for that backoff */
	pg_atomic_uint32 reap_wanted; /* a worker left: look for its leases; atomic */
	pg_atomic_uint32 resumed; /* resume_all() since the start lifts errand.start_paused; atomic */
	pg_atomic_uint32 quarantine; /* suspects run apart: claim nothing else; atomic */
	pg_atomic_uint32
		dependencies; /* 0: nothing waits for another task; moves with each change; atomic */
	pg_atomic_uint32
		changes; /* +1 with each change of a definition: for who does not read the ring; atomic */
	pg_atomic_uint32 paused;	   /* pause_all() is in force, as last read; atomic */
	pg_atomic_uint64 lost_settles; /* results dropped by the fence; atomic */
	pg_atomic_uint64 cache_hits;   /* of errand.cached(): fresh values; atomic */
	pg_atomic_uint64 cache_stale;  /* old ones, while another computed; atomic */
	pg_atomic_uint64 cache_misses; /* computed; atomic */
	pg_atomic_uint32
		queue_limits; /* queues may drain or have a limit: look before a submit; atomic */
	pg_atomic_uint32
		limits_ready; /* all dead leases were reaped: places of queues may be given; atomic */

	pg_atomic_uint64 worker_starts;	  /* atomic */
	pg_atomic_uint64 limited_by_type; /* tasks that had to wait for a limit; atomic */
	pg_atomic_uint64 limited_by_host;

	/* The relay.  slot_lock, but for what is atomic. */
	int relay_port;		   /* errand.port there, as the last probe saw it; 0: no relay */
	uint64 relay_settings; /* errand_relay_settings_hash() likewise: a relay with others leaves */
	int relay_failures;	   /* in a row */
	TimestampTz relay_not_before; /* backoff after them */
	bool relay_warned;			  /* of a port in use */
	pg_atomic_uint32
		relay_procno;		/* + 1, of a relay that wants to hear of commits; 0: none; atomic */
	ErrandRelayStats relay; /* atomic */
} ErrandDatabase;

/* One of our processes. */
typedef struct ErrandSlot
{
	ErrandKindOfProcess kind; /* NONE: free */
	Oid database;
	int number;				/* worker 1, 2, ... of its database */
	uint32 generation;		/* +1 at each allocation, so that a late starter is told apart */
	TimestampTz launched;	/* when the launcher asked for it */
	int pid;				/* 0 until it has attached */
	int procno;				/* its place in the proc array, for its latch */
	uint64 identity;		/* random, of this incarnation: what leases name */
	bool leader;			/* of its database */
	bool leaving;			/* was told to stop: leads no more, takes no more */
	Oid role;				/* executors: whose tasks it runs */
	TimestampTz started_at; /* when it attached */

	/* Written by the process itself without a lock, read for display only. */
	volatile int running;
	volatile int queued;
	volatile uint64 claimed;
	volatile uint64 settled;
	volatile uint64 succeeded;
	volatile uint64 failed;
	volatile TimestampTz last_seen;
	volatile bool busy;

	/*
	 * Executors: the task in hand.  Set, cleared and signalled about under
	 * slot_lock, so that no signal meant for it meets the next one.
	 */
	int64 task; /* 0: none */
	int32 attempt;
	TimestampTz task_until; /* its time is over then */
	bool cancel_asked;		/* and signalled */
	TimestampTz served_at;	/* since when it has had work without a pause; 0: idle */

	/* Written by the executor without a lock, for display. */
	volatile double progress; /* negative: none */
	char progress_text[ERRAND_PROGRESS_BYTES];
} ErrandSlot;

typedef enum ErrandCounterKind
{
	ERRAND_COUNT_QUEUE = 'q',
	ERRAND_COUNT_TASK = 't',
	ERRAND_COUNT_HOST = 'h',
	ERRAND_COUNT_ALL = 'a', /* of the database, under the name '' */
	ERRAND_COUNT_ROLE = 'r' /* of roles with a quota only: quota.c makes them */
} ErrandCounterKind;

/* Key of the counters' hash; zero-filled before use. */
typedef struct ErrandCounterKey
{
	Oid database;
	int kind;
	char name[ERRAND_NAME_BYTES];
} ErrandCounterKey;

#define ERRAND_FINALS 4 /* final states: succeeded, failed, unknown, cancelled */

/* What a counter stood at; buckets are told modulo 2^32. */
typedef struct ErrandCounted
{
	TimestampTz at;
	int64 submitted;
	int64 succeeded;
	int64 failed;
	int64 cancelled;
	int64 retried;
	int64 unknown;
	int64 retaken[ERRAND_FINALS];
	uint32 wait[ERRAND_HISTOGRAM_BUCKETS];
	uint32 run[ERRAND_HISTOGRAM_BUCKETS];
} ErrandCounted;

typedef struct ErrandCounter
{
	ErrandCounterKey key; /* must be first */
	int64 ready;
	int64 scheduled; /* scheduled and retrying */
	int64 retrying;	 /* of these */
	int64 waiting;
	int64 running;
	int64 submitted;
	int64 succeeded;
	int64 failed;  /* failed and unknown */
	int64 unknown; /* of these */
	int64 cancelled;
	int64 retried;
	int64 retaken[ERRAND_FINALS]; /* had ended so, and were taken up again by retry() */
	int64 attempts;
	bool paused;		   /* of a queue, as last read */
	TimestampTz oldest_at; /* of a queue: since when its oldest ready task waits; 0: not known */
	int64 counted_at;	   /* of a role: when the tables were counted, errand_limits_clock() */
	uint64 touched;		   /* ring position of the last change, for eviction */
	ErrandHistogram wait;
	ErrandHistogram run;
	ErrandCounted before; /* what rollups hold already */
} ErrandCounter;

/* A backend that waits for tasks; its index is the backend's place in the proc array. */
typedef struct ErrandWaiter
{
	bool active;
	Oid database;
	int n_ids;							/* 0: too many ids to name, a filter */
	uint64 filter[ERRAND_FILTER_WORDS]; /* the ids, or bit (hash of id): worth a look */
} ErrandWaiter;

typedef struct ErrandShared
{
	LWLock *slot_lock;
	LWLock *event_lock;
	uint64 epoch;				 /* random, of this shared memory: leases and tokens name it */
	TimestampTz began_at;		 /* when this shared memory was made: nothing was counted before */
	int launcher_procno;		 /* slot_lock; -1 if it is away */
	pg_atomic_uint32 generation; /* of slots */
	pg_atomic_uint32 waiters;	 /* how many are active: 0 saves the scan */
	pg_atomic_uint32
		listeners[ERRAND_LISTENER_SLOTS]; /* backends that said LISTEN, by database; atomic */
	int max_databases;
	int max_waiters;

	/* The ring: cells of fixed size, a record takes as many as it needs. event_lock. */
	uint64 head_cell; /* where the next record goes, counted for ever */
	uint64 head_seq;  /* number of the last record */
	uint64 n_cells;
	uint64 evictions; /* of counters: pointers kept from before are void. event_lock */

	ErrandSlot slots[ERRAND_MAX_SLOTS];
	/* databases[], waiters[] and the ring follow; see shared.c */
} ErrandShared;

extern ErrandShared *errand_shared;		 /* NULL without shared_preload_libraries */
extern ErrandDatabase *errand_databases; /* [max_databases], slot_lock */
extern ErrandWaiter *errand_waiters;	 /* [max_waiters], event_lock */
extern char *errand_ring_cells;			 /* [n_cells * ERRAND_CELL], event_lock */
extern HTAB *errand_counters;			 /* ErrandCounter by ErrandCounterKey, event_lock */

/* Installs the hooks that ask for and initialise the shared memory; from _PG_init. */
extern void errand_shared_init(void);

/* Raises 55000 with the line to add if the library was not preloaded. */
extern void errand_shared_require(void);

/*
 * The entry of a database; made if create.  NULL if there is none, or the
 * table (errand.max_databases) is full.  Caller holds slot_lock, exclusively
 * if create.
 */
extern ErrandDatabase *errand_database_find(Oid oid, bool create);

/* Whether somebody poked since the last probe was started.  Caller holds slot_lock. */
static inline bool
errand_probe_wanted(const ErrandDatabase *d)
{
	return d->probe_asked != d->probe_done;
}

/* The entry of this backend's database, looked up once; NULL if there is none. */
extern ErrandDatabase *errand_database_mine(void);

/* Sets the latch of a process by its place in the proc array; -1 does nothing. */
extern void errand_latch_set(int procno);

/* Sets the latches of all workers of a database.  Takes slot_lock shared. */
extern void errand_wake_workers(Oid database);

/* Sets the latches of the executors of a role; InvalidOid: of all.  Takes slot_lock shared. */
extern void errand_wake_executors(Oid database, Oid role);

/* Sets the latch of the database's relay if it wants to hear of commits; no lock. */
extern void errand_wake_relay(ErrandDatabase *d);

/* Tells the stream process of this database that a definition changed.  Takes slot_lock shared. */
extern void errand_tell_streams(void);

/* Sets the launcher's latch. */
extern void errand_wake_launcher(void);

/*
 * The counter of a name; made if there is room (the longest idle one makes
 * room).  NULL if there is none.  Caller holds event_lock exclusively.
 */
extern ErrandCounter *errand_counter(Oid database, ErrandCounterKind kind, const char *name);

/* The same, but never made. */
extern ErrandCounter *errand_counter_find(Oid database, ErrandCounterKind kind, const char *name);

/* The name that the counter of a role goes by. */
#define ERRAND_ROLE_KEY 12
extern void errand_role_key(Oid role, char *name);

#endif
