/*
 * reap.h
 *		What dead workers had in hand.
 */
#ifndef ERRAND_REAP_H
#define ERRAND_REAP_H

#include "postgres.h"

/* Takes dead leases and returns their unsettled tasks; the leader, within a
 * transaction.  Returns how many leases; *suspects if any task became one. */
extern int errand_reap(bool *suspects);

#endif
