/*
 * ready.c
 *		Is the database there, of our version, led, and are notifications heard?
 *
 * Runs in the relay, in the main loop.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "base/db_api.h"
#include "contract.h"
#include "mb/pg_wchar.h"
#include "meters.h"
#include "miscadmin.h"
#include "relay/counters.h"
#include "relay/ready.h"
#include "relay/text.h"
#include "shared.h"
#include "meters.h"
#include "utils/timestamp.h"

#define HEARTBEAT_US INT64CONST(30000000) /* a leader is heard of more often */

/* Was the leader of this database heard of lately? */
static bool
leader_alive(void)
{
	TimestampTz since = errand_clock_now() - HEARTBEAT_US;
	bool alive = false;

	LWLockAcquire(errand_shared->slot_lock, LW_SHARED);
	for (int i = 0; i < ERRAND_MAX_SLOTS && !alive; i++)
	{
		const ErrandSlot *s = &errand_shared->slots[i];

		alive = s->kind == ERRAND_PROCESS_WORKER && s->database == MyDatabaseId && s->leader &&
				s->pid != 0 && s->last_seen > since;
	}
	LWLockRelease(errand_shared->slot_lock);
	return alive;
}

static void
check_add(RelayText *t, const char *name, bool good)
{
	relay_text_format(t, "%s\"%s\":\"%s\"", t->b.len > 0 ? "," : "", name, good ? "pass" : "fail");
}

static void
answer(RelayAnswer *a, bool good, const RelayText *checks, bool details)
{
	RelayText t = {0};

	relay_text_format(&t, "{\"status\":\"%s\"", good ? "pass" : "fail");
	if (details)
	{
		relay_text(&t, ",\"checks\":{");
		relay_text_bytes(&t, checks->b.data, checks->b.len);
		relay_text(&t, "}");
	}
	relay_text(&t, "}");
	free(a->message);
	a->message = NULL;
	a->status = good && !t.failed ? 200 : 503;
	a->text = t.b.data;
	a->text_len = t.b.len;
}

void
relay_ready(RelayAnswer *a, bool details)
{
	ErrandNotifyState notify = pg_atomic_read_u32(&relay_counters->notify_state);
	char *version = errand_db_version();
	bool schema = version != NULL && strcmp(version, ERRAND_VERSION) == 0;
	bool leader = leader_alive();
	RelayText t = {0};

	check_add(&t, "database", true);
	check_add(&t, "schema", schema);
	check_add(&t, "leader", leader);
	relay_text_format(&t, ",\"notify\":\"%s\"", errand_notify_state_name(notify));
	answer(a, schema && leader && notify != ERRAND_NOTIFY_DOWN && !t.failed, &t, details);
	relay_text_free(&t);
}

void
relay_not_ready(RelayAnswer *a, bool details)
{
	RelayText t = {0};

	check_add(&t, "database", false);
	answer(a, false, &t, details);
	relay_text_free(&t);
}

void
relay_metrics(RelayAnswer *a, bool openmetrics)
{
	char *text = errand_metrics_text(openmetrics);

	a->text = strdup(text);
	a->text_len = strlen(text);
	a->status = a->text != NULL ? 200 : 503;
}
