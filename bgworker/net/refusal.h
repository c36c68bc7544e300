/*-------------------------------------------------------------------------
 *
 * refusal.h
 *	  What is said when the egress policy refuses an address.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_REFUSAL_H
#define ERRAND_NET_REFUSAL_H

#include "core/policy.h"
#include "net/resolver.h"

/* The address without its port. */
extern void errand_address_format(const ErrandAddress *a, char *buf, size_t size);

/*
 * Fills error (lower case, no full stop) and hint (what would allow it, or
 * "").  name: the host, NULL if it was that address; redirected: a redirect
 * led there; listed: whether the administrator lists any network.
 */
extern void errand_refusal_describe(const ErrandAddress *a, ErrandEgress egress, const char *name,
									bool redirected, bool listed, char *error, size_t error_size,
									char *hint, size_t hint_size);

#endif /* ERRAND_NET_REFUSAL_H */
