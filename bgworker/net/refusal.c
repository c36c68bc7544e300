/*-------------------------------------------------------------------------
 *
 * refusal.c
 *	  What is said when the egress policy refuses an address.
 *
 * Runs in workers and in the stream process.  It only writes text.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "net/refusal.h"

void
errand_address_format(const ErrandAddress *a, char *buf, size_t size)
{
	const void *address = a->u.sa.sa_family == AF_INET6 ? (const void *) &a->u.v6.sin6_addr :
														  (const void *) &a->u.v4.sin_addr;

	if (inet_ntop(a->u.sa.sa_family, address, buf, (socklen_t) size) == NULL)
		snprintf(buf, size, "an unknown address");
}

void
errand_refusal_describe(const ErrandAddress *a, ErrandEgress egress, const char *name,
						bool redirected, bool listed, char *error, size_t error_size, char *hint,
						size_t hint_size)
{
	char address[INET6_ADDRSTRLEN + 20];
	char item[64];
	const char *led = redirected ? ", where a redirect led," : "";

	errand_address_format(a, address, sizeof(address));
	if (name == NULL)
		snprintf(error, error_size, "egress to %s (%s)%s is not allowed", address,
				 errand_egress_name(egress), led);
	else
		snprintf(error, error_size, "egress to %s (%s, %s)%s is not allowed", name, address,
				 errand_egress_name(egress), led);
	hint[0] = '\0';
	if (!errand_policy_suggest(&a->u.sa, item, sizeof(item)))
		return;
	if (listed)
		snprintf(hint, hint_size, "to allow it, add %s to errand.allow_networks", item);
	else
		snprintf(hint, hint_size, "to allow it, use: ALTER SYSTEM SET errand.allow_networks = '%s'",
				 item);
}
