/*
 * streams.c
 *		Keeps the stream process running while a WebSocket source is started.
 *
 * Runs in the leader.  It must never wait for the process it started.  One
 * that does not last is started again later and later.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/start.h"
#include "miscadmin.h"
#include "queue/streams.h"
#include "shared.h"

#define LASTED_US INT64CONST(10000000)
#define AGAIN_US INT64CONST(250000)
#define AGAIN_MOST 8 /* doublings: about a minute */

static bool wanted = false;
static int64 started_at = 0; /* monotonic */
static int64 not_before = 0;
static int starts = 0; /* in a row, of processes that did not last */

void
errand_streams_look(void)
{
	bool isnull;

	(void) errand_db_call(DB_STREAMS_WANTED, NULL);
	wanted = DatumGetBool(errand_db_value(0, errand_db_column("wanted"), &isnull));
}

static bool
exists(void)
{
	bool found = false;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS && !found; i++)
	{
		const ErrandSlot *s = &errand_shared->slots[i];

		found = s->kind == ERRAND_PROCESS_STREAM && s->database == MyDatabaseId;
	}
	LWLockRelease(errand_shared->slot_lock);
	return found;
}

static bool
resting(void)
{
	ErrandDatabase *d = errand_database_mine();

	return d != NULL && pg_atomic_read_u32(&d->paused) != 0;
}

void
errand_streams_tend(void)
{
	int64 now = errand_clock_monotonic();

	if (!wanted || resting() || now < not_before || exists())
		return;
	starts = now - started_at > LASTED_US ? 0 : Min(starts + 1, AGAIN_MOST);
	started_at = now;
	not_before = now + (AGAIN_US << starts);
	(void) errand_start_process(ERRAND_PROCESS_STREAM, MyDatabaseId, 1, InvalidOid);
}

int64
errand_streams_wait_us(void)
{
	/* Whoever leaves wakes us. */
	return wanted && !resting() ? Max(not_before - errand_clock_monotonic(), AGAIN_US) :
								  PG_INT64_MAX;
}
