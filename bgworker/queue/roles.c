/*
 * roles.c
 *		Which roles have SQL tasks to run, and which executors shall run them.
 *
 * The counts are kept in every worker; the leader acts on them.  It must never
 * wait for an executor.  An executor's session is its role's, so one of
 * another role cannot help: where errand.executors is reached, who has worked
 * longest makes room for a role that has none.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/process.h"
#include "base/start.h"
#include "compat.h"
#include "miscadmin.h"
#include "queue/claim.h"
#include "queue/pairs.h"
#include "queue/roles.h"
#include "settings.h"
#include "shared.h"
#include "storage/latch.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define MAX_ROLES 10000
#define LOOK_US INT64CONST(10000)	 /* between two looks at what waits */
#define SLICE_US INT64CONST(1000000) /* so long a role keeps its executor while another waits */
#define AGAIN_US INT64CONST(1000000) /* after a start that was not possible */
#define LATE_US INT64CONST(1000000)	 /* so long after its time a task is interrupted once more */

typedef struct RoleWork
{
	Oid role;		  /* key */
	int64 ready;	  /* tasks */
	int64 before;	  /* count before the look under way */
	int64 started_at; /* of its last executor, monotonic */
	int64 not_before; /* after a failed start, monotonic */
} RoleWork;

/* The executors of this database, as the slots say. */
typedef struct Executors
{
	int n;
	Oid role[ERRAND_MAX_SLOTS];
	bool free[ERRAND_MAX_SLOTS]; /* idle, or on its way */
	bool leaving[ERRAND_MAX_SLOTS];
	TimestampTz served_at[ERRAND_MAX_SLOTS];
	int slot[ERRAND_MAX_SLOTS];
	int number[ERRAND_MAX_SLOTS];
} Executors;

static HTAB *roles = NULL;
static int64 look_at = 0;
static int64 late_at = 0;
static bool any_ready = false;
static bool any_executor = false;

static RoleWork *
role_get(Oid role)
{
	RoleWork *w;
	bool found;

	if (roles == NULL)
	{
		HASHCTL info = {0};

		info.keysize = sizeof(Oid);
		info.entrysize = sizeof(RoleWork);
		info.hcxt = TopMemoryContext;
		roles = hash_create("errand roles", 16, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	if (hash_get_num_entries(roles) >= MAX_ROLES)
		return hash_search(roles, &role, HASH_FIND, NULL);
	w = hash_search(roles, &role, HASH_ENTER, &found);
	if (!found)
		w->ready = w->before = w->started_at = w->not_before = 0;
	return w;
}

void
errand_roles_heard(const ErrandEvent *e)
{
	RoleWork *w;

	if (!OidIsValid(e->role) || errand_my_slot->kind != ERRAND_PROCESS_WORKER ||
		(w = role_get(e->role)) == NULL)
		return;
	if (e->to == ERRAND_READY)
	{
		w->ready++;
		any_ready = true;
	}
	if (e->from == ERRAND_READY && w->ready > 0)
		w->ready--;
}

void
errand_roles_look_begins(void)
{
	HASH_SEQ_STATUS scan;
	RoleWork *w;

	if (roles == NULL)
		return;
	hash_seq_init(&scan, roles);
	while ((w = hash_seq_search(&scan)) != NULL)
	{
		w->before = w->ready;
		w->ready = 0;
	}
}

void
errand_roles_seen(Oid role)
{
	RoleWork *w;

	if (!OidIsValid(role) || (w = role_get(role)) == NULL)
		return;
	w->ready = Max(w->ready, Max(1, w->before));
	any_ready = true;
}

void
errand_roles_want(Oid role)
{
	errand_roles_seen(role);
}

void
errand_roles_cancel(int64 id)
{
	if (id != 0 && errand_my_slot->kind == ERRAND_PROCESS_WORKER)
		(void) errand_process_cancel_task(id, 0);
}

static void
executors_read(Executors *x)
{
	x->n = 0;
	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind != ERRAND_PROCESS_EXECUTOR || s->database != MyDatabaseId)
			continue;
		x->role[x->n] = s->role;
		x->free[x->n] = s->pid == 0 || s->served_at == 0;
		x->leaving[x->n] = s->leaving;
		x->served_at[x->n] = s->served_at;
		x->number[x->n] = s->number;
		x->slot[x->n++] = i;
	}
	LWLockRelease(errand_shared->slot_lock);
	any_executor = x->n > 0;
}

/* The lowest number that no executor has. */
static int
free_number(const Executors *x)
{
	for (int number = 1;; number++)
	{
		bool taken = false;

		for (int i = 0; i < x->n && !taken; i++)
			taken = x->number[i] == number;
		if (!taken)
			return number;
	}
}

/* The tasks of a role that is gone are ours: they are to fail. */
static void
adopt(RoleWork *w)
{
	errand_pairs_adopt(w->role);
	w->ready = 0;
	if (!errand_db_begin())
		return;
	errand_claim_poll();
	errand_db_commit(false);
}

/* Starts an executor if the role can have one; else its tasks wait, or fail. */
static void
start_for(RoleWork *w, Executors *x, int64 now)
{
	int number = free_number(x);
	ErrandRoleState state;

	errand_db_begin_shared();
	state = errand_db_role_state(w->role);
	errand_db_commit_shared();
	w->not_before = now + AGAIN_US;
	if (state == ERRAND_ROLE_GONE)
		adopt(w);
	if (state != ERRAND_ROLE_READY ||
		!errand_start_process(ERRAND_PROCESS_EXECUTOR, MyDatabaseId, number, w->role))
		return;
	w->started_at = now;
	w->not_before = now + LOOK_US;
	x->role[x->n] = w->role;
	x->free[x->n] = true;
	x->leaving[x->n] = false;
	x->served_at[x->n] = 0;
	x->number[x->n] = number;
	x->slot[x->n++] = -1;
}

/* An idle executor of another role, else, unless it must be idle, the one that has worked longest. */
static int
who_makes_room(const Executors *x, Oid role, bool idle)
{
	TimestampTz now = errand_clock_now();
	int best = -1;

	for (int i = 0; i < x->n; i++)
	{
		if (x->leaving[i])
			return -1; /* somebody does already */
		if (x->role[i] == role || x->slot[i] < 0)
			continue;
		if (!x->free[i] && (idle || now - x->served_at[i] < SLICE_US))
			continue;
		if (best < 0 || (x->free[i] && !x->free[best]) ||
			(x->free[i] == x->free[best] && x->served_at[i] < x->served_at[best]))
			best = i;
	}
	return best;
}

static void
make_room(const Executors *x, Oid role, bool idle)
{
	int best = who_makes_room(x, role, idle);
	ErrandSlot *s;

	if (best < 0)
		return;
	s = &errand_shared->slots[x->slot[best]];
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	if (s->kind == ERRAND_PROCESS_EXECUTOR && s->role == x->role[best])
	{
		s->leaving = true;
		errand_latch_set(s->procno);
	}
	LWLockRelease(errand_shared->slot_lock);
}

/* What one role needs. */
static void
serve(RoleWork *w, Executors *x, int64 now)
{
	int own = 0;

	for (int i = 0; i < x->n; i++)
	{
		if (x->role[i] != w->role || x->leaving[i])
			continue;
		if (x->free[i])
			return; /* it is on its way to them */
		own++;
	}
	if (now < w->not_before)
		return;
	if (x->n < errand_executors)
		start_for(w, x, now);
	else
		make_room(x, w->role, own > 0);
}

static int
by_last_start(const void *a, const void *b)
{
	const RoleWork *x = *(RoleWork *const *) a;
	const RoleWork *y = *(RoleWork *const *) b;

	return x->started_at < y->started_at ? -1 : x->started_at > y->started_at;
}

static void
serve_all(int64 now)
{
	int n = 0;
	RoleWork **waiting = palloc(sizeof(RoleWork *) * hash_get_num_entries(roles));
	HASH_SEQ_STATUS scan;
	RoleWork *w;
	Executors x;

	hash_seq_init(&scan, roles);
	while ((w = hash_seq_search(&scan)) != NULL)
	{
		if (w->ready > 0 && !errand_pairs_ours(w->role))
			waiting[n++] = w;
	}
	any_ready = n > 0;
	executors_read(&x);
	qsort(waiting, n, sizeof(RoleWork *), by_last_start);
	for (int i = 0; i < n; i++)
		serve(waiting[i], &x, now);
	pfree(waiting);
}

/* Whether tasks may want an executor.  While everything is paused none is started. */
static bool
any_wanted(void)
{
	ErrandDatabase *d = errand_database_mine();

	return any_ready && (d == NULL || pg_atomic_read_u32(&d->paused) == 0);
}

void
errand_roles_tend(void)
{
	int64 now = errand_clock_monotonic();

	if (any_executor && now >= late_at)
	{
		Executors x;

		executors_read(&x);
		late_at = now + LATE_US;
		(void) errand_process_cancel_task(0, errand_clock_now() - LATE_US);
	}
	if (!any_wanted() || now < look_at)
		return;
	look_at = now + LOOK_US;
	serve_all(now);
}

int64
errand_roles_wait_us(void)
{
	int64 now = errand_clock_monotonic();
	int64 us = any_wanted() ? Max(look_at - now, 0) : PG_INT64_MAX;

	if (any_executor)
		us = Min(us, Max(late_at - now, 0));
	return us;
}
