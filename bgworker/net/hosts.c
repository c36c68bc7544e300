/*-------------------------------------------------------------------------
 *
 * hosts.c
 *	  A queue and a limit for each host and port; hosts take turns.
 *
 * Runs in the errand worker.  More handles in curl than connections allowed
 * would double its cost, so what cannot run yet waits here.  All steps of a
 * transfer are O(1).  Must never call curl or the transfer's owner.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

ErrandHost *
errand_nethost_find(const ErrandNet *n, const char *key)
{
	uint32_t hash = errand_net_hash(key);
	ErrandHost *h = n->buckets[hash % ERRAND_HOST_BUCKETS];

	while (h != NULL && (h->hash != hash || strcmp(h->key, key) != 0))
		h = h->chain;
	return h;
}

static void
forget(ErrandNet *n, ErrandHost *h)
{
	ErrandHost **p = &n->buckets[h->hash % ERRAND_HOST_BUCKETS];

	while (*p != h)
		p = &(*p)->chain;
	*p = h->chain;
	errand_list_remove(&h->link);
	errand_pins_release(h->pins);
	free(h->key);
	free(h->name);
	n->hosts[h->index] = n->hosts[--n->n_hosts];
	n->hosts[h->index]->index = h->index;
	free(h);
}

/* Forget those idle for long, and the longest idle if there are too many. */
static void
make_room(ErrandNet *n)
{
	int64_t old = errand_now_us() - ERRAND_HOST_IDLE_US;

	while (!errand_list_empty(&n->hosts_idle))
	{
		ErrandHost *h = errand_container(n->hosts_idle.next, ErrandHost, link);

		if (h->last_us > old && n->n_hosts < ERRAND_HOSTS_KEPT)
			break;
		forget(n, h);
	}
}

static bool
reserve(ErrandNet *n)
{
	int size = n->hosts_size > 0 ? 2 * n->hosts_size : 64;
	ErrandHost **hosts;

	if (n->n_hosts < n->hosts_size)
		return true;
	hosts = realloc(n->hosts, (size_t) size * sizeof(*hosts));
	if (hosts == NULL)
		return false;
	n->hosts = hosts;
	n->hosts_size = size;
	return true;
}

static ErrandHost *
make_host(const ErrandUrl *url)
{
	ErrandHost *h = calloc(1, sizeof(ErrandHost));

	if (h == NULL)
		return NULL;
	h->key = strdup(url->key);
	h->name = strdup(url->name);
	if (h->key == NULL || h->name == NULL)
	{
		free(h->key);
		free(h->name);
		free(h);
		return NULL;
	}
	h->port = url->port;
	h->hash = errand_net_hash(url->key);
	h->last_us = errand_now_us();
	errand_list_init(&h->queue);
	errand_list_init(&h->link);
	return h;
}

/* The host of a URL, made if it is new; NULL if memory is out. */
ErrandHost *
errand_nethost_get(ErrandNet *n, const ErrandUrl *url)
{
	ErrandHost *h = errand_nethost_find(n, url->key);
	ErrandHost **bucket;

	if (h != NULL)
		return h;
	make_room(n);
	if (!reserve(n) || (h = make_host(url)) == NULL)
		return NULL;
	bucket = &n->buckets[h->hash % ERRAND_HOST_BUCKETS];
	h->chain = *bucket;
	*bucket = h;
	h->index = n->n_hosts;
	n->hosts[n->n_hosts++] = h;
	errand_list_push(&n->hosts_idle, &h->link);
	return h;
}

/* How many of it may run at once. */
int
errand_nethost_most(const ErrandHost *h, const ErrandNet *n)
{
	return h->max_running > 0 ? h->max_running : n->host_max_running;
}

/* Put the host into the list that its numbers call for. */
static void
place(ErrandNet *n, ErrandHost *h)
{
	if (h->queued > 0 && h->running < errand_nethost_most(h, n))
	{
		if (!h->in_turn) /* else it keeps its turn */
		{
			errand_list_remove(&h->link);
			errand_list_push(&n->hosts_ready, &h->link);
		}
		h->in_turn = true;
		return;
	}
	errand_list_remove(&h->link);
	h->in_turn = false;
	if (h->queued == 0 && h->running == 0)
		errand_list_push(&n->hosts_idle, &h->link);
}

void
errand_nethost_enqueue(ErrandHost *h, ErrandTransfer *t, bool first)
{
	ErrandNet *n = t->net;

	if (!first)
		h->max_running = t->req.host_max_running;
	t->host = h;
	t->state = ERRAND_T_QUEUED;
	if (first)
		errand_list_push_front(&h->queue, &t->link);
	else
		errand_list_push(&h->queue, &t->link);
	h->queued++;
	n->queued++;
	place(n, h);
	errand_net_wake(n);
}

void
errand_nethost_dequeue(ErrandTransfer *t)
{
	errand_list_remove(&t->link);
	t->host->queued--;
	t->net->queued--;
	place(t->net, t->host);
}

/* The first of the host whose turn it is, still queued; NULL if none may. */
ErrandTransfer *
errand_nethost_next(ErrandNet *n)
{
	ErrandHost *h;

	if (errand_list_empty(&n->hosts_ready))
		return NULL;
	h = errand_container(errand_list_pop(&n->hosts_ready), ErrandHost, link);
	errand_list_push(&n->hosts_ready, &h->link);
	return errand_container(h->queue.next, ErrandTransfer, link);
}

/* From its queue to running. */
void
errand_nethost_take_place(ErrandTransfer *t)
{
	t->host->running++;
	t->host->last_us = errand_now_us();
	t->net->running++;
	t->holds_place = true;
	errand_nethost_dequeue(t);
}

/* Out of the queue or from its place: the host is none of its business now. */
void
errand_nethost_leave(ErrandTransfer *t)
{
	ErrandHost *h = t->host;

	if (h == NULL)
		return;
	if (t->holds_place)
	{
		t->holds_place = false;
		h->running--;
		h->last_us = errand_now_us();
		t->net->running--;
		place(t->net, h);
	}
	else
		errand_nethost_dequeue(t);
	t->host = NULL;
}

/*
 * Before it goes into curl: has the host a connection that may be idle?  A request
 * that must never be sent twice opens one in any case.
 */
void
errand_nethost_look(ErrandTransfer *t)
{
	ErrandConns *c = &t->net->conns[t->host->hash % ERRAND_HOST_BUCKETS];

	t->busy = false;
	t->conns = t->url->https || t->proxy != NULL ? NULL : c;
	t->fresh = t->req.never_resend || (t->conns != NULL && c->open <= c->busy);
}

/* It has a connection, or looks for one. */
void
errand_nethost_busy(ErrandTransfer *t)
{
	if (t->conns == NULL || t->busy)
		return;
	t->busy = true;
	t->conns->busy++;
}

void
errand_nethost_unbusy(ErrandTransfer *t)
{
	if (t->busy)
		t->conns->busy--;
	t->busy = false;
}

void
errand_nethosts_limit_changed(ErrandNet *n)
{
	for (int i = 0; i < n->n_hosts; i++)
		place(n, n->hosts[i]);
}

bool
errand_nethosts_create(ErrandNet *n)
{
	errand_list_init(&n->hosts_ready);
	errand_list_init(&n->hosts_idle);
	n->buckets = calloc(ERRAND_HOST_BUCKETS, sizeof(*n->buckets));
	n->conns = calloc(ERRAND_HOST_BUCKETS, sizeof(*n->conns));
	return n->buckets != NULL && n->conns != NULL;
}

void
errand_nethosts_free(ErrandNet *n)
{
	while (n->n_hosts > 0)
		forget(n, n->hosts[n->n_hosts - 1]);
	free(n->hosts);
	free(n->buckets);
	free(n->conns);
}
