/*-------------------------------------------------------------------------
 *
 * dial.h
 *	  From a host to the addresses that may be connected to, for who opens his
 *	  sockets without curl.
 *
 * The same names (c-ares on the loop), the same policy and the same words as
 * for HTTP transfers.  Nothing here knows PostgreSQL; nothing throws, blocks
 * or starts a thread.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_DIAL_H
#define ERRAND_NET_DIAL_H

#include "core/policy.h"
#include "core/url.h"
#include "net/resolver.h"

typedef struct ErrandDialer ErrandDialer; /* one a process */

/* One look-up; its owner keeps it until it is done or given up. */
typedef struct ErrandDial
{
	ErrandWaiter waiter;
	char host[ERRAND_HOST_MAX_LENGTH + 1]; /* lower case, without brackets */
	int port;
	bool numeric; /* it is an address */
	bool waiting;
	bool answered; /* there is something to judge */

	/* the result */
	int n_addresses; /* allowed ones, with the port; IPv4 first */
	ErrandAddress addresses[ERRAND_NAME_MAX_ADDRESSES];
	ErrandFailure failure; /* NONE: there is at least one */
	char error[512];	   /* lower case, no full stop */
	char hint[256];		   /* what to do about it; "" if nothing */
} ErrandDial;

/*
 * Everything is copied.  servers as in errand_names_create().  NULL with *why
 * set to a constant text on failure.
 */
extern ErrandDialer *errand_dialer_create(uv_loop_t *loop, const char *servers, int timeout_ms,
										  const ErrandCidr *allow, int n_allow, const char **why);

/* The same, changed.  False if the servers cannot be used: those before stay. */
extern bool errand_dialer_configure(ErrandDialer *dialer, const char *servers, int timeout_ms,
									const ErrandCidr *allow, int n_allow);

/* Whether the policy, as it is now, lets us be connected to that address. */
extern bool errand_dialer_allows(const ErrandDialer *dialer, const ErrandAddress *address);

/*
 * Begin.  The parts are those of a URL that errand_url_split() took.  d is
 * overwritten; one that is under way was given up before.
 */
extern void errand_dial_start(ErrandDialer *dialer, ErrandDial *d, const ErrandUrlParts *parts);

/* Whether it is over, and then the result is there.  Not from inside c-ares. */
extern bool errand_dial_done(ErrandDialer *dialer, ErrandDial *d);

/* Wait no more; harmless if nothing is under way. */
extern void errand_dial_give_up(ErrandDial *d);

#endif /* ERRAND_NET_DIAL_H */
