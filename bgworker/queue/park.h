/*
 * park.h
 *		Tasks whose host is full step aside, so that they do not keep others
 *		from their places.
 */
#ifndef ERRAND_PARK_H
#define ERRAND_PARK_H

#include "queue/run.h"

extern void errand_park_init(void);

/* Whether a claimed run meets a host that is held: it was parked then. */
extern bool errand_park_arrival(ErrandRun *r);

/* Parks runs that have waited too long for their host while others could run. */
extern void errand_park_waiting(void);

/* A run of a host is over: how long do they take? */
extern void errand_park_learn(const ErrandRun *r);

#endif
