/*
 * admit.c
 *		Lets claimed runs start as the limits of their type and host allow.
 *
 * Runs in every process of ours that claims.  All that a run needs is taken under one hold
 * of limit_lock, or nothing.  What need not wait long waits here, PACED; the rest is
 * parked.  Reports come when a run is over, never from the network's callbacks.
 */
#include "postgres.h"

#include "base/clock.h"
#include "compat.h"
#include "kinds/kind.h"
#include "miscadmin.h"
#include "queue/admit.h"
#include "queue/limits.h"
#include "settings.h"

#define WAIT_US INT64CONST(200000)		   /* so long a run may wait in hand */
#define PACED_MAX 64					   /* and so many */
#define PLACE_PARK_US INT64CONST(100000)   /* the shortest time parked for a place */
#define SPREAD_US INT64CONST(5000)		   /* between two that come back after a hold */
#define PLACE_GAP_US INT64CONST(500000)	   /* at most: one may end long before the last ones did */
#define SPREAD_MAX_US INT64CONST(60000000) /* nobody comes back later than so, behind its time */
#define RATE_MAX_US INT64CONST(3600000000) /* but for a slow rate */
#define HOST_NAME 300

/* The entries of a run's type and its host, or NULL. */
typedef struct Gates
{
	ErrandLimit *type;
	ErrandLimit *host;
} Gates;

static bool
host_of(const ErrandRun *r, char *name)
{
	return r->kind != NULL && r->kind->host != NULL && r->kind->host(r, name, HOST_NAME);
}

/* Whether any limit, hold or circuit could concern a run at all. */
static bool
nothing_to_ask(void)
{
	return !errand_limits_beyond_queues() && pg_atomic_read_u32(&errand_limits->hosts) == 0;
}

/* Under limit_lock. */
static void
find_gates(ErrandRun *r, const char *host, Gates *g)
{
	ErrandDefinition *d = errand_limits_of_type(r->type);

	g->type = d == NULL ?
				  NULL :
				  errand_limit_get(ERRAND_COUNT_TASK, r->type, d->max_running, d->per_second);
	g->host = NULL;
	if (host[0] == '\0')
		return;
	d = errand_limits_of_host(host);
	r->host_max_running = d != NULL ? d->max_running : 0;
	if (d != NULL)
		g->host = errand_limit_get(ERRAND_COUNT_HOST, host, d->max_running, d->per_second);
	else
		g->host = errand_limit_find(ERRAND_COUNT_HOST, host);
	/* a definition that is gone */
	if (d == NULL && g->host != NULL && (g->host->max_running > 0 || g->host->per_second > 0))
		g->host = errand_limit_get(ERRAND_COUNT_HOST, host, 0, 0);
}

/* Microseconds until the circuit and the hold of the host let something through. */
static int64
shut_for(const Gates *g, int64 now)
{
	return g->host != NULL ? errand_breaker_wait(&g->host->breaker, now) : 0;
}

static int64
token_wait(const Gates *g, int64 now)
{
	int64 wait = g->type != NULL ? errand_limit_token_wait(g->type, now) : 0;

	return g->host != NULL ? Max(wait, errand_limit_token_wait(g->host, now)) : wait;
}

static ErrandLimit *
full_gate(const Gates *g)
{
	if (g->type != NULL && errand_limit_full(g->type))
		return g->type;
	return g->host != NULL && errand_limit_full(g->host) ? g->host : NULL;
}

/* Takes all: nothing is in the way but time, until at. */
static void
take_all(ErrandRun *r, const Gates *g, int64 at)
{
	if (g->type != NULL)
		(void) errand_limit_take_tokens(g->type, 1, at);
	if (g->type != NULL && g->type->max_running > 0 && r->places[ERRAND_PLACE_TYPE] == NULL)
		errand_limits_place(r, ERRAND_PLACE_TYPE, g->type);
	if (g->host == NULL)
		return;
	(void) errand_limit_take_tokens(g->host, 1, at);
	(void) errand_breaker_allow(&g->host->breaker, at);
	r->probe = g->host->breaker.state == ERRAND_BREAKER_HALF_OPEN;
	if ((g->host->max_running > 0 || r->probe) && r->places[ERRAND_PLACE_HOST] == NULL)
		errand_limits_place(r, ERRAND_PLACE_HOST, g->host);
}

/* The gate that keeps a run the longest, and how far apart those that it keeps come back. */
static ErrandLimit *
slowest(const Gates *g, int64 now, int64 *gap, int64 *most)
{
	ErrandLimit *full = full_gate(g);
	ErrandLimit *e = full;

	*most = SPREAD_MAX_US;
	*gap = SPREAD_US;
	if (shut_for(g, now) > 0)
		return g->host;
	if (e == NULL)
	{
		int64 host = g->host != NULL ? errand_limit_token_wait(g->host, now) : -1;

		e = g->type != NULL && errand_limit_token_wait(g->type, now) >= host ? g->type : g->host;
	}
	if (full != NULL)
		*gap = Min(full->run_us / Max(1, full->max_running), PLACE_GAP_US);
	if (e != NULL && e->per_second > 0)
	{
		*gap = Max(full != NULL ? *gap : 1, (int64) Min(1e6 / e->per_second, 1e12));
		*most = Max(*most, RATE_MAX_US);
	}
	return e;
}

/* Sends it back until about its turn: behind all that were sent back before. */
static TimestampTz
turn_of(const Gates *g, int64 now)
{
	int64 gap;
	int64 most;
	ErrandLimit *e = slowest(g, now, &gap, &most);
	int64 first;

	if (e == NULL)
		return errand_clock_now();
	first = now + Max(Max(shut_for(g, now), token_wait(g, now)),
					  full_gate(g) != NULL ? PLACE_PARK_US : 0);

	/* beyond the most all come at once, but for the jitter */
	e->next = Min(Max(e->next, first) + Max(1, gap), first + most);
	return errand_clock_now() + (e->next - now) + (int64) (errand_random01() * Min(gap, WAIT_US));
}

/*
 * New ones do not pass those that were sent back (these have got another place)
 * and have their turns ahead, unless nothing runs.
 */
static bool
must_queue(const ErrandRun *r, const ErrandLimit *e, int64 now)
{
	return e != NULL && r->state != ERRAND_RUN_PACED && r->place == r->id &&
		   e->next > now + WAIT_US && (e->max_running > 0 || e->per_second > 0) &&
		   !errand_limit_idle(e);
}

typedef enum Verdict
{
	GO,
	WAIT_TOKEN,
	WAIT_PLACE,
	PARK
} Verdict;

/* Under limit_lock.  What is to be taken is taken. */
static Verdict
judge(ErrandRun *r, const Gates *g, int64 now)
{
	bool room = r->state == ERRAND_RUN_PACED || errand_runs_count(ERRAND_RUN_PACED) < PACED_MAX;
	int64 wait = token_wait(g, now);
	ErrandLimit *full = full_gate(g);

	if (shut_for(g, now) > 0 || must_queue(r, g->type, now) || must_queue(r, g->host, now))
		return PARK;
	if (full != NULL)
	{
		full->refused = true;
		return room && wait <= WAIT_US ? WAIT_PLACE : PARK;
	}
	if (wait > 0 && (!room || wait > WAIT_US))
		return PARK;
	take_all(r, g, now + wait);
	r->start_at = now + wait;
	return wait > 0 ? WAIT_TOKEN : GO;
}

bool
errand_admit(ErrandRun *r)
{
	char host[HOST_NAME] = "";
	TimestampTz due = 0;
	Verdict v;
	Gates g;
	int64 now;

	if (nothing_to_ask())
		return true;
	(void) host_of(r, host);
	now = errand_limits_clock();
	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	find_gates(r, host, &g);
	v = g.type == NULL && g.host == NULL ? GO : judge(r, &g, now);
	if (v == WAIT_PLACE && r->state == ERRAND_RUN_PACED && now >= r->start_at)
		v = PARK; /* it has waited long enough */
	if (v == PARK)
		due = turn_of(&g, now);
	LWLockRelease(errand_limits->limit_lock);
	if (v != GO && r->state != ERRAND_RUN_PACED)
		errand_limits_count(g.host == NULL);
	r->admitted = v == GO || v == WAIT_TOKEN;
	if (v == PARK)
		errand_run_park(r, due);
	else if (v != GO && r->state != ERRAND_RUN_PACED)
	{
		if (v == WAIT_PLACE)
			r->start_at = now + WAIT_US;
		errand_run_move(r, ERRAND_RUN_PACED);
	}
	return v == GO;
}

/* When the host of a run may be talked to again, if it is held or broken; else 0. */
static TimestampTz
host_shut(ErrandRun *r)
{
	char host[HOST_NAME];
	TimestampTz due = 0;
	int64 now = errand_limits_clock();
	Gates g = {0};

	if (!host_of(r, host))
		return 0;
	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	g.host = errand_limit_find(ERRAND_COUNT_HOST, host);
	/* a probe is let through by a circuit that nobody else passes */
	if (g.host != NULL && shut_for(&g, now) > 0 &&
		(!r->probe || g.host->breaker.held_until_us > now))
		due = turn_of(&g, now);
	LWLockRelease(errand_limits->limit_lock);
	return due;
}

/* A host was held, or its circuit opened: what has not started goes back. */
static void
recall(void)
{
	dlist_mutable_iter it;

	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_QUEUED))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);
		TimestampTz due;

		if (r->park_due != 0 || r->cancel_asked || (due = host_shut(r)) == 0)
			continue;
		r->park_due = due;
		r->kind->cancel(r); /* it ends as parked, not as cancelled */
	}
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_PACED))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);
		TimestampTz due = host_shut(r);

		if (due != 0)
			errand_run_park(r, due);
	}
}

void
errand_admit_turn(void (*start)(ErrandRun *r))
{
	static uint32 seen_shut = 0;
	static uint32 seen_freed = 0;
	uint32 shut = pg_atomic_read_u32(&errand_limits->shut);
	uint32 freed = pg_atomic_read_u32(&errand_limits->freed);
	int64 now;
	dlist_mutable_iter it;

	if (shut != seen_shut)
		recall();
	seen_shut = shut;
	now = errand_limits_clock();
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_PACED))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		if (now < r->start_at && (r->admitted || freed == seen_freed))
			continue;
		if (r->admitted || errand_admit(r))
			start(r);
	}
	seen_freed = freed;
}

int64
errand_admit_wait_us(void)
{
	int64 first = PG_INT64_MAX;
	dlist_iter it;

	if (errand_runs_count(ERRAND_RUN_PACED) == 0)
		return -1;
	dlist_foreach (it, errand_runs_in(ERRAND_RUN_PACED))
		first = Min(first, dlist_container(ErrandRun, node, it.cur)->start_at);
	return Max(0, first - errand_limits_clock());
}

typedef enum Telling
{
	TELLS_NOTHING,
	TELLS_GOOD,
	TELLS_BAD
} Telling;

/* What an ended request says about its host. */
static Telling
telling(const ErrandRun *r)
{
	switch (r->failure)
	{
		case ERRAND_FAIL_NONE:
			if (r->status >= 500 || (r->status == 429 && r->retry_after_ms < 0))
				return TELLS_BAD;
			return r->status > 0 && r->status != 429 ? TELLS_GOOD : TELLS_NOTHING;
		case ERRAND_FAIL_CONNECT:
		case ERRAND_FAIL_TIMEOUT:
		case ERRAND_FAIL_DNS:
		case ERRAND_FAIL_DNS_NOT_FOUND:
		case ERRAND_FAIL_TLS:
		case ERRAND_FAIL_RESET:
		case ERRAND_FAIL_PROTOCOL:
			return TELLS_BAD;
		default:
			return TELLS_NOTHING;
	}
}

/* Under limit_lock.  Whether the host is shut now, and was not before. */
static bool
tell(ErrandLimit *e, ErrandRun *r, Telling what, int64 hold_us)
{
	int64 now = errand_limits_clock();
	bool was = errand_breaker_wait(&e->breaker, now) > 0;

	e->breaker.threshold = Max(1, errand_breaker_failures);
	if (hold_us > 0)
		errand_breaker_hold(&e->breaker, now + hold_us);
	if (what == TELLS_BAD && errand_breaker_failures > 0)
		errand_breaker_failure(&e->breaker, now);
	else if (what == TELLS_GOOD)
		errand_breaker_success(&e->breaker);
	else if (r->probe)
		errand_breaker_release(&e->breaker);
	r->probe = false;
	return !was && errand_breaker_wait(&e->breaker, now) > 0;
}

void
errand_admit_report(ErrandRun *r)
{
	char host[HOST_NAME];
	Telling what = telling(r);
	int64 hold_us = 0;
	bool bad;
	bool shut = false;
	ErrandLimit *e;

	if ((r->status == 429 || r->status == 503) && r->retry_after_ms > 0)
		hold_us = Min(r->retry_after_ms, (int64) errand_host_hold_max) * 1000;
	bad = hold_us > 0 || (what == TELLS_BAD && errand_breaker_failures > 0);
	if (r->started_at == 0 || (!bad && pg_atomic_read_u32(&errand_limits->hosts) == 0) ||
		!host_of(r, host))
		return;
	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	e = errand_limit_find(ERRAND_COUNT_HOST, host);
	if (e == NULL && bad)
		e = errand_limit_get(ERRAND_COUNT_HOST, host, 0, 0);
	if (e != NULL && e != &errand_limits->overflow)
	{
		shut = tell(e, r, what, hold_us);
		errand_limit_forget_host(e);
	}
	LWLockRelease(errand_limits->limit_lock);
	if (!shut)
		return;
	pg_atomic_fetch_add_u32(&errand_limits->shut, 1);
	errand_wake_workers(MyDatabaseId);
}
