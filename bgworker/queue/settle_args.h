/*
 * settle_args.h
 *		From runs to the arrays that the settle functions take.
 */
#ifndef ERRAND_SETTLE_ARGS_H
#define ERRAND_SETTLE_ARGS_H

#include "queue/run.h"

/* Each picks its part of the batch, stale runs left out, and calls the door. */
extern void errand_settle_finals(ErrandRun **runs, int n);
extern void errand_settle_requeues(ErrandRun **runs, int n);
extern void errand_settle_side(ErrandRun **runs, int n);

#endif
