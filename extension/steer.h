/*
 * steer.h
 *		Steering one task, for the functions that steer one and those that
 *		steer many.
 */
#ifndef ERRAND_STEER_H
#define ERRAND_STEER_H

#include "postgres.h"

/*
 * Ends a task that waits, or asks its worker to stop it; false if it is final
 * or not the current role's.  all: that role may touch the tasks of others.
 */
extern bool errand_cancel_one(int64 id, bool all, const char *reason);

/* Begins the next run of a final task, or runs one that waits to retry. */
extern bool errand_retry_one(int64 id, bool all);

#endif
