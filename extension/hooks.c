/*
 * hooks.c
 *		Hears LISTEN, CREATE/DROP DATABASE, DROP EXTENSION and settings of ours
 *		made for a database or role, in every backend.
 *
 * Runs in every backend.  Hooks must pass everything on, and must not fail for
 * reasons of their own: other people's statements run through here.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "compat.h"
#include "contract.h"
#include "events.h"
#include "hooks.h"
#include "ring.h"
#include "nodes/parsenodes.h"
#include "shared.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

static ProcessUtility_hook_type prev_utility = NULL;
static object_access_hook_type prev_object_access = NULL;
static bool poke = false;
static bool listening = false;
static bool probe_all = false;			/* at commit */
static Oid probe_database = InvalidOid; /* likewise */

static pg_atomic_uint32 *
listeners(void)
{
	return &errand_shared->listeners[MyDatabaseId % ERRAND_LISTENER_SLOTS];
}

static void
stop_listening(int code, Datum arg)
{
	if (listening)
		pg_atomic_fetch_sub_u32(listeners(), 1);
	listening = false;
}

/* Counted once a backend and for its life: a few NOTIFYs too many do no harm. */
static void
heard_listen(void)
{
	if (listening || errand_shared == NULL || !OidIsValid(MyDatabaseId))
		return;
	listening = true;
	pg_atomic_fetch_add_u32(listeners(), 1);
	before_shmem_exit(stop_listening, (Datum) 0);
}

bool
errand_anybody_listens(void)
{
	return pg_atomic_read_u32(listeners()) != 0;
}

static void
poke_now(void)
{
	ErrandDatabase *d;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(MyDatabaseId, true);
	if (d != NULL)
	{
		d->probe_asked++;
		d->not_before = 0;
		d->failures = 0;
	}
	LWLockRelease(errand_shared->slot_lock);
	errand_wake_launcher();
}

/* The settings that a database's relay would have may have changed. */
static void
ask_for_probes(void)
{
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	for (int i = 0; i < errand_shared->max_databases; i++)
	{
		ErrandDatabase *d = &errand_databases[i];

		if (d->oid != InvalidOid && d->installed && (probe_all || d->oid == probe_database))
			d->probe_asked++;
	}
	LWLockRelease(errand_shared->slot_lock);
	errand_wake_launcher();
}

static void
poke_callback(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && (probe_all || OidIsValid(probe_database)) &&
		errand_shared != NULL)
		ask_for_probes();
	if (event == XACT_EVENT_COMMIT && poke && errand_shared != NULL)
	{
		ErrandEvent e = {.kind = ERRAND_EVENT_CONFIG, .database = MyDatabaseId};

		poke_now();
		/* Workers begin a transaction for it, and see whether the extension is there. */
		LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
		errand_ring_write(&e);
		LWLockRelease(errand_shared->event_lock);
		errand_wake_workers(MyDatabaseId);
		errand_tell_streams();
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		poke = probe_all = false;
		probe_database = InvalidOid;
	}
}

void
errand_poke_at_commit(void)
{
	poke = true;
}

/* Asks our processes in a database to leave, and nobody to start new ones. */
static void
clear_database(Oid oid, bool dropping)
{
	ErrandDatabase *d;

	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(oid, false);
	if (d != NULL)
	{
		d->dropping = dropping;
		d->dropping_since = GetCurrentTimestamp();
		if (dropping)
			d->probe_done = d->probe_asked;
		else
			d->probe_asked++;
	}
	for (int i = 0; dropping && i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind != ERRAND_PROCESS_NONE && s->database == oid && s->pid != 0)
			kill(s->pid, SIGTERM);
	}
	LWLockRelease(errand_shared->slot_lock);
	if (!dropping)
		errand_wake_launcher();
}

/* The value of a statement's option, or NULL. */
static const char *
option_text(const List *options, const char *name)
{
	ListCell *cell;

	foreach (cell, options)
	{
		DefElem *e = lfirst_node(DefElem, cell);

		if (strcmp(e->defname, name) == 0 && e->arg != NULL && IsA(e->arg, String))
			return strVal(e->arg);
	}
	return NULL;
}

/* The database that the statement needs for itself, if it is one of ours. */
static Oid
database_wanted(Node *parsetree)
{
	const char *name = NULL;
	Oid oid;

	if (IsA(parsetree, DropdbStmt))
		name = ((DropdbStmt *) parsetree)->dbname;
	else if (IsA(parsetree, RenameStmt) &&
			 ((RenameStmt *) parsetree)->renameType == OBJECT_DATABASE)
		name = ((RenameStmt *) parsetree)->subname;
	else if (IsA(parsetree, CreatedbStmt))
		name = option_text(((CreatedbStmt *) parsetree)->options, "template");
	else if (IsA(parsetree, AlterDatabaseStmt) &&
			 option_text(((AlterDatabaseStmt *) parsetree)->options, "tablespace") != NULL)
		name = ((AlterDatabaseStmt *) parsetree)->dbname;
	if (name == NULL || errand_shared == NULL)
		return InvalidOid;
	oid = get_database_oid(name, true);
	if (!OidIsValid(oid) || oid == MyDatabaseId || !errand_owns_database(oid, GetUserId()))
		return InvalidOid;
	return oid;
}

/*
 * ALTER EXTENSION takes no lock on the extension as DROP does: we take it, so
 * that workers keep out of the tables until the commit, and none deadlocks.
 */
static void
hold_workers(const AlterExtensionStmt *stmt)
{
	Oid extension;

	if (errand_shared == NULL || strcmp(stmt->extname, ERRAND_EXTENSION) != 0)
		return;
	extension = get_extension_oid(ERRAND_EXTENSION, true);
	if (!OidIsValid(extension) || !errand_owns_extension(extension, GetUserId()))
		return;
	LockDatabaseObject(ExtensionRelationId, extension, 0, AccessExclusiveLock);
	poke = true;
}

/* ALTER DATABASE ... SET errand.*, ALTER ROLE likewise, and RESET ALL of either. */
static bool
sets_ours(const VariableSetStmt *set)
{
	return set->kind == VAR_RESET_ALL ||
		   (set->name != NULL &&
			strncmp(set->name, ERRAND_SCHEMA ".", strlen(ERRAND_SCHEMA) + 1) == 0);
}

static void
hear_settings(Node *parsetree)
{
	if (IsA(parsetree, AlterDatabaseSetStmt))
	{
		AlterDatabaseSetStmt *s = (AlterDatabaseSetStmt *) parsetree;
		Oid oid = sets_ours(s->setstmt) ? get_database_oid(s->dbname, true) : InvalidOid;

		/* A second one in the same transaction: all of them. */
		probe_all |= OidIsValid(probe_database) && OidIsValid(oid) && oid != probe_database;
		if (OidIsValid(oid))
			probe_database = oid;
	}
	else
		probe_all |= sets_ours(((AlterRoleSetStmt *) parsetree)->setstmt);
}

static void
pass_on(PlannedStmt *pstmt, const char *query, bool read_only, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	if (prev_utility)
		prev_utility(pstmt, query, read_only, context, params, env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only, context, params, env, dest, qc);
}

static void
utility(PlannedStmt *pstmt, const char *query, bool read_only, ProcessUtilityContext context,
		ParamListInfo params, QueryEnvironment *env, DestReceiver *dest, QueryCompletion *qc)
{
	Node *parsetree = pstmt->utilityStmt;
	bool created = IsA(parsetree, CreatedbStmt);
	Oid wanted = InvalidOid;

	if (IsA(parsetree, ListenStmt))
		heard_listen();
	else if (IsA(parsetree, AlterDatabaseSetStmt) || IsA(parsetree, AlterRoleSetStmt))
		hear_settings(parsetree);
	else if (IsA(parsetree, AlterExtensionStmt))
		hold_workers((AlterExtensionStmt *) parsetree);
	else if (IsA(parsetree, CreateSubscriptionStmt) || IsA(parsetree, AlterSubscriptionStmt) ||
			 IsA(parsetree, DropSubscriptionStmt))
		poke = true; /* another's tasks may come: workers look before they do */
	else if (created || IsA(parsetree, DropdbStmt) || IsA(parsetree, RenameStmt) ||
			 IsA(parsetree, AlterDatabaseStmt))
		wanted = database_wanted(parsetree);
	if (!OidIsValid(wanted))
	{
		pass_on(pstmt, query, read_only, context, params, env, dest, qc);
		if (created && errand_shared != NULL)
			errand_wake_launcher();
		return;
	}
	/* afterwards clear_database() wakes the launcher, for a new one, too */
	clear_database(wanted, true);
	PG_TRY();
	{
		pass_on(pstmt, query, read_only, context, params, env, dest, qc);
	}
	PG_FINALLY();
	{
		clear_database(wanted, false);
	}
	PG_END_TRY();
}

/* DROP EXTENSION: workers look whether it is still there, at commit. */
static void
object_access(ObjectAccessType access, Oid class_id, Oid object_id, int sub_id, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class_id, object_id, sub_id, arg);
	if (access == OAT_DROP && class_id == ExtensionRelationId && errand_shared != NULL &&
		object_id == get_extension_oid(ERRAND_EXTENSION, true))
		poke = true;
}

void
errand_hooks_init(void)
{
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(poke_callback, NULL);
}
