/*
 * config.c
 *		Reads the configuration that lives in tables, and the mailbox.
 *
 * Runs in worker processes, within a transaction of the chores.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "deltas.h"
#include "events.h"
#include "kinds/http.h"
#include "mailbox.h"
#include "miscadmin.h"
#include "queue/claim.h"
#include "queue/config.h"
#include "queue/decorate.h"
#include "queue/limits.h"
#include "queue/pairs.h"
#include "queue/reap.h"
#include "queue/roles.h"
#include "queue/run.h"
#include "settings.h"
#include "shared.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

void
errand_config_queues(void)
{
	int n = errand_db_call(DB_QUEUES, NULL);
	char **paused = palloc(sizeof(char *) * Max(n, 1));
	int n_paused = 0;
	bool limits = false;
	bool isnull;
	ErrandDatabase *d = errand_database_mine();

	for (int i = 0; i < n; i++)
	{
		if (DatumGetBool(errand_db_value(i, errand_db_column("paused"), &isnull)))
			paused[n_paused++] = errand_db_text(i, errand_db_column("name"));
		limits |= DatumGetBool(errand_db_value(i, errand_db_column("draining"), &isnull));
		(void) errand_db_value(i, errand_db_column("max_depth"), &isnull);
		limits |= !isnull;
	}
	errand_pairs_pause(paused, n_paused);
	errand_paused_set(paused, n_paused);
	if (d != NULL)
		pg_atomic_write_u32(&d->queue_limits, limits);
	errand_limits_read();
	errand_decorations_read();
}

static bool is_copy = false;

bool
errand_config_copied(void)
{
	return is_copy;
}

void
errand_config_instance(char *secret, size_t size)
{
	bool isnull;
	bool copied;
	bool paused;
	char *found;
	ErrandDatabase *d = errand_database_mine();
	static bool told = false;

	if (errand_db_call(DB_INSTANCE, NULL) != 1)
		elog(ERROR, "errand.instance has no row");
	found = DatumGetCString(DirectFunctionCall1(uuid_out, errand_db_value(0, 1, &isnull)));
	if (secret != NULL)
		strlcpy(secret, found, size);
	else
		errand_http_secret(found); /* a restore may have brought an older one */
	copied = DatumGetBool(errand_db_value(0, errand_db_column("copied"), &isnull));
	paused = DatumGetBool(errand_db_value(0, errand_db_column("paused"), &isnull));
	if (copied && !told)
		ereport(LOG, (errmsg("tasks rest: this database is a copy of another"),
					  errhint("Run SELECT errand.resume_all() if its tasks shall run here.")));
	told = copied;
	/* Resumed: what the original had in hand is now ours to put back. */
	if (is_copy && !copied && d != NULL)
		pg_atomic_write_u32(&d->reap_wanted, 1);
	is_copy = copied;
	paused |= copied ||
			  (errand_start_paused && (d == NULL || pg_atomic_read_u32(&d->resumed) == 0));
	errand_claim_pause(paused);
	if (d != NULL)
		pg_atomic_write_u32(&d->paused, paused);
}

static void
announce_cancel(int row, int64 id)
{
	ErrandEvent e = {0};
	bool isnull;

	e.kind = ERRAND_EVENT_TASK;
	e.id = id;
	e.submitter = DatumGetObjectId(errand_db_value(row, errand_db_column("owner_oid"), &isnull));
	e.owner = e.submitter;
	e.task_kind = errand_db_char(row, "kind");
	e.group = errand_db_int8(row, errand_db_column("task_group"));
	e.run = DatumGetInt16(errand_db_value(row, errand_db_column("run"), &isnull));
	e.attempt = DatumGetInt32(errand_db_value(row, errand_db_column("attempt"), &isnull));
	e.from = DatumGetChar(errand_db_value(row, errand_db_column("from"), &isnull));
	e.to = ERRAND_CANCELLED;
	e.wait_us = e.run_us = -1;
	e.queue = errand_db_text(row, errand_db_column("queue"));
	e.task = errand_db_text(row, errand_db_column("type"));
	e.channel = errand_db_text(row, errand_db_column("notify"));
	errand_event_add(&e);
}

void
errand_cancel_waiting(void)
{
	ErrandDbArgs a = {0};
	int n;
	bool isnull;

	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	n = errand_db_call(DB_CANCEL_WAITING, &a);
	for (int i = 0; i < n; i++)
		announce_cancel(i, DatumGetInt64(errand_db_value(i, errand_db_column("id"), &isnull)));
}

/* A request that outlives the rollback of who made it. */
static void
answer_mail(const ErrandMail *m)
{
	ErrandDbArgs a = {0};
	bool isnull;

	if (m->kind == ERRAND_MAIL_DRAIN)
	{
		ErrandEvent e = {.kind = ERRAND_EVENT_CONFIG};

		errand_db_arg(&a, CStringGetTextDatum(m->queue));
		errand_db_arg_null(&a);
		errand_db_arg(&a, BoolGetDatum(true));
		(void) errand_db_call(DB_QUEUE_SET, &a);
		errand_event_add(&e);
		return;
	}
	if (m->kind == ERRAND_MAIL_DIED)
	{
		errand_reap_died(m->id);
		return;
	}
	errand_db_arg(&a, Int64GetDatum(m->id));
	errand_db_arg(&a, ObjectIdGetDatum(m->role));
	errand_db_arg(&a, BoolGetDatum(m->all));
	errand_db_arg(&a, CStringGetTextDatum(m->queue[0] ? m->queue :
														"cancelled: who waited for it gave up"));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_CANCEL, &a);
	if (DatumGetBool(errand_db_value(0, 1, &isnull)))
	{
		ErrandEvent e = {.kind = ERRAND_EVENT_CANCEL, .id = m->id};

		errand_event_add(&e);
	}
}

void
errand_mail_read(void)
{
	ErrandMail m;

	while (errand_mailbox_take(&m))
		answer_mail(&m);
}

void
errand_cancels_read(void)
{
	int n = errand_db_call(DB_CANCEL_REQUESTS, NULL);
	bool isnull;

	for (int i = 0; i < n; i++)
	{
		ErrandRun *r = errand_run_find(DatumGetInt64(errand_db_value(i, 1, &isnull)));

		if (r == NULL)
		{
			errand_roles_cancel(DatumGetInt64(errand_db_value(i, 1, &isnull)));
			continue;
		}
		if (r->state == ERRAND_RUN_DONE && r->outcome == ERRAND_CANCELLED &&
			r->cancel_reason == NULL)
			r->error = r->cancel_reason = MemoryContextStrdup(r->memory, errand_db_text(i, 2));
		errand_run_cancel(r, errand_db_text(i, 2));
	}
}
