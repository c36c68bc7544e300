/*
 * check.c
 *		The relay's regular questions to the database.
 *
 * Runs in the relay, in its main loop.
 */
#include "postgres.h"

#include "base/fault.h"
#include "relay/check.h"
#include "relay/hub.h"
#include "relay/session.h"
#include "relay/sse.h"

#define CHECK_US INT64CONST(30000000)

static RelayRequest *stats = NULL;
static int64 checked_at = 0; /* or never */

static void
stats_done(RelayRequest *r, void *owner)
{
	stats = NULL;
	if (r->answer.status == 200)
		relay_hub_stats(r->answer.text);
}

static void
checked(RelayRequest *r, void *owner)
{
	if (r->answer.status != 200)
		return; /* the next time */
	relay_sessions_check();
	relay_streams_check();
}

void
relay_check_tick(int64 now)
{
	if (relay_stats_subs() > 0 && stats == NULL)
		stats = relay_request_add(RELAY_ASK_STATS, NULL, NULL, stats_done, NULL);
	relay_streams_check(); /* expired ones */
	if (checked_at != 0 && now - checked_at < CHECK_US / ERRAND_HASTE("relay_clock"))
		return;
	checked_at = now;
	if (!errand_list_empty(relay_principals()))
		(void) relay_request_add(RELAY_ASK_CHECK, NULL, NULL, checked, NULL);
}
