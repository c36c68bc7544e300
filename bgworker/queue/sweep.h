/*
 * sweep.h
 *		What nobody needs any more: chunks of attempts that failed, old answers.
 */
#ifndef ERRAND_SWEEP_H
#define ERRAND_SWEEP_H

#include "postgres.h"

/* Is there something to sweep, or to look for?  polled: looked at now and then. */
extern bool errand_sweep_due(bool polled);

/* Takes a little of it, within a transaction. */
extern void errand_sweep(void);

#endif
