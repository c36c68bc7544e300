/*
 * sweep.c
 *		Deletes what nobody needs any more, a little at a time.
 *
 * Runs in the leader.  Chunks of a large body take long to delete, so a settle
 * only marks them; the cache of answers is kept within its bounds.  It must
 * never do more than a few milliseconds of work at once.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "queue/sweep.h"
#include "utils/timestamp.h"

#define CHUNKS_AT_ONCE 16
#define TRIM_US INT64CONST(60000000)

static bool more = false;
static int64 trim_at = 0;

bool
errand_sweep_due(bool polled)
{
	return polled || more;
}

void
errand_sweep(void)
{
	ErrandDbArgs a = {0};
	bool isnull;

	more = false; /* an error here waits for the next poll */
	errand_db_arg(&a, Int32GetDatum(CHUNKS_AT_ONCE));
	(void) errand_db_call(DB_CHUNKS_SWEEP, &a);
	more = DatumGetBool(errand_db_value(0, 1, &isnull));
	if (errand_clock_monotonic() < trim_at)
		return;
	trim_at = errand_clock_monotonic() + TRIM_US;
	memset(&a, 0, sizeof(a));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_CACHE_TRIM, &a);
}
