/*
 * retain.c
 *		Removes what finished tasks left, page by page, once it is old enough.
 *
 * Runs in the leader.  A page is a short transaction of its own; it must never
 * take so many at once that the queue waits for it.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "queue/retain.h"
#include "settings.h"
#include "utils/timestamp.h"

#define RETAIN_US INT64CONST(60000000)
#define RETAIN_PAGE 2000
#define RETAIN_PAGE_US INT64CONST(10000)

static int64 retain_at = 0; /* the next page, monotonic */
static int64 retain_from = 0;
static int retain_pages = 0; /* looked at in this pass */

bool
errand_retain_due(void)
{
	return errand_clock_monotonic() >= retain_at;
}

int64
errand_retain_wait_us(void)
{
	return retain_at - errand_clock_monotonic();
}

void
errand_retain_rest(int64 until)
{
	retain_at = Max(retain_at, until);
}

void
errand_retain(void)
{
	ErrandDbArgs a = {0};
	TimestampTz now = errand_clock_now();
	ErrandRetention keep = errand_retention_parsed;
	bool isnull;

	errand_db_arg(&a, Int64GetDatum(retain_from));
	errand_db_arg(&a, TimestampTzGetDatum(
						  keep.succeeded_s ? now - keep.succeeded_s * USECS_PER_SEC : DT_NOBEGIN));
	errand_db_arg(&a, TimestampTzGetDatum(keep.others_s ? now - keep.others_s * USECS_PER_SEC :
														  DT_NOBEGIN));
	errand_db_arg(&a, Int32GetDatum(RETAIN_PAGE));
	/* A page in which nothing was old enough ends the pass: ids ascend with time. */
	retain_from = 0;
	if (errand_db_call(DB_RETAIN, &a) > 0 && DatumGetBool(errand_db_value(0, 3, &isnull)))
		retain_from = DatumGetInt64(errand_db_value(0, 1, &isnull));
	retain_at = errand_clock_monotonic() + RETAIN_PAGE_US;
	retain_pages++;
	if (retain_from != 0)
		return;
	/* A long pass, over failures that stay for longer, comes less often. */
	retain_at += RETAIN_US + 50 * RETAIN_PAGE_US * (int64) retain_pages;
	retain_pages = 0;
}
