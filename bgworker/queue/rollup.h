/*
 * rollup.h
 *		Numbers by the minute, for charts that outlive a restart.
 */
#ifndef ERRAND_ROLLUP_H
#define ERRAND_ROLLUP_H

#include "postgres.h"

/* Whether a minute is over that is not written down; and how long until then. */
extern bool errand_rollup_due(void);
extern int64 errand_rollup_wait_us(void);

/*
 * Writes down what was counted since the last time, in a transaction of its own.
 * last: this process leaves; if it led, the running minute is written, too.
 */
extern void errand_rollup_write(bool last);

/* Within a transaction: keeps in shared memory since when queues' oldest tasks wait. */
extern void errand_rollup_oldest(void);

/* In a copy that rests: the counters begin with what its rows tell; nothing is written. */
extern void errand_rollup_look(void);

#endif
