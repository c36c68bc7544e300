/*
 * loop.h
 *		One libuv loop, and the one wait that hears it, the latch and the
 *		postmaster's death.
 */
#ifndef ERRAND_LOOP_H
#define ERRAND_LOOP_H

#include "postgres.h"

#include <uv.h>

/* Makes the process's loop; after the fork, once. */
extern uv_loop_t *errand_loop_create(void);

/* Runs what is due in the loop; never waits. */
extern void errand_loop_turn(void);

/*
 * Sleeps until a descriptor or timer of the loop is due, the latch is set or
 * most_ms are over; exits if the postmaster died.
 */
extern void errand_loop_wait(long most_ms);

/*
 * Microseconds that only go forward, without what turns took beyond a few
 * milliseconds: while a commit kept us away from the loop others may have done
 * their part, and we have not looked.  To judge others by.
 */
extern int64 errand_loop_clock(void);

#endif
