/*-------------------------------------------------------------------------
 *
 * status.c
 *	  What others may ask about the net: counters and hosts.
 *
 * Runs in the errand worker.  Must never change anything.
 *
 *-------------------------------------------------------------------------
 */
#include "net/internal.h"

int
errand_net_running(const ErrandNet *n)
{
	return n->running;
}

int
errand_net_resolving(const ErrandNet *n)
{
	return n->resolving;
}

int
errand_net_queued(const ErrandNet *n)
{
	return n->queued;
}

size_t
errand_net_buffered(const ErrandNet *n)
{
	return n->buffered;
}

int
errand_net_host_queued(const ErrandNet *n, const char *host_port)
{
	const ErrandHost *h = errand_nethost_find(n, host_port);

	return h ? h->queued : 0;
}

int
errand_net_host_free(const ErrandNet *n, const char *host_port)
{
	const ErrandHost *h = errand_nethost_find(n, host_port);
	int here = n->host_max_running;
	int all = n->max_in_flight - (n->running - n->resolving);

	if (h != NULL)
		here = errand_nethost_most(h, n) - (h->running + h->queued);
	if (here > all)
		here = all;
	return here > 0 ? here : 0;
}

static bool
forgotten(const ErrandHost *h)
{
	return h->running == 0 && h->queued == 0 && h->last_us < errand_now_us() - ERRAND_HOST_IDLE_US;
}

bool
errand_net_next_host(const ErrandNet *n, int *cursor, ErrandHostStat *out)
{
	const ErrandHost *h;

	do
	{
		if (*cursor < 0 || *cursor >= n->n_hosts)
			return false;
		h = n->hosts[(*cursor)++];
	} while (forgotten(h));

	out->host = h->name;
	out->port = h->port;
	out->running = h->running;
	out->queued = h->queued;
	out->max_running = errand_nethost_most(h, n);
	out->requests = h->requests;
	out->errors = h->errors;
	out->connections = h->connections;
	out->last_us = h->last_us;
	out->last_status = h->last_status;
	return true;
}
