/*
 * definitions.c
 *		What tables say of limits, as one process has read it.
 *
 * Runs in every process of ours that claims.  How much of a limit is used up
 * is none of its business: see limits.c.
 */
#include "postgres.h"

#include "base/db.h"
#include "core/rate.h"
#include "kinds/kind.h"
#include "queue/limits.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

static HTAB *definitions = NULL;
static int n_queues = 0; /* with limits */
static int n_others = 0; /* types and hosts with limits */

void
errand_definitions_init(void)
{
	HASHCTL info = {0};

	info.keysize = sizeof(((ErrandDefinition *) 0)->key);
	info.entrysize = sizeof(ErrandDefinition);
	info.hcxt = TopMemoryContext;
	definitions = hash_create("errand limits", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static ErrandDefinition *
definition_get(int kind, const char *name, HASHACTION action)
{
	ErrandDefinition probe;
	ErrandDefinition *d;
	bool found;

	memset(&probe.key, 0, sizeof(probe.key));
	probe.key.kind = kind;
	strlcpy(probe.key.name, name, sizeof(probe.key.name));
	d = hash_search(definitions, &probe.key, action, &found);
	if (d != NULL && !found)
		memset((char *) d + sizeof(probe.key), 0, sizeof(*d) - sizeof(probe.key));
	return d;
}

static ErrandDefinition *
definition_find(int kind, const char *name)
{
	ErrandDefinition *d = definition_get(kind, name, HASH_FIND);

	return d != NULL && d->defined ? d : NULL;
}

ErrandDefinition *
errand_limits_of_queue(const char *queue)
{
	return n_queues > 0 ? definition_find(ERRAND_COUNT_QUEUE, queue) : NULL;
}

ErrandDefinition *
errand_limits_of_type(const char *type)
{
	return n_others > 0 ? definition_find(ERRAND_COUNT_TASK, type) : NULL;
}

ErrandDefinition *
errand_limits_of_host(const char *host)
{
	char name[ERRAND_NAME_BYTES];
	char *port;
	ErrandDefinition *d;

	if (n_others == 0)
		return NULL;
	d = definition_find(ERRAND_COUNT_HOST, host);
	if (d != NULL)
		return d;
	strlcpy(name, host, sizeof(name));
	port = strrchr(name, ':');
	if (port == NULL)
		return NULL;
	*port = '\0';
	return definition_find(ERRAND_COUNT_HOST, name);
}

bool
errand_limits_of_queues(void)
{
	return n_queues > 0;
}

bool
errand_limits_beyond_queues(void)
{
	return n_others > 0;
}

static void
define(int row)
{
	bool isnull;
	Datum d;
	char *rate = errand_db_text(row, 4);
	ErrandDefinition *def;

	d = errand_db_value(row, 1, &isnull);
	def = definition_get(DatumGetChar(d), errand_db_text(row, 2), HASH_ENTER);
	def->defined = true;
	d = errand_db_value(row, 3, &isnull);
	def->max_running = isnull ? 0 : DatumGetInt32(d);
	def->per_second = 0;
	if (rate != NULL)
		(void) errand_rate_parse(rate, strlen(rate), &def->per_second);
	if (def->key.kind == ERRAND_COUNT_QUEUE)
		n_queues++;
	else
		n_others++;
}

/* A limit that came while the run was in hand counts it too. */
static void
adopt(ErrandRun *r, int which, ErrandCounterKind kind, const char *name, ErrandDefinition *d)
{
	if (d == NULL || d->max_running == 0 || r->places[which] != NULL)
		return;
	LWLockAcquire(errand_limits->limit_lock, LW_EXCLUSIVE);
	errand_limits_place(r, which, errand_limit_get(kind, name, d->max_running, d->per_second));
	LWLockRelease(errand_limits->limit_lock);
}

static void
adopt_host(ErrandRun *r)
{
	char host[300];

	if (n_others > 0 && r->kind != NULL && r->kind->host != NULL &&
		r->kind->host(r, host, sizeof(host)))
		adopt(r, ERRAND_PLACE_HOST, ERRAND_COUNT_HOST, host, errand_limits_of_host(host));
}

static void
adopt_all(void)
{
	for (int state = 0; state < ERRAND_RUN_STATES; state++)
	{
		dlist_iter it;

		dlist_foreach (it, errand_runs_in(state))
		{
			ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

			adopt(r, ERRAND_PLACE_QUEUE, ERRAND_COUNT_QUEUE, r->queue,
				  errand_limits_of_queue(r->queue));
			if (state != ERRAND_RUN_QUEUED && state != ERRAND_RUN_STARTED)
				continue;
			adopt(r, ERRAND_PLACE_TYPE, ERRAND_COUNT_TASK, r->type, errand_limits_of_type(r->type));
			adopt_host(r);
		}
	}
}

void
errand_limits_read(void)
{
	HASH_SEQ_STATUS scan;
	ErrandDefinition *d;
	int before = n_queues;
	int n = errand_db_call(DB_LIMITS, NULL);

	if (n == 0 && n_queues + n_others == 0)
		return;
	hash_seq_init(&scan, definitions);
	while ((d = hash_seq_search(&scan)) != NULL)
		d->defined = false;
	n_queues = n_others = 0;
	for (int i = 0; i < n; i++)
		define(i);
	if (before + n_queues > 0)
		errand_pairs_relimit();
	adopt_all();
}
