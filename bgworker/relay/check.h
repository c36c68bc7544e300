/*
 * check.h
 *		What is done again and again: the channel stats, and whether tokens in
 *		use are still good.
 */
#ifndef ERRAND_RELAY_CHECK_H
#define ERRAND_RELAY_CHECK_H

#include "postgres.h"

/* Once a second; queues requests. */
extern void relay_check_tick(int64 now);

#endif
