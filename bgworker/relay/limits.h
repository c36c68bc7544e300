/*
 * limits.h
 *		How many connections there may be: in all, for descriptors, and of one
 *		address.
 */
#ifndef ERRAND_RELAY_LIMITS_H
#define ERRAND_RELAY_LIMITS_H

#include "postgres.h"

/* Raises the limit on open files as far as needed; warns if it stays too low. */
extern void relay_limits_init(void);

/* An address that connections come from; loopback's are not counted. */
typedef struct RelayAddress RelayAddress;

/* A connection comes, or goes.  NULL stands for one that is not counted. */
extern RelayAddress *relay_address_enter(const char *peer);
extern void relay_address_leave(RelayAddress *a);

/* Whether there are too many, in all or of this address, the one that asks included. */
extern bool relay_limits_full(const RelayAddress *a);

/* Whether not even an answer can be given: who comes is turned away unheard. */
extern bool relay_limits_exceeded(void);

#endif
