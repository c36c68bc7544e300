/*
 * quota.c
 *		How many tasks may wait: of one role (errand.role_quota), of one queue.
 *
 * Runs in every backend, before a submit.  A counter for each role that has a
 * quota is kept by events, like those of queues; it is taken from the tables
 * when it is made, and once more before a submit is refused, if that was long
 * ago: what events missed must lock nobody out.
 */
#include "postgres.h"

#include "call.h"
#include "events.h"
#include "limit_table.h"
#include "miscadmin.h"
#include "quota.h"
#include "settings.h"
#include "shared.h"
#include "submit.h"

#define TRUST_US INT64CONST(5000000)

/* What the counter says; -1 if there is none, or it is too old and asked to be fresh. */
static int64
counted(const char *name, bool fresh)
{
	ErrandCounter *c;
	int64 n = -1;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	c = errand_counter_find(MyDatabaseId, ERRAND_COUNT_ROLE, name);
	if (c != NULL && (!fresh || errand_limits_clock() - c->counted_at < TRUST_US))
		n = c->ready + c->scheduled + c->waiting;
	LWLockRelease(errand_shared->event_lock);
	return n;
}

/* Counts the role's tasks in the tables, those of this transaction left out. */
static int64
count_anew(Oid role, const char *name)
{
	ErrandArgs a = {0};
	ErrandCounter *c;
	bool isnull;
	int64 n;

	/* From now on events move it: what commits meanwhile is at worst counted twice. */
	pg_atomic_write_u32(&errand_limits->quotas, 1);
	errand_arg(&a, ObjectIdGetDatum(role));
	n = DatumGetInt64(errand_call("_role_depth", &a, &isnull)) -
		errand_event_added(ERRAND_COUNT_ROLE, name);
	n = Max(n, 0);
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	c = errand_counter(MyDatabaseId, ERRAND_COUNT_ROLE, name);
	if (c != NULL)
	{
		c->ready = n;
		c->scheduled = c->waiting = 0;
		c->counted_at = errand_limits_clock();
	}
	LWLockRelease(errand_shared->event_lock);
	return n;
}

static void
quota_check(int64 adding)
{
	Oid role = GetUserId();
	char name[ERRAND_ROLE_KEY];
	int64 mine;
	int64 n;

	if (errand_role_quota == 0)
		return;
	errand_role_key(role, name);
	mine = errand_event_added(ERRAND_COUNT_ROLE, name) + adding;
	n = counted(name, false);
	if (n < 0 || (n + mine > errand_role_quota && counted(name, true) < 0))
		n = count_anew(role, name);
	if (n + mine > errand_role_quota)
		ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						errmsg("too many tasks of role \"%s\" wait", GetUserNameFromId(role, false)),
						errdetail("%lld tasks wait, the limit is %d.", (long long) (n + mine - adding),
								  errand_role_quota),
						errhint("Submit later, or have errand.role_quota raised with ALTER ROLE.")));
}

/* How many wait in the queue, for max_depth: what the counters say, and what this transaction adds. */
static int64
queue_depth(const char *queue)
{
	ErrandCounter *c;
	int64 depth = 0;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	c = errand_counter(MyDatabaseId, ERRAND_COUNT_QUEUE, queue);
	if (c != NULL)
		depth = c->ready + c->scheduled + c->waiting;
	LWLockRelease(errand_shared->event_lock);
	return Max(depth + errand_event_added(ERRAND_COUNT_QUEUE, queue), 0);
}

/* A draining or full queue refuses, and a role that has submitted too much. */
void
errand_room_check(const char *queue, int64 adding)
{
	ErrandArgs a = {0};
	bool isnull;

	quota_check(adding);
	if (!errand_queue_limits_exist())
		return;
	errand_arg_text(&a, queue);
	errand_arg(&a, Int64GetDatum(queue_depth(queue)));
	errand_arg(&a, Int64GetDatum(adding));
	(void) errand_call("_queue_check", &a, &isnull);
}
