/*-------------------------------------------------------------------------
 *
 * pins.c
 *	  Which addresses a transfer may connect to, before curl hears of it.
 *
 * Runs in the errand worker.  Every address of a name goes through the egress
 * policy; curl is told the allowed ones (CURLOPT_RESOLVE) and never looks a
 * name up itself.  sockets.c asks the policy once more about the address that
 * is really connected to.  Must never open a socket.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"
#include "net/refusal.h"

void
errand_pins_release(ErrandPins *pins)
{
	if (pins != NULL && --pins->refs == 0)
		free(pins);
}

/* The egress policy says no: fail, and say what would allow it. */
void
errand_pins_refused(ErrandTransfer *t, const ErrandAddress *a, ErrandEgress egress)
{
	t->resp.failure = ERRAND_FAIL_POLICY;
	errand_refusal_describe(a, egress, t->url->numeric ? NULL : t->url->name, t->resp.redirects > 0,
							t->net->n_allow > 0, t->resp.error, sizeof(t->resp.error), t->resp.hint,
							sizeof(t->resp.hint));
}

static ErrandEgress
classify(const ErrandNet *n, const ErrandAddress *a)
{
	return errand_policy_classify(&a->u.sa, a->len, n->allow, n->n_allow);
}

static ErrandPinResult
check_numeric(ErrandTransfer *t)
{
	ErrandEgress egress = classify(t->net, &t->url->address);

	if (errand_egress_allowed(egress))
		return ERRAND_PIN_READY;
	errand_pins_refused(t, &t->url->address, egress);
	return ERRAND_PIN_FAILED;
}

/* "+name:port:address,address": the plus makes it expire from curl's cache. */
static ErrandPins *
make_pins(const char *name, int port, const char *addresses)
{
	size_t size = strlen(name) + strlen(addresses) + 16;
	ErrandPins *pins = calloc(1, sizeof(ErrandPins) + size);

	if (pins != NULL)
	{
		pins->refs = 1;
		pins->list.data = pins->text;
		snprintf(pins->text, size, "+%s:%d:%s", name, port, addresses);
	}
	return pins;
}

/* Write the allowed addresses of a name; returns how long the text is. */
static size_t
list_allowed(ErrandTransfer *t, const ErrandName *name, char *list, size_t size)
{
	size_t len = 0;

	t->refused.len = 0;
	for (int i = 0; i < name->n_addresses; i++)
	{
		ErrandAddress a = name->addresses[i];
		ErrandEgress egress;
		char text[INET6_ADDRSTRLEN + 20];

		if (a.u.sa.sa_family == AF_INET6)
			a.u.v6.sin6_port = htons((uint16_t) t->host->port);
		else
			a.u.v4.sin_port = htons((uint16_t) t->host->port);
		egress = classify(t->net, &a);
		if (errand_egress_allowed(egress))
		{
			errand_address_format(&a, text, sizeof(text));
			len += (size_t) snprintf(list + len, size - len, "%s%s", len > 0 ? "," : "", text);
		}
		else if (t->refused.len == 0)
		{
			t->refused = a;
			t->refused_as = egress;
		}
	}
	return len;
}

static ErrandPinResult
pin(ErrandTransfer *t, const ErrandName *name)
{
	ErrandHost *h = t->host;
	char list[ERRAND_NAME_MAX_ADDRESSES * INET6_ADDRSTRLEN + 1];

	if (list_allowed(t, name, list, sizeof(list)) == 0)
	{
		errand_pins_refused(t, &t->refused, t->refused_as);
		return ERRAND_PIN_FAILED;
	}
	errand_pins_release(h->pins);
	h->pins = make_pins(h->name, h->port, list);
	h->pins_until_us = name->expires_us;
	h->pins_version = t->net->config_version;
	if (h->pins == NULL)
	{
		errand_net_fail(t, ERRAND_FAIL_INTERNAL, "out of memory");
		return ERRAND_PIN_FAILED;
	}
	h->pins->refs++;
	t->pins = h->pins;
	return ERRAND_PIN_READY;
}

/* The administrator chose the proxy: all its addresses will do. */
static ErrandPinResult
pin_proxy(ErrandTransfer *t, const ErrandName *name)
{
	char list[ERRAND_NAME_MAX_ADDRESSES * INET6_ADDRSTRLEN + 1];
	size_t len = 0;

	for (int i = 0; i < name->n_addresses; i++)
	{
		char text[INET6_ADDRSTRLEN + 20];

		errand_address_format(&name->addresses[i], text, sizeof(text));
		len += (size_t) snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? "," : "", text);
	}
	t->pins = make_pins(t->proxy->name, t->proxy->port, list);
	if (t->pins != NULL)
		return ERRAND_PIN_READY;
	errand_net_fail(t, ERRAND_FAIL_INTERNAL, "out of memory");
	return ERRAND_PIN_FAILED;
}

/* Is the name known now?  Otherwise the waiter waits. */
static bool
look_up(ErrandTransfer *t)
{
	const char *host = t->proxy != NULL ? t->proxy->name : t->host->name;
	ErrandWaiter *w = &t->waiter;

	if (w->name != NULL && w->name->state != ERRAND_NAME_PENDING)
		return true; /* waited for, and here it is */
	errand_names_release(w);
	return errand_names_lookup(t->net->names, host, w);
}

/*
 * Find the addresses for this hop: none are needed, or they are known to the
 * host, or the name has to be looked up.  Through a proxy, they are its own.
 */
ErrandPinResult
errand_pins_find(ErrandTransfer *t)
{
	ErrandHost *h = t->host;
	ErrandName *name;
	ErrandPinResult result;
	int64_t now;

	errand_netproxy_choose(t);
	if (t->url->numeric && (check_numeric(t) == ERRAND_PIN_FAILED || t->proxy == NULL))
		return t->resp.failure == ERRAND_FAIL_NONE ? ERRAND_PIN_READY : ERRAND_PIN_FAILED;
	if (t->proxy != NULL && t->proxy->unusable != NULL)
	{
		errand_net_fail(t, ERRAND_FAIL_CONNECT, "the proxy of %s cannot be used: %s", h->key,
						t->proxy->unusable);
		return ERRAND_PIN_FAILED;
	}
	if (t->proxy != NULL && t->proxy->numeric)
		return ERRAND_PIN_READY;
	now = errand_now_us();
	if (t->proxy == NULL && t->waiter.name == NULL && h->pins != NULL && h->pins_until_us > now &&
		h->pins_version == t->net->config_version)
	{
		h->pins->refs++;
		t->pins = h->pins;
		return ERRAND_PIN_READY;
	}
	if (!look_up(t))
		return ERRAND_PIN_WAIT;
	name = t->waiter.name;
	t->resp.dns_us = (int32_t) (now - t->hop_us);
	if (name != NULL && name->state == ERRAND_NAME_KNOWN)
		result = t->proxy != NULL ? pin_proxy(t, name) : pin(t, name);
	else
	{
		errand_net_fail(t, name ? name->failure : ERRAND_FAIL_INTERNAL, "could not look up %s: %s",
						t->proxy != NULL ? t->proxy->name : h->name,
						name ? name->reason : "out of memory");
		result = ERRAND_PIN_FAILED;
	}
	errand_names_release(&t->waiter);
	return result;
}
