/*
 * policy_list.c
 *		Reads errand.allow_networks, the list of addresses that tasks may reach
 *		beside the public internet.
 *
 * Process: any (the postmaster and backends when the setting is checked, the
 * worker when it takes effect).  Pure functions: must never allocate, ereport or
 * resolve a name.
 */
#include "policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "ascii.h"

#define MAX_PORT 65535

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool
is_separator(char c)
{
	return c == ',' || errand_ascii_is_space(c);
}

/* Clear what lies below the prefix, so that 10.1.2.3/8 means 10.0.0.0/8. */
static void
clear_host_bits(ErrandCidr *cidr)
{
	for (int i = 0; i < 16; i++)
	{
		int keep = cidr->prefix - 8 * i;

		if (keep <= 0)
			cidr->addr[i] = 0;
		else if (keep < 8)
			cidr->addr[i] &= (uint8_t) (0xff << (8 - keep));
	}
}

/* ::ffff:a.b.c.d/96+n covers connections that are made over IPv4: a.b.c.d/n. */
static void
unwrap_mapped(ErrandCidr *cidr)
{
	if (cidr->v4 || cidr->prefix < 96 ||
		memcmp(cidr->addr, mapped_prefix, sizeof(mapped_prefix)) != 0)
		return;
	cidr->v4 = true;
	cidr->prefix = (uint8_t) (cidr->prefix - 96);
	memmove(cidr->addr, cidr->addr + 12, 4);
	memset(cidr->addr + 4, 0, 12);
}

static bool
read_address(const char *s, size_t len, ErrandCidr *cidr)
{
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	memset(cidr, 0, sizeof(*cidr));
	cidr->v4 = inet_pton(AF_INET, text, cidr->addr) == 1;
	cidr->prefix = cidr->v4 ? 32 : 128;
	return cidr->v4 || inet_pton(AF_INET6, text, cidr->addr) == 1;
}

/* What follows the address: "", "/24", ":80" or "/24:80". */
static bool
read_tail(const char *s, size_t len, ErrandCidr *cidr)
{
	const char *colon = len > 0 ? memchr(s, ':', len) : NULL;
	size_t before = colon != NULL ? (size_t) (colon - s) : len;
	int64_t value;

	if (before > 0)
	{
		if (s[0] != '/' || !errand_ascii_uint(s + 1, before - 1, 3, &value) || value > cidr->prefix)
			return false;
		cidr->prefix = (uint8_t) value;
	}
	if (colon != NULL)
	{
		if (!errand_ascii_uint(colon + 1, len - before - 1, 5, &value) || value < 1 ||
			value > MAX_PORT)
			return false;
		cidr->port = (uint16_t) value;
	}
	return true;
}

/* Where the address of an item ends: at "/", or at the one ":" of an IPv4 one. */
static size_t
address_length(const char *s, size_t len)
{
	const char *slash = memchr(s, '/', len);
	const char *colon = memchr(s, ':', len);
	size_t after;

	if (slash != NULL)
		return (size_t) (slash - s);
	if (colon == NULL)
		return len;
	after = len - (size_t) (colon - s) - 1;
	return memchr(colon + 1, ':', after) != NULL ? len : (size_t) (colon - s);
}

/* One item, which is not empty. */
static bool
read_item(const char *s, size_t len, ErrandCidr *cidr)
{
	bool bracketed = s[0] == '[';
	size_t address_len;
	size_t tail;

	if (bracketed)
	{
		const char *close = memchr(s, ']', len);

		if (close == NULL)
			return false;
		address_len = (size_t) (close - s) - 1;
		tail = address_len + 2;
	}
	else
	{
		address_len = address_length(s, len);
		tail = address_len;
	}
	if (!read_address(s + (bracketed ? 1 : 0), address_len, cidr) || (bracketed && cidr->v4) ||
		!read_tail(s + tail, len - tail, cidr))
		return false;
	unwrap_mapped(cidr);
	clear_host_bits(cidr);
	return true;
}

int
errand_policy_parse(const char *list, ErrandCidr *out, int max, const char **bad_item,
					size_t *bad_len)
{
	int count = 0;

	for (;;)
	{
		size_t len = 0;
		ErrandCidr cidr;

		while (*list != '\0' && is_separator(*list))
			list++;
		if (*list == '\0')
			return count;
		while (list[len] != '\0' && !is_separator(list[len]))
			len++;
		if ((out != NULL && count >= max) || count == INT32_MAX || !read_item(list, len, &cidr))
		{
			if (bad_item != NULL)
				*bad_item = list;
			if (bad_len != NULL)
				*bad_len = len;
			return -1;
		}
		if (out != NULL)
			out[count] = cidr;
		count++;
		list += len;
	}
}
