/*
 * notify.h
 *		The user's own NOTIFY channels, heard over a connection of libpq's.
 */
#ifndef ERRAND_RELAY_NOTIFY_H
#define ERRAND_RELAY_NOTIFY_H

#include "postgres.h"

#include <uv.h>

#include "relay/wish.h"

/*
 * Takes what it needs to connect; within a transaction.  It connects, and
 * again after each failure, if errand.relay_channels names any channel.
 */
extern void relay_notify_init(uv_loop_t *loop);

/* Whether the wish is for no NOTIFY channel, or for one of errand.relay_channels. */
extern bool relay_channel_listed(const RelayWish *w);

/* Lets the connection go. */
extern void relay_notify_stop(void);

#endif
