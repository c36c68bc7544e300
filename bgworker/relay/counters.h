/*
 * counters.h
 *		What the relay counts, in shared memory (relay_stats.h).
 */
#ifndef ERRAND_RELAY_COUNTERS_H
#define ERRAND_RELAY_COUNTERS_H

#include "postgres.h"

#include "relay_stats.h"

/* This database's; set at the relay's start. */
extern ErrandRelayStats *relay_counters;

static inline void
relay_count_clients(int n)
{
	pg_atomic_fetch_add_u32(&relay_counters->clients, n);
}

static inline void
relay_count_connections(int n)
{
	pg_atomic_fetch_add_u32(&relay_counters->connections, n);
}

static inline void
relay_count_in(void)
{
	pg_atomic_fetch_add_u64(&relay_counters->ws_messages_in, 1);
}

static inline void
relay_count_out(uint32 n)
{
	pg_atomic_fetch_add_u64(&relay_counters->ws_messages_out, n);
}

static inline void
relay_count_slow(void)
{
	pg_atomic_fetch_add_u64(&relay_counters->ws_dropped_slow, 1);
}

static inline void
relay_count_refused(void)
{
	pg_atomic_fetch_add_u64(&relay_counters->refused, 1);
}

static inline void
relay_count_answer(ErrandRoute route, int status)
{
	pg_atomic_fetch_add_u64(&relay_counters->http_requests[route][status / 100 - 1], 1);
}

#endif
