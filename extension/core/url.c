/*
 * url.c
 *		Decides which URLs a task may ask for, and splits them.
 *
 * Process: any (backends at submit, workers before each hop).  Pure functions:
 * must never allocate, ereport, read the clock, consult the locale or look at a
 * byte outside the length given.
 */
#include "url.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "ascii.h"

#define MAX_LABEL_LENGTH 63
#define MAX_PORT 65535

static const char *const url_reasons[] = {
	[ERRAND_URL_OK] = "it is fine",
	[ERRAND_URL_EMPTY] = "it is empty",
	[ERRAND_URL_TOO_LONG] = "it is longer than 8192 bytes",
	[ERRAND_URL_CONTROL] = "it contains a control character",
	[ERRAND_URL_BLANK] = "it contains a blank",
	[ERRAND_URL_BACKSLASH] = "it contains a backslash",
	[ERRAND_URL_BAD_SCHEME] = "its scheme is neither http nor https",
	[ERRAND_URL_NO_SLASHES] = "its scheme is not followed by \"://\"",
	[ERRAND_URL_USERINFO] = "it contains user information",
	[ERRAND_URL_EMPTY_HOST] = "it has no host",
	[ERRAND_URL_BAD_HOST] = "its host contains a character that host names do not have",
	[ERRAND_URL_HOST_TOO_LONG] = "its host name is too long",
	[ERRAND_URL_BAD_IPV4] = "its host ends in a number but is no IPv4 address",
	[ERRAND_URL_BAD_IPV6] = "its host is no IPv6 address",
	[ERRAND_URL_ZONE_ID] = "its host contains a zone identifier",
	[ERRAND_URL_BAD_PORT] = "its port is not a number from 1 to 65535",
	[ERRAND_URL_AMBIGUOUS] = "it contains \"@\" although no slash ends its host"};

/* No byte of a URL may be one of these, wherever it stands. */
static ErrandUrlCheck
check_bytes(const char *url, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (url[i] == ' ')
			return ERRAND_URL_BLANK;
		if (url[i] == '\\')
			return ERRAND_URL_BACKSLASH;
		if (errand_ascii_is_control(url[i]))
			return ERRAND_URL_CONTROL;
	}
	return ERRAND_URL_OK;
}

/* Read "http://" or "https://"; *used is how long it is. */
static ErrandUrlCheck
check_scheme(const char *url, size_t len, bool *https, size_t *used)
{
	size_t n = 0;

	while (n < len && url[n] != ':' && url[n] != '/')
		n++;
	if (n == len || url[n] != ':')
		return ERRAND_URL_BAD_SCHEME;
	if (errand_ascii_equals(url, n, "https"))
		*https = true;
	else if (errand_ascii_equals(url, n, "http"))
		*https = false;
	else
		return ERRAND_URL_BAD_SCHEME;
	if (len - n < 3 || url[n + 1] != '/' || url[n + 2] != '/')
		return ERRAND_URL_NO_SLASHES;
	*used = n + 3;
	return ERRAND_URL_OK;
}

/*
 * One number of an IPv4 address as inet_aton() reads it: decimal, octal after a
 * 0, hexadecimal after 0x.  A number too large for 32 bits is none.
 */
static bool
read_aton_number(const char *s, size_t len, uint32_t *value)
{
	uint64_t v = 0;
	int base = 10;

	if (len >= 2 && s[0] == '0' && errand_ascii_lower(s[1]) == 'x')
	{
		base = 16;
		s += 2;
		len -= 2; /* "0x" alone is 0 to some parsers, none to us */
	}
	else if (len >= 2 && s[0] == '0')
		base = 8;
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		int digit = errand_ascii_hex(s[i]);

		if (digit < 0 || digit >= base)
			return false;
		v = v * (uint64_t) base + (uint64_t) digit;
		if (v > UINT32_MAX)
			return false;
	}
	*value = (uint32_t) v;
	return true;
}

bool
errand_host_ipv4(const char *host, size_t len, uint32_t *address)
{
	uint32_t result = 0;
	size_t start = 0;

	/* All numbers but the last fill one byte, the last fills what remains. */
	for (int part = 0; part < 4; part++)
	{
		size_t end = start;
		uint32_t value;

		while (end < len && host[end] != '.')
			end++;
		if (!read_aton_number(host + start, end - start, &value))
			return false;
		if (end == len)
		{
			if (value >= (UINT64_C(1) << (8 * (4 - part))))
				return false;
			*address = result | value;
			return true;
		}
		if (part == 3 || value > 255)
			return false;
		result |= value << (8 * (3 - part));
		start = end + 1;
	}
	return false;
}

/*
 * Could a parser take the last label for a number, even one too large?  Then the
 * host must be an IPv4 address: no name ends so, and guesses differ on what
 * "1.2.3.4.5" or "0x100000000" is.
 */
static bool
ends_in_number(const char *host, size_t len)
{
	size_t start;
	bool hex;

	if (host[len - 1] == '.')
		len--;
	start = len;
	while (start > 0 && host[start - 1] != '.')
		start--;
	hex = len - start >= 2 && host[start] == '0' && errand_ascii_lower(host[start + 1]) == 'x';
	for (size_t i = start + (hex ? 2 : 0); i < len; i++)
		if (hex ? errand_ascii_hex(host[i]) < 0 : !errand_ascii_is_digit(host[i]))
			return false;
	return true;
}

/* A host name or an IPv4 address.  The host is not empty. */
static ErrandUrlCheck
check_name(const char *host, size_t len)
{
	size_t label = 0;
	uint32_t ignored;

	for (size_t i = 0; i < len; i++)
	{
		if (host[i] == '.')
		{
			if (label == 0)
				return ERRAND_URL_BAD_HOST;
			label = 0;
			continue;
		}
		/* No "%": curl decodes it, so it could spell any other host. */
		if (!errand_ascii_is_alnum(host[i]) && host[i] != '-' && host[i] != '_')
			return ERRAND_URL_BAD_HOST;
		if (++label > MAX_LABEL_LENGTH)
			return ERRAND_URL_HOST_TOO_LONG;
	}
	/* A dot may end the name and is not counted. */
	if (len - (label == 0 ? 1 : 0) > ERRAND_HOST_MAX_LENGTH)
		return ERRAND_URL_HOST_TOO_LONG;
	if (ends_in_number(host, len) && !errand_host_ipv4(host, len, &ignored))
		return ERRAND_URL_BAD_IPV4;
	return ERRAND_URL_OK;
}

/* What stands between the brackets. */
static ErrandUrlCheck
check_ipv6(const char *host, size_t len)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ignored;

	if (len == 0)
		return ERRAND_URL_EMPTY_HOST;
	if (memchr(host, '%', len) != NULL)
		return ERRAND_URL_ZONE_ID;
	if (len >= sizeof(text))
		return ERRAND_URL_BAD_IPV6;
	memcpy(text, host, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, &ignored) == 1 ? ERRAND_URL_OK : ERRAND_URL_BAD_IPV6;
}

/* What follows the host: nothing, or a colon and a port. */
static ErrandUrlCheck
check_port(const char *s, size_t len, int *port)
{
	int64_t value;

	if (len == 0)
		return ERRAND_URL_OK;
	if (s[0] != ':' || !errand_ascii_uint(s + 1, len - 1, 5, &value) || value < 1 ||
		value > MAX_PORT)
		return ERRAND_URL_BAD_PORT;
	*port = (int) value;
	return ERRAND_URL_OK;
}

/* "host", "host:port", "[address]" or "[address]:port" */
static ErrandUrlCheck
check_authority(const char *s, size_t len, ErrandUrlParts *parts)
{
	ErrandUrlCheck check;
	size_t end = 0;

	if (memchr(s, '@', len) != NULL)
		return ERRAND_URL_USERINFO;
	parts->ipv6_literal = len > 0 && s[0] == '[';
	if (parts->ipv6_literal)
	{
		const char *close = memchr(s, ']', len);

		if (close == NULL)
			return ERRAND_URL_BAD_IPV6;
		parts->host = s + 1;
		parts->host_len = (size_t) (close - s) - 1;
		end = parts->host_len + 2;
		check = check_ipv6(parts->host, parts->host_len);
	}
	else
	{
		while (end < len && s[end] != ':')
			end++;
		parts->host = s;
		parts->host_len = end;
		check = end == 0 ? ERRAND_URL_EMPTY_HOST : check_name(s, end);
	}
	if (check != ERRAND_URL_OK)
		return check;
	return check_port(s + end, len - end, &parts->port);
}

/* Check and split in one pass over the URL, so that the two cannot disagree. */
static ErrandUrlCheck
parse(const char *url, size_t len, ErrandUrlParts *parts)
{
	ErrandUrlCheck check;
	size_t start = 0;
	size_t end;
	const char *fragment;

	if (len == 0)
		return ERRAND_URL_EMPTY;
	if (len > ERRAND_URL_MAX_LENGTH)
		return ERRAND_URL_TOO_LONG;
	if ((check = check_bytes(url, len)) != ERRAND_URL_OK ||
		(check = check_scheme(url, len, &parts->https, &start)) != ERRAND_URL_OK)
		return check;

	end = start;
	while (end < len && url[end] != '/' && url[end] != '?' && url[end] != '#')
		end++;
	parts->port = parts->https ? 443 : 80;
	check = check_authority(url + start, end - start, parts);
	if (check != ERRAND_URL_OK)
		return check;

	/*
	 * "http://a?@b/" and "http://a#@b/": the host is a, but parsers have been
	 * found that go to b.  Nobody needs either; a slash makes it plain.
	 */
	if (end < len && url[end] != '/' && memchr(url + end, '@', len - end) != NULL)
		return ERRAND_URL_AMBIGUOUS;

	fragment = memchr(url + end, '#', len - end);
	parts->path = url + end;
	parts->path_len = fragment != NULL ? (size_t) (fragment - parts->path) : len - end;
	return ERRAND_URL_OK;
}

ErrandUrlCheck
errand_url_check(const char *url, size_t len)
{
	ErrandUrlParts ignored;

	return parse(url, len, &ignored);
}

bool
errand_url_split(const char *url, size_t len, ErrandUrlParts *out)
{
	ErrandUrlParts parts;

	if (parse(url, len, &parts) != ERRAND_URL_OK)
		return false;
	*out = parts;
	return true;
}

const char *
errand_url_reason(ErrandUrlCheck check)
{
	size_t i = (size_t) check;

	if (i >= sizeof(url_reasons) / sizeof(url_reasons[0]) || url_reasons[i] == NULL)
		return "it is malformed";
	return url_reasons[i];
}
