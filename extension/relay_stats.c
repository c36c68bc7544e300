/*
 * relay_stats.c
 *		The relay's counters: their names, and their beginning.
 *
 * Runs in every process.  It must never lock.
 */
#include "postgres.h"

#include "relay_stats.h"

static const char *const route_names[ERRAND_ROUTES] = {
	[ERRAND_ROUTE_PAGE] = "page",			[ERRAND_ROUTE_HEALTHZ] = "healthz",
	[ERRAND_ROUTE_READYZ] = "readyz",		[ERRAND_ROUTE_METRICS] = "metrics",
	[ERRAND_ROUTE_EVENTS] = "events",		[ERRAND_ROUTE_WS] = "ws",
	[ERRAND_ROUTE_OVERVIEW] = "overview",	[ERRAND_ROUTE_TASKS] = "tasks",
	[ERRAND_ROUTE_TASK] = "task",			[ERRAND_ROUTE_QUEUES] = "queues",
	[ERRAND_ROUTE_SOURCES] = "sources",		[ERRAND_ROUTE_SCHEDULES] = "schedules",
	[ERRAND_ROUTE_WORKERS] = "workers",		[ERRAND_ROUTE_HOSTS] = "hosts",
	[ERRAND_ROUTE_WORKFLOWS] = "workflows", [ERRAND_ROUTE_HISTORY] = "history",
	[ERRAND_ROUTE_SUBMIT] = "submit",		[ERRAND_ROUTE_STEER] = "steer",
	[ERRAND_ROUTE_CONTROL] = "control",		[ERRAND_ROUTE_OTHER] = "other",
};

const char *
errand_route_name(ErrandRoute route)
{
	return route_names[route];
}

const char *
errand_notify_state_name(ErrandNotifyState state)
{
	switch (state)
	{
		case ERRAND_NOTIFY_OFF:
			return "off";
		case ERRAND_NOTIFY_UP:
			return "up";
		case ERRAND_NOTIFY_DOWN:
			return "down";
	}
	return "off";
}

void
errand_relay_stats_init(ErrandRelayStats *s)
{
	pg_atomic_init_u32(&s->clients, 0);
	pg_atomic_init_u32(&s->connections, 0);
	pg_atomic_init_u32(&s->notify_state, ERRAND_NOTIFY_OFF);
	pg_atomic_init_u64(&s->notify_in, 0);
	pg_atomic_init_u64(&s->ws_messages_in, 0);
	pg_atomic_init_u64(&s->ws_messages_out, 0);
	pg_atomic_init_u64(&s->ws_dropped_slow, 0);
	pg_atomic_init_u64(&s->refused, 0);
	for (int i = 0; i < ERRAND_ROUTES; i++)
		for (int k = 0; k < ERRAND_CODE_CLASSES; k++)
			pg_atomic_init_u64(&s->http_requests[i][k], 0);
}

void
errand_relay_stats_begin(ErrandRelayStats *s)
{
	pg_atomic_write_u32(&s->clients, 0);
	pg_atomic_write_u32(&s->connections, 0);
	pg_atomic_write_u32(&s->notify_state, ERRAND_NOTIFY_OFF);
}
