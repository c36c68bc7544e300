/*
 * policy.h
 *		The egress policy: which addresses a task may connect to.
 *
 * It judges the sockaddr that is about to be connected to, never a name: names
 * and spellings of addresses lie, sockaddrs do not.  The public internet is
 * allowed; everything else only if the administrator has listed it.  The
 * caller's further duty: the database's own listening ports stay refused even
 * where loopback is listed.
 */
#ifndef ERRAND_CORE_POLICY_H
#define ERRAND_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ERRAND_ALLOW_MAX 256 /* items in errand.allow_networks */

/* One item of errand.allow_networks. */
typedef struct ErrandCidr
{
	uint8_t addr[16]; /* network byte order, host bits zero; IPv4 in
								 * the first four */
	uint8_t prefix;	  /* bits that count: 0..32 or 0..128 */
	uint16_t port;	  /* 0: any */
	bool v4;
} ErrandCidr;

typedef enum ErrandEgress
{
	ERRAND_EGRESS_PUBLIC, /* allowed: the public internet */
	ERRAND_EGRESS_LISTED, /* allowed: not public, but listed */
	ERRAND_EGRESS_LOOPBACK,
	ERRAND_EGRESS_PRIVATE,
	ERRAND_EGRESS_LINK_LOCAL,
	ERRAND_EGRESS_METADATA, /* a cloud's metadata service */
	ERRAND_EGRESS_MULTICAST,
	ERRAND_EGRESS_RESERVED,
	ERRAND_EGRESS_BAD_FAMILY /* neither IPv4 nor IPv6, or cut short */
} ErrandEgress;

/*
 * Parse a list of networks, separated by commas or blanks:
 *
 *		10.0.0.0/8  127.0.0.1/32:8080  192.168.1.5:80  fd00::/8  ::1
 *		[::1]/128:443  [::1]:443
 *
 * list: NUL-terminated.  Fills out[] and returns how many items there are, 0
 * for an empty list.  Returns -1 if an item cannot be read or there are more
 * than max; then *bad_item and *bad_len (each unless NULL) show the item, within
 * list.  out may be NULL to check only; max is then ignored.  Host bits below
 * the prefix are cleared; ::ffff:a.b.c.d/96+n becomes a.b.c.d/n.
 */
extern int errand_policy_parse(const char *list, ErrandCidr *out, int max, const char **bad_item,
							   size_t *bad_len);

/*
 * What kind of address is it?  sa, len: as handed to connect(); any alignment,
 * NULL is BAD_FAMILY.  allow, n_allow: the list (NULL if n_allow is 0).
 *
 * IPv4 wrapped in IPv6 (mapped, compatible, NAT64 in both prefixes, 6to4, Teredo,
 * ISATAP) is judged by what it wraps.  An IPv4 item of the list covers IPv4 and
 * the mapped form of it; an IPv6 item never covers a mapped address.
 */
extern ErrandEgress errand_policy_classify(const struct sockaddr *sa, socklen_t len,
										   const ErrandCidr *allow, int n_allow);

/* What a message calls it, like "loopback" or "link-local"; never NULL. */
extern const char *errand_egress_name(ErrandEgress egress);

/*
 * Write what an administrator would list to allow this very address and port,
 * like "127.0.0.1/32:8080" or "[::1]/128:443", with a NUL.  False, with an empty
 * string where there is room for one, if it is no IP address or n is too small
 * (64 always suffices).  sa is as long as its family says, or NULL.
 */
extern bool errand_policy_suggest(const struct sockaddr *sa, char *buf, size_t n);

static inline bool
errand_egress_allowed(ErrandEgress egress)
{
	return egress == ERRAND_EGRESS_PUBLIC || egress == ERRAND_EGRESS_LISTED;
}

#endif /* ERRAND_CORE_POLICY_H */
