/*
 * sources.c
 *		What follows the tasks of sources, and the leader's look at sources.
 *
 * Runs in workers and executors, within the settle's transaction; tending only
 * in the leader.  It must never wait for a row that a client can hold: clients
 * keep away from the rows of open runs (sql/48_sources.sql).  The wall clock is
 * asked here, once for each look.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/fault.h"
#include "catalog/pg_type.h"
#include "kinds/kind.h"
#include "letter.h"
#include "queue/config.h"
#include "queue/sources.h"
#include "queue/streams.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define TRIM_US INT64CONST(60000000)

static bool look = true;
static TimestampTz next = 0; /* 0: none */
static int64 trim_at = 0;

/* A page that was asked for, or a stage's task that did not do its work. */
static bool
is_of_source(const ErrandRun *r)
{
	if (r->stale || r->kind == NULL || !errand_state_is_final(r->outcome))
		return false;
	if (strcmp(r->kind->name, "source") == 0)
		return r->outcome != ERRAND_SUCCEEDED;
	return strcmp(r->type, "source fetch") == 0;
}

void
errand_sources_settled(ErrandRun **runs, int n)
{
	Datum *ids = NULL;
	ErrandDbArgs a = {0};
	int picked = 0;

	for (int i = 0; i < n; i++)
	{
		if (!is_of_source(runs[i]))
			continue;
		if (ids == NULL)
			ids = palloc(sizeof(Datum) * n);
		ids[picked++] = Int64GetDatum(runs[i]->id);
	}
	if (picked == 0)
		return;
	ERRAND_FAULT("fetched");
	errand_db_arg(&a, errand_db_array(ids, NULL, picked, INT8OID));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_SOURCES_SETTLED, &a);
}

void
errand_sources_changed(void)
{
	look = true;
}

int64
errand_sources_wait_us(void)
{
	if (look)
		return 0;
	return Min(next != 0 ? Max(0, next - errand_clock_now()) : INT64_MAX, errand_streams_wait_us());
}

static bool
resting(void)
{
	ErrandDatabase *d = errand_database_mine();

	errand_config_instance(NULL, 0); /* a restore may be under way */
	return d != NULL && pg_atomic_read_u32(&d->paused) != 0;
}

/* Within a transaction. */
static void
tend(void)
{
	ErrandDbArgs a = {0};
	bool isnull;
	Datum at;

	look = false;
	next = 0;
	errand_streams_look();
	if (resting())
		return; /* the end of the pause is heard of */
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_SOURCES_TEND, &a);
	at = errand_db_value(0, 1, &isnull);
	next = isnull ? 0 : DatumGetTimestampTz(at);
	if (errand_clock_monotonic() < trim_at)
		return;
	(void) errand_db_call(DB_SOURCES_TRIM, &a);
	trim_at = errand_clock_monotonic() + TRIM_US;
}

/* Who asked looks for the task when he is told its id: when it has committed. */
static void
fetch_tests(void)
{
	ErrandDbArgs a = {0};
	bool isnull;
	char *text;
	int64 id;
	int n;

	while ((text = errand_letter_take(&n)) != NULL && errand_db_begin())
	{
		a.n = 0;
		errand_db_arg(&a, CStringGetTextDatum(text));
		errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
		(void) errand_db_call(DB_SOURCE_TEST, &a);
		id = DatumGetInt64(errand_db_value(0, 1, &isnull));
		errand_db_commit(true);
		errand_letter_reply(n, id);
	}
}

void
errand_sources_work(void)
{
	if (errand_letters_any())
		fetch_tests();
	if (errand_sources_wait_us() == 0 && errand_db_begin())
	{
		tend();
		errand_db_commit(true);
	}
	errand_streams_tend();
}
