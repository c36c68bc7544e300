/*
 * probe.c
 *		errand probe: visits one database, tells whether the extension is
 *		installed there and which settings its relay would have, and leaves.
 *
 * Started by the launcher, one at a time.  It changes nothing.
 */
#include "postgres.h"

#include "base/db.h"
#include "base/process.h"
#include "launcher.h"
#include "miscadmin.h"
#include "settings.h"
#include "shared.h"
#include "storage/ipc.h"

/* A relay with other settings leaves, and the next one need not wait for what failed with them. */
static void
tell_relay(ErrandDatabase *d)
{
	uint64 settings = errand_relay_settings_hash();

	if (settings != d->relay_settings)
	{
		d->relay_not_before = 0;
		d->relay_failures = 0;
		d->relay_warned = false;
	}
	d->relay_settings = settings;
	d->relay_port = d->installed ? errand_port : 0;
	for (int i = 0; i < ERRAND_MAX_SLOTS; i++)
	{
		ErrandSlot *s = &errand_shared->slots[i];

		if (s->kind == ERRAND_PROCESS_RELAY && s->database == d->oid && s->pid != 0)
			errand_latch_set(s->procno);
	}
}

void
errand_probe_main(Datum main_arg)
{
	bool installed;
	ErrandDatabase *d;

	errand_process_start(main_arg, ERRAND_PROCESS_PROBE);
	installed = errand_db_installed();
	LWLockAcquire(errand_shared->slot_lock, LW_EXCLUSIVE);
	d = errand_database_find(MyDatabaseId, installed);
	if (d != NULL)
	{
		d->installed = installed;
		d->probe_done = d->probe_taken;
		tell_relay(d);
		if (!installed && !errand_probe_wanted(d))
			d->oid = InvalidOid;
	}
	LWLockRelease(errand_shared->slot_lock);
	if (installed && d == NULL)
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("pg_errand is installed in more databases than errand.max_databases"),
						  errhint("Raise errand.max_databases and restart the server.")));
	proc_exit(0);
}
