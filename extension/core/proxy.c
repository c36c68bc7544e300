/*
 * proxy.c
 *		Splits what an administrator wrote for a proxy.
 *
 * Process: any (a backend when a host is defined, workers when they read it).
 * Pure functions: must never allocate, ereport or look a name up.
 */
#include "proxy.h"

#include <stdio.h>
#include <string.h>

#include "ascii.h"
#include "secret.h"
#include "url.h"

#define MAX_AUTHORITY 300

static bool
has_prefix(const char *s, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && errand_ascii_equals(s, n, prefix);
}

/* The colon between user and password: not one within a reference to a secret. */
static size_t
find_colon(const char *s, size_t len)
{
	ErrandSecretRef ref;
	size_t at = 0;

	while (at < len && s[at] != ':')
	{
		if (errand_secret_next(s, len, at, &ref) && ref.start == at)
			at = ref.end;
		else
			at++;
	}
	return at;
}

static bool
split_credentials(const char *s, size_t len, ErrandProxyParts *out)
{
	size_t colon = find_colon(s, len);

	for (size_t i = 0; i < len; i++)
		if (errand_ascii_is_control(s[i]))
			return false;
	if (colon == 0)
		return false;
	out->user = s;
	out->user_len = colon;
	if (colon < len)
	{
		out->password = s + colon + 1;
		out->password_len = len - colon - 1;
	}
	return true;
}

/* "host:port", as strict as the host of a URL. */
static bool
split_host(const char *s, size_t len, ErrandProxyParts *out)
{
	char url[MAX_AUTHORITY + 16];
	ErrandUrlParts parts;
	size_t colon = len;

	while (colon > 0 && s[colon - 1] != ':' && s[colon - 1] != ']')
		colon--;
	if (len > MAX_AUTHORITY || colon == 0 || s[colon - 1] != ':')
		return false;
	snprintf(url, sizeof(url), "http://%.*s", (int) len, s);
	if (!errand_url_split(url, strlen(url), &parts) || parts.path_len != 0 ||
		strlen(url) != len + strlen("http://"))
		return false;
	out->host = s + (parts.host - url - strlen("http://"));
	out->host_len = parts.host_len;
	out->ipv6_literal = parts.ipv6_literal;
	out->port = parts.port;
	return true;
}

bool
errand_proxy_split(const char *s, size_t len, ErrandProxyParts *out)
{
	ErrandProxyParts parts = {0};
	size_t at;

	if (has_prefix(s, len, "socks5h://"))
		parts.socks = true;
	else if (!has_prefix(s, len, "http://"))
		return false;
	at = parts.socks ? strlen("socks5h://") : strlen("http://");
	s += at;
	len -= at;
	if (len > 0 && s[len - 1] == '/')
		len--;
	at = len;
	while (at > 0 && s[at - 1] != '@')
		at--;
	if (at > 0 && !split_credentials(s, at - 1, &parts))
		return false;
	if (!split_host(s + at, len - at, &parts))
		return false;
	*out = parts;
	return true;
}
