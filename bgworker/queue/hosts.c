/*
 * hosts.c
 *		Publishes what the network knows of its hosts to the shared counters.
 *
 * Runs in worker processes, once a second.  Numbers of several workers add
 * up, so it adds differences.
 */
#include "postgres.h"

#include "kinds/email.h"
#include "kinds/http.h"
#include "kinds/kind.h"
#include "meters.h"
#include "miscadmin.h"
#include "queue/hosts.h"
#include "shared.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

typedef struct HostSeen
{
	char name[300]; /* key */
	int running;
	uint64 requests;
	uint64 errors;
} HostSeen;

static HTAB *seen = NULL;

static HostSeen *
seen_get(const char *name)
{
	HostSeen *h;
	bool found;

	if (seen == NULL)
	{
		HASHCTL info = {0};

		info.keysize = sizeof(((HostSeen *) 0)->name);
		info.entrysize = sizeof(HostSeen);
		info.hcxt = TopMemoryContext;
		seen = hash_create("errand hosts", 64, &info, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	}
	h = hash_search(seen, name, HASH_ENTER, &found);
	if (!found)
	{
		h->running = 0;
		h->requests = h->errors = 0;
	}
	return h;
}

static void
publish(const char *name, const ErrandHostStat *stat)
{
	HostSeen *h = seen_get(name);
	ErrandCounter *c;

	if (h->running == stat->running && h->requests == stat->requests && h->errors == stat->errors)
		return;
	/* A host that the network forgot and met again begins anew. */
	if (stat->requests < h->requests)
		h->requests = h->errors = 0;
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	c = errand_counter(MyDatabaseId, ERRAND_COUNT_HOST, name);
	if (c != NULL)
	{
		c->running += stat->running - h->running;
		c->attempts += stat->requests - h->requests;
		c->failed += stat->errors - h->errors;
		c->touched = errand_shared->head_seq;
	}
	LWLockRelease(errand_shared->event_lock);
	h->running = stat->running;
	h->requests = stat->requests;
	h->errors = stat->errors;
}

/* The method of an HTTP task that ran, as a number; else -1. */
static int
method_of(const ErrandRun *r)
{
	JsonbValue key = {.type = jbvString, .val.string = {.len = 6, .val = "method"}};
	JsonbValue *v;

	if (r->started_at == 0 || r->kind == NULL || strcmp(r->kind->name, "http") != 0 ||
		r->payload == NULL)
		return -1;
	v = findJsonbValueFromContainer(&r->payload->root, JB_FOBJECT, &key);
	if (v == NULL || v->type != jbvString)
		return errand_method_number("GET", 3);
	return errand_method_number(v->val.string.val, v->val.string.len);
}

/* How long the runs of a settled batch took, by host. */
void
errand_hosts_learn(ErrandRun **runs, int n)
{
	char name[300];

	int *methods = palloc(sizeof(int) * Max(n, 1));

	for (int i = 0; i < n; i++)
		methods[i] = method_of(runs[i]);
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	for (int i = 0; i < n; i++)
	{
		ErrandRun *r = runs[i];
		ErrandCounter *c;

		if (methods[i] >= 0)
			errand_meter_http(methods[i], r->status, r->finished_at - r->started_at);
		if (r->started_at == 0 || r->kind == NULL || r->kind->host == NULL ||
			!r->kind->host(r, name, sizeof(name)))
			continue;
		c = errand_counter(MyDatabaseId, ERRAND_COUNT_HOST, name);
		if (c != NULL)
			errand_histogram_add(&c->run, Max(0, r->finished_at - r->started_at));
	}
	LWLockRelease(errand_shared->event_lock);
}

/* The mail server has a place beside the hosts of requests. */
static void
publish_mail(void)
{
	ErrandSmtpStat mail;
	ErrandHostStat stat = {0};
	char name[300];

	if (!errand_email_host(name, sizeof(name)))
		return;
	errand_email_stat(&mail);
	stat.running = mail.running;
	stat.requests = mail.requests;
	stat.errors = mail.errors;
	if (stat.requests > 0 || stat.running > 0)
		publish(name, &stat);
}

void
errand_hosts_publish(void)
{
	ErrandHostStat stat;
	int cursor = 0;
	char name[300];

	while (errand_net_next_host(errand_http_net(), &cursor, &stat))
	{
		snprintf(name, sizeof(name), strchr(stat.host, ':') ? "[%s]:%d" : "%s:%d", stat.host,
				 stat.port);
		publish(name, &stat);
	}
	publish_mail();
}
