/*
 * relay_stats.h
 *		What a relay counts, in shared memory: the relay adds, everybody reads.
 *
 * Atomic, so no lock.  One a database, in its entry (ErrandDatabase).
 */
#ifndef ERRAND_RELAY_STATS_H
#define ERRAND_RELAY_STATS_H

#include "postgres.h"

#include "port/atomics.h"

/* The routes that are counted by themselves; their names are in relay_stats.c. */
typedef enum ErrandRoute
{
	ERRAND_ROUTE_PAGE, /* the dashboard and its files */
	ERRAND_ROUTE_HEALTHZ,
	ERRAND_ROUTE_READYZ,
	ERRAND_ROUTE_METRICS,
	ERRAND_ROUTE_EVENTS, /* SSE */
	ERRAND_ROUTE_WS,
	ERRAND_ROUTE_OVERVIEW,
	ERRAND_ROUTE_TASKS,
	ERRAND_ROUTE_TASK,
	ERRAND_ROUTE_QUEUES,
	ERRAND_ROUTE_SOURCES,
	ERRAND_ROUTE_SCHEDULES,
	ERRAND_ROUTE_WORKERS,
	ERRAND_ROUTE_HOSTS,
	ERRAND_ROUTE_WORKFLOWS,
	ERRAND_ROUTE_HISTORY,
	ERRAND_ROUTE_SUBMIT,
	ERRAND_ROUTE_STEER,	  /* cancel, retry */
	ERRAND_ROUTE_CONTROL, /* the other POSTs */
	ERRAND_ROUTE_OTHER,	  /* no such route, or what could not be read */
	ERRAND_ROUTES
} ErrandRoute;

#define ERRAND_CODE_CLASSES 5 /* 1xx to 5xx */

typedef enum ErrandNotifyState
{
	ERRAND_NOTIFY_OFF, /* errand.relay_channels is empty */
	ERRAND_NOTIFY_UP,
	ERRAND_NOTIFY_DOWN /* its connection is not there; it is tried again */
} ErrandNotifyState;

typedef struct ErrandRelayStats
{
	pg_atomic_uint32 clients;	   /* WebSocket and SSE connections now */
	pg_atomic_uint32 connections;  /* of any kind, now */
	pg_atomic_uint32 notify_state; /* ErrandNotifyState */
	pg_atomic_uint64 notify_in;	   /* notifications heard */
	pg_atomic_uint64 ws_messages_in;
	pg_atomic_uint64 ws_messages_out;
	pg_atomic_uint64 ws_dropped_slow; /* clients closed since they fell behind */
	pg_atomic_uint64 refused;		  /* connections at a limit */
	pg_atomic_uint64 http_requests[ERRAND_ROUTES][ERRAND_CODE_CLASSES];
} ErrandRelayStats;

/* The word for a route, as metrics show it. */
extern const char *errand_route_name(ErrandRoute route);

/* "off", "up" or "down". */
extern const char *errand_notify_state_name(ErrandNotifyState state);

/* For shared.c: all zero. */
extern void errand_relay_stats_init(ErrandRelayStats *s);

/* A relay begins: what counts what is there now is zeroed. */
extern void errand_relay_stats_begin(ErrandRelayStats *s);

#endif
