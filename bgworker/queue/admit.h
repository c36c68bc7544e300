/*
 * admit.h
 *		The limits of task types and hosts, holds and circuits: who of the
 *		claimed may start, who waits a moment, who is parked.
 */
#ifndef ERRAND_ADMIT_H
#define ERRAND_ADMIT_H

#include "queue/run.h"

/*
 * Whether a claimed run may start now: then it holds its places and has its
 * tokens.  Else it is PACED or parked, and errand_admit_turn() goes on with it.
 */
extern bool errand_admit(ErrandRun *r);

/* Once a turn: hands those that may start to start, and recalls those whose host was held. */
extern void errand_admit_turn(void (*start)(ErrandRun *r));

/* Microseconds until a run that waits here may start; -1 if none waits. */
extern int64 errand_admit_wait_us(void);

/* A run is over: what does it tell about its host? */
extern void errand_admit_report(ErrandRun *r);

#endif
