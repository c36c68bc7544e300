/*-------------------------------------------------------------------------
 *
 * urls.c
 *	  URLs, checked and parsed once, shared by the transfers to them.
 *
 * Runs in the errand worker.  Two parsers look at each URL, ours (core/url.h)
 * and curl's, and a URL about whose host they disagree is refused: that
 * disagreement is how egress checks are got round.  What curl connects to is
 * the parsed URL, never the text.  Must never look a name up.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ascii.h"
#include "core/url.h"
#include "net/internal.h"

static void
free_url(ErrandUrl *url)
{
	curl_url_cleanup(url->parsed);
	if (url->wipe && url->text != NULL)
		explicit_bzero(url->text, strlen(url->text));
	free(url->text);
	free(url->key);
	free(url->name);
	free(url);
}

void
errand_neturl_release(ErrandUrl *url)
{
	if (url != NULL && --url->refs == 0)
		free_url(url);
}

/* The host is an address: is it the one that our own parser saw? */
static bool
take_address(ErrandUrl *url, const ErrandUrlParts *parts)
{
	char text[INET6_ADDRSTRLEN];
	uint32_t v4;

	url->numeric = true;
	if (parts->ipv6_literal)
	{
		url->address.len = sizeof(struct sockaddr_in6);
		url->address.u.v6.sin6_family = AF_INET6;
		url->address.u.v6.sin6_port = htons((uint16_t) url->port);
		if (inet_pton(AF_INET6, url->name, &url->address.u.v6.sin6_addr) != 1 ||
			inet_ntop(AF_INET6, &url->address.u.v6.sin6_addr, text, sizeof(text)) == NULL)
			return false;
		free(url->name); /* one spelling: one host */
		url->name = strdup(text);
		return url->name != NULL;
	}
	url->address.len = sizeof(struct sockaddr_in);
	url->address.u.v4.sin_family = AF_INET;
	url->address.u.v4.sin_port = htons((uint16_t) url->port);
	return inet_pton(AF_INET, url->name, &url->address.u.v4.sin_addr) == 1 &&
		   errand_host_ipv4(parts->host, parts->host_len, &v4) &&
		   url->address.u.v4.sin_addr.s_addr == htonl(v4);
}

/* Fill url->name from curl's parse, and compare it with ours. */
static bool
take_host(ErrandUrl *url, const ErrandUrlParts *parts)
{
	char *host;
	size_t len;
	uint32_t v4;

	if (curl_url_get(url->parsed, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		return false;
	len = strlen(host);
	if (parts->ipv6_literal && len > 2)
		url->name = strndup(host + 1, len - 2);
	else
		url->name = strdup(host);
	curl_free(host);
	if (url->name == NULL)
		return false;
	errand_net_lower(url->name);
	if (parts->ipv6_literal || errand_host_ipv4(parts->host, parts->host_len, &v4))
		return take_address(url, parts);
	return errand_ascii_equals(parts->host, parts->host_len, url->name);
}

static bool
same_port_and_scheme(const ErrandUrl *url)
{
	char *port = NULL;
	char *scheme = NULL;
	bool same;

	same = curl_url_get(url->parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		   curl_url_get(url->parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		   strtol(port, NULL, 10) == url->port &&
		   strcmp(scheme, url->https ? "https" : "http") == 0;
	curl_free(port);
	curl_free(scheme);
	return same;
}

static bool
make_key(ErrandUrl *url, bool v6)
{
	size_t size = strlen(url->name) + 10;

	url->key = malloc(size);
	if (url->key == NULL)
		return false;
	snprintf(url->key, size, v6 ? "[%s]:%d" : "%s:%d", url->name, url->port);
	return true;
}

/* Returns a reason if the URL cannot be used, as errand_url_reason() does. */
static const char *
parse(ErrandUrl *url, const char *text)
{
	size_t len = strlen(text);
	ErrandUrlParts parts;

	if (!errand_url_split(text, len, &parts))
		return errand_url_reason(errand_url_check(text, len));
	url->text = strdup(text);
	url->parsed = curl_url();
	if (url->text == NULL || url->parsed == NULL)
		return "memory is out";
	url->port = parts.port;
	url->https = parts.https;
	if (curl_url_set(url->parsed, CURLUPART_URL, text, CURLU_PATH_AS_IS) != CURLUE_OK ||
		!take_host(url, &parts) || !same_port_and_scheme(url))
		return "it can be read in more than one way";
	return make_key(url, parts.ipv6_literal) ? NULL : "memory is out";
}

/*
 * The parsed form of text, with a reference for the caller; NULL with error
 * filled if no request may go there.  The last few are kept, since many tasks
 * ask for the same URL again and again; but none that may hold a secret.
 */
ErrandUrl *
errand_neturl_get(ErrandNet *n, const char *text, bool secret, char *error, size_t error_size)
{
	uint32_t hash = errand_net_hash(text);
	ErrandUrl **slot = &n->urls[hash % ERRAND_URLS_KEPT];
	ErrandUrl *url = *slot;
	const char *reason = "memory is out";

	if (!secret && url != NULL && url->hash == hash && strcmp(url->text, text) == 0)
	{
		url->refs++;
		return url;
	}
	url = calloc(1, sizeof(ErrandUrl));
	if (url == NULL || (reason = parse(url, text)) != NULL)
	{
		snprintf(error, error_size, "the URL cannot be used: %s", reason);
		if (url != NULL)
			free_url(url);
		return NULL;
	}
	url->hash = hash;
	url->wipe = secret;
	url->refs = 1;
	if (secret)
		return url;
	url->refs = 2; /* the cache's and the caller's */
	errand_neturl_release(*slot);
	*slot = url;
	return url;
}

static bool
only_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (errand_ascii_is_control(s[i]))
			return false;
	return len <= ERRAND_URL_MAX_LENGTH;
}

/*
 * Where a Location header leads, seen from base.  Like errand_neturl_get()
 * otherwise; the result passed the same checks.
 */
ErrandUrl *
errand_neturl_resolve(ErrandNet *n, const ErrandUrl *base, const char *reference, size_t len,
					  bool secret, char *error, size_t error_size)
{
	CURLU *parsed = NULL;
	char *copy = only_printable(reference, len) ? strndup(reference, len) : NULL;
	char *text = NULL;
	ErrandUrl *url = NULL;

	if (copy != NULL)
		parsed = curl_url_dup(base->parsed);
	if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, copy, CURLU_URLENCODE) == CURLUE_OK &&
		curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
		curl_url_get(parsed, CURLUPART_URL, &text, 0) == CURLUE_OK)
		url = errand_neturl_get(n, text, secret, error, error_size);
	else
		snprintf(error, error_size, "the URL cannot be used: it cannot be read");
	curl_free(text);
	curl_url_cleanup(parsed);
	free(copy);
	return url;
}

/* Is it the same origin: host, port and scheme? */
bool
errand_neturl_same_host(const ErrandUrl *a, const ErrandUrl *b)
{
	return a->https == b->https && a->key != NULL && b->key != NULL && strcmp(a->key, b->key) == 0;
}

char *
errand_net_follow(ErrandNet *n, const char *first, const char *base, const char *reference,
				  size_t len, bool *same_host, char *error, size_t error_size)
{
	ErrandUrl *origin = errand_neturl_get(n, first, true, error, error_size);
	ErrandUrl *from = origin ? errand_neturl_get(n, base, true, error, error_size) : NULL;
	ErrandUrl *to = from ? errand_neturl_resolve(n, from, reference, len, true, error, error_size) :
						   NULL;
	char *text = NULL;

	if (to != NULL && from->https && !to->https)
		snprintf(error, error_size, "it leads from https to http");
	else if (to != NULL && to->text != NULL)
	{
		*same_host = errand_neturl_same_host(to, origin);
		text = strdup(to->text);
		if (text == NULL)
			snprintf(error, error_size, "memory is out");
	}
	errand_neturl_release(to);
	errand_neturl_release(from);
	errand_neturl_release(origin);
	return text;
}

void
errand_neturls_free(ErrandNet *n)
{
	for (int i = 0; i < ERRAND_URLS_KEPT; i++)
		errand_neturl_release(n->urls[i]);
}
