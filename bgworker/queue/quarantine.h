/*
 * quarantine.h
 *		Suspects of crashes: they run with nothing else in flight.
 */
#ifndef ERRAND_QUARANTINE_H
#define ERRAND_QUARANTINE_H

#include "postgres.h"

/* There are suspects, or may be: they are to run. */
extern void errand_quarantine_want(void);
extern bool errand_quarantine_wanted(void);

/* Within a transaction: looks for some that a client held when they were looked for. */
extern void errand_quarantine_look(void);

/* Once a turn of the leader: claims the next group when all is at rest. */
extern void errand_quarantine_run(void);

#endif
