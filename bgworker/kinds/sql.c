/*
 * sql.c
 *		Kind sql: a function of the submitter's, run by an executor; and kind
 *		source: a stage of a source (exec/source.c), run likewise.
 *
 * Here nothing starts: in an executor a run that is handed over waits for its
 * turn (executor.c), and in a worker only those come by whose role is gone.
 */
#include "postgres.h"

#include "base/process.h"
#include "kinds/sql.h"

static const char *
sql_start(ErrandRun *run)
{
	if (OidIsValid(errand_my_slot->role))
	{
		run->success_lo = 0; /* there is no status: no failure is a success */
		run->success_hi = 1;
		return NULL;
	}
	return "no executor can run it: its role was dropped";
}

/* One that is under way is interrupted by a signal, and ends by an error. */
static void
sql_cancel(ErrandRun *run)
{
	if (run->state != ERRAND_RUN_QUEUED)
		return;
	run->failure = ERRAND_FAIL_CANCELLED;
	errand_run_over(run);
}

static void
sql_release(ErrandRun *run)
{
}

const ErrandKind errand_kind_sql = {
	.name = "sql",
	.start = sql_start,
	.cancel = sql_cancel,
	.release = sql_release,
};

/* Nobody can submit one: only the engine does (sql/48_sources.sql). */
const ErrandKind errand_kind_source = {
	.name = "source",
	.start = sql_start,
	.cancel = sql_cancel,
	.release = sql_release,
};
