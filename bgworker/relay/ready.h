/*
 * ready.h
 *		Answers about the relay and its database: /readyz, /metrics.
 */
#ifndef ERRAND_RELAY_READY_H
#define ERRAND_RELAY_READY_H

#include "relay/request.h"

/* Whether all is well, within a transaction; why not, only if details. */
extern void relay_ready(RelayAnswer *a, bool details);

/* The same when there is no transaction to be had. */
extern void relay_not_ready(RelayAnswer *a, bool details);

/* The counters, as text for Prometheus. */
extern void relay_metrics(RelayAnswer *a, bool openmetrics);

#endif
