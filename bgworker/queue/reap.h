/*
 * reap.h
 *		What dead workers had in hand.
 */
#ifndef ERRAND_REAP_H
#define ERRAND_REAP_H

#include "postgres.h"

#define ERRAND_REAP_AT_ONCE 200 /* leases: so many mean that more may be left */

/* Takes dead leases and returns their unsettled tasks; the leader, within a
 * transaction.  Returns how many leases; *suspects if any task became one. */
extern int errand_reap(bool *suspects);

/* An executor ended in the middle of this task: the next reap counts it. */
extern void errand_reap_died(int64 id);

#endif
