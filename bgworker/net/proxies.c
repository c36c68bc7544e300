/*-------------------------------------------------------------------------
 *
 * proxies.c
 *	  Which hosts are reached through a proxy, and what curl is told of it.
 *
 * Runs in the errand worker.  Only hosts that the administrator gave a proxy
 * have one: the environment is never asked (request.c).  The proxy's name is
 * looked up and pinned like any other (pins.c).  Credentials go to the proxy
 * alone, and into no message.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/internal.h"

static void
free_text(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

void
errand_netproxy_release(ErrandProxy *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	free(p->host);
	free(p->url);
	free(p->name);
	free(p->unusable);
	free_text(p->user);
	free_text(p->password);
	free(p);
}

/* Copies a text that may be missing; *ok is false afterwards if memory is out. */
static char *
copy(const char *s, bool *ok)
{
	char *made = s != NULL ? strdup(s) : NULL;

	*ok &= s == NULL || made != NULL;
	return made;
}

static ErrandProxy *
make_proxy(const ErrandProxyRule *rule)
{
	ErrandProxy *p = calloc(1, sizeof(ErrandProxy));
	const char *name = rule->name != NULL ? rule->name : "";
	size_t size = strlen(name) + 32;
	struct in6_addr address;
	bool v6 = inet_pton(AF_INET6, name, &address) == 1;
	bool ok = true;

	if (p == NULL)
		return NULL;
	p->refs = 1;
	p->host = copy(rule->host, &ok);
	p->name = copy(name, &ok);
	p->user = copy(rule->user, &ok);
	p->password = copy(rule->password, &ok);
	p->unusable = copy(rule->unusable, &ok);
	p->port = rule->port;
	p->numeric = v6 || inet_pton(AF_INET, name, &address) == 1;
	p->url = malloc(size);
	if (!ok || p->url == NULL)
	{
		errand_netproxy_release(p);
		return NULL;
	}
	errand_net_lower(p->name);
	snprintf(p->url, size, v6 ? "%s://[%s]:%d" : "%s://%s:%d", rule->socks ? "socks5h" : "http",
			 p->name, p->port);
	return p;
}

static void
release_all(ErrandProxy **proxies, int n)
{
	for (int i = 0; i < n; i++)
		errand_netproxy_release(proxies[i]);
	free(proxies);
}

void
errand_netproxies_free(ErrandNet *n)
{
	release_all(n->proxies, n->n_proxies);
	n->proxies = NULL;
	n->n_proxies = 0;
}

bool
errand_net_set_proxies(ErrandNet *n, const ErrandProxyRule *rules, int n_rules)
{
	ErrandProxy **made = NULL;

	if (n_rules > 0 && (made = calloc((size_t) n_rules, sizeof(ErrandProxy *))) == NULL)
		return false;
	for (int i = 0; i < n_rules; i++)
	{
		made[i] = make_proxy(&rules[i]);
		if (made[i] == NULL)
		{
			release_all(made, i);
			return false;
		}
	}
	errand_netproxies_free(n);
	n->proxies = made;
	n->n_proxies = n_rules;
	return true;
}

/* A rule for the port goes before one for the name. */
void
errand_netproxy_choose(ErrandTransfer *t)
{
	ErrandNet *n = t->net;
	ErrandProxy *found = NULL;

	if (t->proxy != NULL || n->n_proxies == 0)
		return;
	for (int i = 0; i < n->n_proxies; i++)
	{
		ErrandProxy *p = n->proxies[i];

		if (strcmp(p->host, t->host->key) == 0)
		{
			found = p;
			break;
		}
		if (strcmp(p->host, t->host->name) == 0)
			found = p;
	}
	if (found != NULL)
		found->refs++;
	t->proxy = found;
}

#define SET(option, value)                                                                         \
	do                                                                                             \
	{                                                                                              \
		if (code == CURLE_OK)                                                                      \
			code = curl_easy_setopt(easy, option, value);                                          \
	} while (0)

/* Over the rules of request.c.  Headers of the request are not the proxy's. */
CURLcode
errand_netproxy_set(CURL *easy, const ErrandProxy *p)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PROXY, p->url);
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE);
	SET(CURLOPT_PROXYAUTH, (long) CURLAUTH_BASIC);
	if (p->user != NULL)
		SET(CURLOPT_PROXYUSERNAME, p->user);
	if (p->password != NULL)
		SET(CURLOPT_PROXYPASSWORD, p->password);
	return code;
}
