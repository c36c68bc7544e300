/*
 * databases.c
 *		Lists the cluster's databases for the launcher, and remembers which of
 *		them were visited.
 *
 * Runs in the launcher, which may read shared catalogs only.  Databases
 * without the extension take no entry in shared memory.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/databases.h"
#include "base/db.h"
#include "catalog/pg_database.h"
#include "compat.h"
#include "shared.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

static Oid *visited = NULL; /* in TopMemoryContext */
static int n_visited = 0;
static Oid *unvisited = NULL;
static int n_unvisited = 0;

Oid *
errand_databases_list(int *n)
{
	MemoryContext context = CurrentMemoryContext;
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;
	int room = 64;
	Oid *oids = palloc(sizeof(Oid) * room);

	*n = 0;
	errand_db_begin_shared();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database d = (Form_pg_database) GETSTRUCT(tuple);

		if (!d->datallowconn || d->datistemplate || d->datconnlimit == -2)
			continue;
		if (*n == room)
		{
			room *= 2;
			oids = repalloc(oids, sizeof(Oid) * room);
		}
		oids[(*n)++] = d->oid;
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	errand_db_commit_shared();
	MemoryContextSwitchTo(context);
	return oids;
}

static bool
contains(const Oid *oids, int n, Oid oid)
{
	for (int i = 0; i < n; i++)
	{
		if (oids[i] == oid)
			return true;
	}
	return false;
}

void
errand_databases_remember(const Oid *oids, int n)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	Oid *kept = palloc(sizeof(Oid) * Max(n, 1));
	int n_kept = 0;

	if (unvisited != NULL)
		pfree(unvisited);
	unvisited = palloc(sizeof(Oid) * Max(n, 1));
	n_unvisited = 0;
	for (int i = 0; i < n; i++)
	{
		if (contains(visited, n_visited, oids[i]))
			kept[n_kept++] = oids[i];
		else
			unvisited[n_unvisited++] = oids[i];
	}
	if (visited != NULL)
		pfree(visited);
	visited = kept;
	n_visited = n_kept;
	MemoryContextSwitchTo(old);
}

static void
mark_visited(Oid oid)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	visited = visited ? repalloc(visited, sizeof(Oid) * (n_visited + 1)) : palloc(sizeof(Oid));
	visited[n_visited++] = oid;
	for (int i = 0; i < n_unvisited; i++)
	{
		if (unvisited[i] == oid)
			unvisited[i] = unvisited[--n_unvisited];
	}
	MemoryContextSwitchTo(old);
}

/* Does the entry of a database say that somebody poked? */
static Oid
poked(void)
{
	Oid oid = InvalidOid;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < errand_shared->max_databases && oid == InvalidOid; i++)
	{
		if (errand_databases[i].oid != InvalidOid && errand_probe_wanted(&errand_databases[i]) &&
			!errand_databases[i].dropping)
			oid = errand_databases[i].oid;
	}
	LWLockRelease(errand_shared->slot_lock);
	return oid;
}

Oid
errand_databases_next_probe(void)
{
	Oid oid = poked();

	if (OidIsValid(oid))
		return oid;
	return n_unvisited > 0 ? unvisited[0] : InvalidOid;
}

void
errand_databases_probed(Oid oid)
{
	if (!contains(visited, n_visited, oid))
		mark_visited(oid);
}
