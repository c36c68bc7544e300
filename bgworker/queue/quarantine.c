/*
 * quarantine.c
 *		Suspects of crashes: they run with nothing else in flight.
 *
 * Runs in the leader.  Nothing runs while the engine rests, suspects neither:
 * a dump may have brought them.  What falls while only suspects run is theirs.  SQL
 * tasks among them are taken by an executor of their role (executor.c).
 */
#include "postgres.h"

#include "base/db.h"
#include "base/process.h"
#include "kinds/http.h"
#include "miscadmin.h"
#include "queue/claim.h"
#include "queue/config.h"
#include "queue/quarantine.h"
#include "queue/roles.h"
#include "queue/run.h"
#include "shared.h"

static bool suspects = false; /* there are, or may be, some */
static bool quarantine_found = false;

void
errand_quarantine_want(void)
{
	suspects = true;
}

static bool
resting(void)
{
	ErrandDatabase *d = errand_database_mine();

	return d == NULL || pg_atomic_read_u32(&d->paused) != 0;
}

bool
errand_quarantine_wanted(void)
{
	return suspects && !resting();
}

/* A client may have held some when they were looked for. */
void
errand_quarantine_look(void)
{
	bool isnull;

	(void) errand_db_call(DB_SUSPECTS_NEXT, NULL);
	(void) errand_db_value(0, 1, &isnull);
	suspects |= !isnull;
}

static void
claim_suspects(void)
{
	bool isnull;
	Oid role;

	quarantine_found = true;
	errand_config_instance(NULL, 0); /* a restore may be under way */
	if (resting())
		return;
	(void) errand_db_call(DB_SUSPECTS_NEXT, NULL);
	role = DatumGetObjectId(errand_db_value(0, 1, &isnull));
	quarantine_found = !isnull;
	if (quarantine_found && OidIsValid(role))
		errand_roles_want(role); /* its executor takes them */
	else if (quarantine_found)
		quarantine_found = errand_claim_suspects(errand_in_flight_limit(), InvalidOid);
}

/* Suspects run with nothing else in flight: what falls then is theirs. */
void
errand_quarantine_run(void)
{
	ErrandDatabase *d = errand_database_mine();

	if (!errand_quarantine_wanted())
		return;
	pg_atomic_write_u32(&d->quarantine, 1);
	if (!errand_process_all_at_rest(errand_runs_total()) || !errand_db_begin())
		return;
	claim_suspects();
	errand_db_commit(true);
	errand_claim_committed();
	if (quarantine_found)
		return;
	suspects = false;
	pg_atomic_write_u32(&d->quarantine, 0);
	errand_wake_workers(MyDatabaseId);
	errand_wake_executors(MyDatabaseId, InvalidOid);
}
