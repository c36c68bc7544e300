/*
 * origin.c
 *		The Host and Origin of requests to the relay.
 *
 * Process: the relay, and any that sets the settings; pure functions.  Must
 * never take two names for one that a browser tells apart: an attacker's page
 * is what is kept out here, and his name that resolves to our address.
 */
#include <arpa/inet.h>

#include "origin.h"

static bool
is_host_char(char c)
{
	return errand_ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
}

static bool
port_parse(const char *text, size_t len, int *port)
{
	int64_t n;

	if (!errand_ascii_uint(text, len, 5, &n) || n < 1 || n > 65535)
		return false;
	*port = (int) n;
	return true;
}

bool
errand_authority_parse(const char *text, size_t len, ErrandAuthority *out)
{
	size_t n = 0;

	out->port = 0;
	out->ipv6 = len > 0 && text[0] == '[';
	if (out->ipv6)
	{
		const char *end = memchr(text, ']', len);

		if (end == NULL)
			return false;
		out->host = text + 1;
		out->host_len = (size_t) (end - text) - 1;
		for (size_t i = 0; i < out->host_len; i++)
			if (errand_ascii_hex(out->host[i]) < 0 && out->host[i] != ':' && out->host[i] != '.')
				return false;
		n = (size_t) (end - text) + 1;
	}
	else
	{
		while (n < len && is_host_char(text[n]))
			n++;
		out->host = text;
		out->host_len = n;
	}
	if (out->host_len == 0 || out->host_len > 253)
		return false;
	return n == len || (text[n] == ':' && port_parse(text + n + 1, len - n - 1, &out->port));
}

bool
errand_list_next(const char **list, const char **item, size_t *len)
{
	while (*list != NULL && **list)
	{
		*item = *list;
		*len = strcspn(*list, ",");
		*list += *len + ((*list)[*len] == ',');
		errand_ascii_trim(item, len);
		if (*len > 0)
			return true;
	}
	return false;
}

static bool
is_address(const char *text, size_t len)
{
	char copy[64];
	unsigned char bytes[16];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(AF_INET, copy, bytes) == 1 || inet_pton(AF_INET6, copy, bytes) == 1;
}

bool
errand_listen_list_ok(const char *list)
{
	const char *item;
	size_t len;
	bool any = false;

	while (errand_list_next(&list, &item, &len))
	{
		if (!errand_ascii_equals(item, len, "*") && !errand_ascii_equals(item, len, "localhost") &&
			!is_address(item, len))
			return false;
		any = true;
	}
	return any;
}

/* scheme://authority, with the port that the scheme implies; a path only if may_have_path. */
static bool
origin_parse(const char *text, size_t len, bool may_have_path, bool *https, ErrandAuthority *out)
{
	size_t skip;
	const char *slash;

	if (len > 8 && errand_ascii_equals(text, 8, "https://"))
		skip = 8;
	else if (len > 7 && errand_ascii_equals(text, 7, "http://"))
		skip = 7;
	else
		return false;
	*https = skip == 8;
	text += skip;
	len -= skip;
	slash = memchr(text, '/', len);
	if (slash != NULL && may_have_path)
		len = (size_t) (slash - text);
	if (!errand_authority_parse(text, len, out))
		return false;
	if (out->port == 0)
		out->port = *https ? 443 : 80;
	return true;
}

bool
errand_origin_list_ok(const char *list)
{
	const char *item;
	size_t len;
	ErrandAuthority a;
	bool https;

	while (errand_list_next(&list, &item, &len))
		if (!origin_parse(item, len, false, &https, &a))
			return false;
	return true;
}

static bool
same_host(const ErrandAuthority *a, const ErrandAuthority *b)
{
	if (a->host_len != b->host_len || a->ipv6 != b->ipv6)
		return false;
	for (size_t i = 0; i < a->host_len; i++)
		if (errand_ascii_lower(a->host[i]) != errand_ascii_lower(b->host[i]))
			return false;
	return true;
}

/* Do both texts write the same address? */
static bool
same_address(const ErrandAuthority *a, const char *local)
{
	char copy[64];
	unsigned char x[16];
	unsigned char y[16];
	int family = a->ipv6 ? AF_INET6 : AF_INET;

	if (a->host_len >= sizeof(copy))
		return false;
	memcpy(copy, a->host, a->host_len);
	copy[a->host_len] = '\0';
	return inet_pton(family, copy, x) == 1 && inet_pton(family, local, y) == 1 &&
		   memcmp(x, y, a->ipv6 ? 16 : 4) == 0;
}

static bool
is_loopback(const ErrandAuthority *a)
{
	char copy[64];
	unsigned char bytes[16];

	if (errand_ascii_equals(a->host, a->host_len, "localhost"))
		return true;
	if (a->ipv6)
		return same_address(a, "::1");
	if (a->host_len >= sizeof(copy))
		return false;
	memcpy(copy, a->host, a->host_len);
	copy[a->host_len] = '\0';
	return inet_pton(AF_INET, copy, bytes) == 1 && bytes[0] == 127;
}

bool
errand_host_allowed(const char *host, size_t len, const char *local, const char *origins,
					const char *public_url)
{
	ErrandAuthority a;
	ErrandAuthority listed;
	const char *item;
	size_t item_len;
	bool https;

	if (!errand_authority_parse(host, len, &a))
		return false;
	if (is_loopback(&a) || same_address(&a, local))
		return true;
	if (public_url != NULL && origin_parse(public_url, strlen(public_url), true, &https, &listed) &&
		same_host(&a, &listed))
		return true;
	while (errand_list_next(&origins, &item, &item_len))
		if (origin_parse(item, item_len, false, &https, &listed) && same_host(&a, &listed))
			return true;
	return false;
}

bool
errand_origin_allowed(const char *origin, size_t len, const char *host, size_t host_len, bool tls,
					  const char *origins, const char *public_url)
{
	ErrandAuthority o;
	ErrandAuthority h;
	const char *item;
	size_t item_len;
	bool https;
	bool listed_https;

	if (!origin_parse(origin, len, false, &https, &o))
		return false;
	if (https == tls && errand_authority_parse(host, host_len, &h))
	{
		if (h.port == 0)
			h.port = https ? 443 : 80;
		if (same_host(&o, &h) && o.port == h.port)
			return true;
	}
	if (public_url != NULL &&
		origin_parse(public_url, strlen(public_url), true, &listed_https, &h) &&
		same_host(&o, &h) && o.port == h.port && https == listed_https)
		return true;
	while (errand_list_next(&origins, &item, &item_len))
		if (origin_parse(item, item_len, false, &listed_https, &h) && same_host(&o, &h) &&
			o.port == h.port && https == listed_https)
			return true;
	return false;
}
