/*
 * park.c
 *		Parks runs of full hosts: back to scheduled, their attempt not used.
 *
 * Runs in worker processes.  A run is parked only if the runs before it at its
 * host would keep it waiting longer than HOLD_US at the rate at which that
 * host finishes requests, and then until about its turn.  Without this one
 * slow host fills the look-ahead, and every other host waits behind it; a host
 * that is merely busy, or stalls for a moment, loses nothing to it, nor does
 * one that waits for us.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/loop.h"
#include "kinds/kind.h"
#include "queue/claim.h"
#include "queue/pairs.h"
#include "queue/park.h"
#include "settings.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define HOLD_US INT64CONST(200000)
#define SPREAD_MAX_US INT64CONST(60000000) /* nobody is parked for longer */
#define HOST_NAME 300
#define MAX_HOSTS 4096
#define WINDOW_US INT64CONST(1000000)
#define IDLE_US INT64CONST(10000000)

typedef struct ParkHost
{
	char name[HOST_NAME]; /* key */
	TimestampTz next;	  /* when the next one parked may come back */
	int64 run_us;		  /* how long one takes, smoothed */
	int64 window;		  /* when this window began, by the loop's clock */
	int finished;		  /* runs in this window */
	int finished_before;  /* and in the one before it */
} ParkHost;

static HTAB *hosts = NULL;

void
errand_park_init(void)
{
	HASHCTL info = {0};

	info.keysize = HOST_NAME;
	info.entrysize = sizeof(ParkHost);
	info.hcxt = TopMemoryContext;
	hosts = hash_create("errand parked hosts", 64, &info, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

/* Makes room: hosts that have finished nothing for a while. */
static void
forget_idle(int64 now)
{
	HASH_SEQ_STATUS scan;
	ParkHost *h;

	hash_seq_init(&scan, hosts);
	while ((h = hash_seq_search(&scan)) != NULL)
	{
		if (now - h->window > IDLE_US)
			hash_search(hosts, h->name, HASH_REMOVE, NULL);
	}
}

/* The host of a run, its windows moved on to now; NULL if it has none. */
static ParkHost *
host_get(const ErrandRun *r)
{
	int64 now = errand_loop_clock();
	char name[HOST_NAME];
	ParkHost *h;
	bool found;

	if (r->kind == NULL || r->kind->host == NULL || !r->kind->host(r, name, sizeof(name)))
		return NULL;
	if (hash_get_num_entries(hosts) >= MAX_HOSTS)
		forget_idle(now);
	if (hash_get_num_entries(hosts) >= MAX_HOSTS)
		return NULL;
	h = hash_search(hosts, name, HASH_ENTER, &found);
	if (!found)
	{
		h->next = 0;
		h->run_us = 100000;
		h->window = now;
		h->finished = h->finished_before = 0;
	}
	else if (now - h->window >= WINDOW_US)
	{
		h->finished_before = now - h->window < 2 * WINDOW_US ? h->finished : 0;
		h->finished = 0;
		h->window = now;
	}
	return h;
}

/* Microseconds between two finished runs of the host, over the last one or two windows. */
static int64
pace_us(const ParkHost *h)
{
	int64 spent = errand_loop_clock() - h->window + (h->finished_before > 0 ? WINDOW_US : 0);

	return Max(1, spent / Max(1, h->finished + h->finished_before));
}

/* Would one more, behind those that wait at the host, wait too long? */
static bool
too_long(const ErrandRun *r, const ParkHost *h)
{
	int room = r->kind->room(r);

	return room <= 0 && (1 - (int64) room) * pace_us(h) > HOLD_US;
}

/*
 * The time at which the host has room for one more than were parked so far.
 * Spread by what it can do, not by what it lately did: it may have had nothing.
 */
static TimestampTz
next_time(ParkHost *h, TimestampTz now)
{
	int64 able = h->run_us * errand_workers / errand_host_max_running;

	h->next = Max(h->next, now + HOLD_US) + Max(1, Min(pace_us(h), able));
	h->next = Min(h->next, now + SPREAD_MAX_US);
	return h->next;
}

bool
errand_park_arrival(ErrandRun *r)
{
	TimestampTz now = r->claimed_at;
	ParkHost *h;

	/* Only while runs wait for places at all: then a host may be the reason. */
	if (r->cancel_asked || errand_runs_count(ERRAND_RUN_QUEUED) == 0)
		return false;
	h = host_get(r);
	if (h == NULL || h->next <= now || !too_long(r, h))
		return false;
	errand_run_park(r, next_time(h, now));
	return true;
}

void
errand_park_waiting(void)
{
	dlist_mutable_iter it;
	TimestampTz now = errand_clock_now();

	if (!errand_pairs_any() || errand_claim_capacity() > 0)
		return;
	dlist_foreach_modify (it, errand_runs_in(ERRAND_RUN_QUEUED))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);
		ParkHost *h;

		if (r->park_due != 0 || now - r->claimed_at < HOLD_US)
			continue;
		h = host_get(r);
		if (h == NULL || !too_long(r, h))
			continue;
		r->park_due = next_time(h, now);
		r->kind->cancel(r); /* it ends as parked, not as cancelled */
	}
}

void
errand_park_learn(const ErrandRun *r)
{
	ParkHost *h;

	if (r->started_at == 0 || (h = host_get(r)) == NULL)
		return;
	h->finished++;
	h->run_us += (r->finished_at - r->started_at - h->run_us) / 8;
}
