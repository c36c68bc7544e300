/*
 * listen.h
 *		The sockets that the relay listens on.
 */
#ifndef ERRAND_RELAY_LISTEN_H
#define ERRAND_RELAY_LISTEN_H

#include "postgres.h"

#include <uv.h>

/*
 * Listens on errand.port of every address of errand.listen_address.  Returns 0,
 * or libuv's error; *address is the one it was about.
 */
extern int relay_listen_start(uv_loop_t *loop, char *address, size_t size);

/* Takes who could not be taken for want of memory; for each tick. */
extern void relay_listen_tick(void);

/* Is there somebody? */
extern bool relay_listen_waits(void);

/* Closes them: nobody new comes. */
extern void relay_listen_stop(void);

#endif
