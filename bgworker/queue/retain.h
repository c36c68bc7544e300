/*
 * retain.h
 *		Retention, of errand.retention.
 */
#ifndef ERRAND_RETAIN_H
#define ERRAND_RETAIN_H

#include "postgres.h"

/* Whether a page is to be looked at, and in how many microseconds it will be. */
extern bool errand_retain_due(void);
extern int64 errand_retain_wait_us(void);

/* After an error: no page before that time, monotonic. */
extern void errand_retain_rest(int64 until);

/* Looks at a page of finished tasks and removes those that are old enough; in a transaction of ours. */
extern void errand_retain(void);

#endif
