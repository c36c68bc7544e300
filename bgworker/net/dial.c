/*-------------------------------------------------------------------------
 *
 * dial.c
 *	  From a host to the addresses that may be connected to.
 *
 * Runs in the stream process.  Every address of a name goes through the egress
 * policy, and only allowed ones are handed out; an address that is written out
 * is judged as it is.  Must never open a socket, nor call anybody back.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <ares.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ascii.h"
#include "net/dial.h"
#include "net/refusal.h"

struct ErrandDialer
{
	ErrandHandles handles;
	ErrandNames *names;
	ErrandCidr allow[ERRAND_ALLOW_MAX];
	int n_allow;
};

/* Into memory that is there: without it nothing would be allowed. */
static void
take_list(ErrandDialer *dialer, const ErrandCidr *allow, int n_allow)
{
	dialer->n_allow = n_allow < ERRAND_ALLOW_MAX ? n_allow : ERRAND_ALLOW_MAX;
	if (dialer->n_allow > 0)
		memcpy(dialer->allow, allow, (size_t) dialer->n_allow * sizeof(ErrandCidr));
}

ErrandDialer *
errand_dialer_create(uv_loop_t *loop, const char *servers, int timeout_ms, const ErrandCidr *allow,
					 int n_allow, const char **why)
{
	ErrandDialer *dialer;

	*why = "out of memory";
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
		(dialer = calloc(1, sizeof(ErrandDialer))) == NULL)
		return NULL;
	take_list(dialer, allow, n_allow);
	dialer->names = errand_names_create(loop, &dialer->handles, servers, timeout_ms, why);
	if (dialer->names != NULL)
		return dialer;
	free(dialer);
	return NULL;
}

bool
errand_dialer_configure(ErrandDialer *dialer, const char *servers, int timeout_ms,
						const ErrandCidr *allow, int n_allow)
{
	const char *why = NULL;

	take_list(dialer, allow, n_allow);
	return errand_names_configure(dialer->names, servers, timeout_ms, &why);
}

static ErrandEgress
classify(const ErrandDialer *dialer, const ErrandAddress *a)
{
	return errand_policy_classify(&a->u.sa, a->len, dialer->allow, dialer->n_allow);
}

bool
errand_dialer_allows(const ErrandDialer *dialer, const ErrandAddress *address)
{
	return errand_egress_allowed(classify(dialer, address));
}

/* Is it an address that is written out? */
static bool
take_numeric(ErrandDial *d, const ErrandUrlParts *parts)
{
	ErrandAddress *a = &d->addresses[0];
	uint32_t v4;

	if (parts->ipv6_literal)
	{
		a->len = sizeof(struct sockaddr_in6);
		a->u.v6.sin6_family = AF_INET6;
		return inet_pton(AF_INET6, d->host, &a->u.v6.sin6_addr) == 1;
	}
	if (!errand_host_ipv4(parts->host, parts->host_len, &v4))
		return false;
	a->len = sizeof(struct sockaddr_in);
	a->u.v4.sin_family = AF_INET;
	a->u.v4.sin_addr.s_addr = htonl(v4);
	return true;
}

/* Inside c-ares. */
static void
on_ready(ErrandWaiter *w)
{
	errand_container(w, ErrandDial, waiter)->answered = true;
}

void
errand_dial_start(ErrandDialer *dialer, ErrandDial *d, const ErrandUrlParts *parts)
{
	size_t len = parts->host_len < sizeof(d->host) ? parts->host_len : sizeof(d->host) - 1;

	memset(d, 0, sizeof(*d));
	errand_list_init(&d->waiter.link);
	d->waiter.ready = on_ready;
	for (size_t i = 0; i < len; i++)
		d->host[i] = errand_ascii_lower(parts->host[i]);
	d->port = parts->port;
	d->waiting = true;
	d->numeric = take_numeric(d, parts);
	if (d->numeric)
	{
		d->n_addresses = 1;
		d->answered = true;
	}
	else
		d->answered = errand_names_lookup(dialer->names, d->host, &d->waiter);
}

static void
fail(ErrandDial *d, ErrandFailure failure, const char *reason)
{
	d->failure = failure;
	snprintf(d->error, sizeof(d->error), "could not look up %s: %s", d->host, reason);
}

/* Keep the allowed ones, each with its port; say why there is none. */
static void
judge(const ErrandDialer *dialer, ErrandDial *d)
{
	int kept = 0;

	for (int i = 0; i < d->n_addresses; i++)
	{
		ErrandAddress a = d->addresses[i];
		ErrandEgress egress;

		if (a.u.sa.sa_family == AF_INET6)
			a.u.v6.sin6_port = htons((uint16_t) d->port);
		else
			a.u.v4.sin_port = htons((uint16_t) d->port);
		egress = classify(dialer, &a);
		if (errand_egress_allowed(egress))
			d->addresses[kept++] = a;
		else if (d->error[0] == '\0')
			errand_refusal_describe(&a, egress, d->numeric ? NULL : d->host, false,
									dialer->n_allow > 0, d->error, sizeof(d->error), d->hint,
									sizeof(d->hint));
	}
	d->n_addresses = kept;
	d->failure = kept > 0 ? ERRAND_FAIL_NONE : ERRAND_FAIL_POLICY;
}

bool
errand_dial_done(ErrandDialer *dialer, ErrandDial *d)
{
	const ErrandName *name = d->waiter.name;

	if (!d->waiting)
		return true;
	if (!d->answered)
		return false;
	d->waiting = false;
	if (!d->numeric && name != NULL && name->state == ERRAND_NAME_KNOWN)
	{
		d->n_addresses = name->n_addresses;
		memcpy(d->addresses, name->addresses, sizeof(d->addresses));
	}
	if (d->n_addresses > 0)
		judge(dialer, d);
	else
		fail(d, name != NULL ? name->failure : ERRAND_FAIL_INTERNAL,
			 name != NULL ? name->reason : "out of memory");
	errand_names_release(&d->waiter);
	return true;
}

void
errand_dial_give_up(ErrandDial *d)
{
	if (d->waiting)
		errand_names_release(&d->waiter);
	d->waiting = false;
}
