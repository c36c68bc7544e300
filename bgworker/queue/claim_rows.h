/*
 * claim_rows.h
 *		From the rows of a claim to runs.
 */
#ifndef ERRAND_CLAIM_ROWS_H
#define ERRAND_CLAIM_ROWS_H

#include "queue/run.h"

/*
 * Makes runs of the n rows of the last result, in the queue's order, and notes
 * their events; from_queue: they came from ready, and the pairs learn of it.
 */
extern void errand_claim_take_rows(ErrandLease *lease, int n, bool from_queue);

/* An integer column of 2, 4 or 8 bytes of the last result. */
extern int64 errand_claim_int(int row, int column, int len, int64 if_null);

#endif
