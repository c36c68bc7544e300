/*
 * park.c
 *		Parks runs of full hosts: back to scheduled, their attempt not used.
 *
 * Runs in worker processes.  A host is held when a run has waited for it
 * longer than HOLD_US while the worker's look-ahead was full.  Its waiting
 * runs, and from then on its arrivals, get times at which the host will have
 * room, paced by how long its requests take.  Without this one slow host
 * fills the look-ahead, and every other host waits behind it.
 */
#include "postgres.h"

#include "base/clock.h"
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

typedef struct ParkHost
{
	char name[HOST_NAME]; /* key */
	TimestampTz next;	  /* when the next one parked may come back */
	int64 run_us;		  /* how long one takes, smoothed */
} ParkHost;

static HTAB *hosts = NULL;
static TimestampTz held_until = 0; /* the latest next of any host: nothing is held after it */

void
errand_park_init(void)
{
	HASHCTL info = {0};

	info.keysize = HOST_NAME;
	info.entrysize = sizeof(ParkHost);
	info.hcxt = TopMemoryContext;
	hosts = hash_create("errand parked hosts", 64, &info, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static ParkHost *
host_get(const ErrandRun *r, bool create)
{
	char name[HOST_NAME];
	ParkHost *h;
	bool found;

	if (r->kind == NULL || r->kind->host == NULL || !r->kind->host(r, name, sizeof(name)))
		return NULL;
	if (!create)
		return hash_search(hosts, name, HASH_FIND, NULL);
	if (hash_get_num_entries(hosts) >= MAX_HOSTS)
		return NULL;
	h = hash_search(hosts, name, HASH_ENTER, &found);
	if (!found)
	{
		h->next = 0;
		h->run_us = 100000;
	}
	return h;
}

/* The time at which the host has room for one more than were parked so far. */
static TimestampTz
next_time(ParkHost *h, TimestampTz now)
{
	int64 pace = Max(1, h->run_us / errand_host_max_running);

	h->next = Max(h->next, now + HOLD_US) + pace;
	h->next = Min(h->next, now + SPREAD_MAX_US);
	held_until = Max(held_until, h->next);
	return h->next;
}

bool
errand_park_arrival(ErrandRun *r)
{
	TimestampTz now = r->claimed_at;
	ParkHost *h;

	if (held_until <= now || r->cancel_asked)
		return false;
	h = host_get(r, false);
	if (h == NULL || h->next <= now + HOLD_US || r->kind->room(r) > 0)
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
		h = host_get(r, true);
		if (h == NULL || r->kind->room(r) > 0)
			continue;
		r->park_due = next_time(h, now);
		r->kind->cancel(r); /* it ends as parked, not as cancelled */
	}
}

void
errand_park_learn(const ErrandRun *r)
{
	ParkHost *h;

	if (held_until == 0 || r->started_at == 0)
		return;
	h = host_get(r, false);
	if (h != NULL)
		h->run_us += (r->finished_at - r->started_at - h->run_us) / 8;
}
