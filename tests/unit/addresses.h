/*
 * addresses.h
 *		Addresses written out, for the tests of the egress policy.
 */
#ifndef ERRAND_TESTS_ADDRESSES_H
#define ERRAND_TESTS_ADDRESSES_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "policy.h"

#define PUBLIC ERRAND_EGRESS_PUBLIC
#define LISTED ERRAND_EGRESS_LISTED
#define LOOPBACK ERRAND_EGRESS_LOOPBACK
#define PRIVATE ERRAND_EGRESS_PRIVATE
#define LINK_LOCAL ERRAND_EGRESS_LINK_LOCAL
#define METADATA ERRAND_EGRESS_METADATA
#define MULTICAST ERRAND_EGRESS_MULTICAST
#define RESERVED ERRAND_EGRESS_RESERVED

typedef union Address
{
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
} Address;

/* The sockaddr of an address written out; returns its length. */
static inline socklen_t
make_address(const char *text, int port, Address *a)
{
	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &a->in.sin_addr) == 1)
	{
		a->in.sin_family = AF_INET;
		a->in.sin_port = htons((uint16_t) port);
		return sizeof(a->in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &a->in6.sin6_addr), 1);
	a->in6.sin6_family = AF_INET6;
	a->in6.sin6_port = htons((uint16_t) port);
	return sizeof(a->in6);
}

/* The verdict on an address and port, with this list. */
static inline ErrandEgress
classify(const char *text, int port, const char *allow)
{
	ErrandCidr list[32];
	Address a;
	socklen_t len = make_address(text, port, &a);
	int n = errand_policy_parse(allow, list, 32, NULL, NULL);

	if (n < 0)
		fail_msg("list <%s> cannot be read", allow);
	return errand_policy_classify(&a.sa, len, list, n);
}

#endif /* ERRAND_TESTS_ADDRESSES_H */
