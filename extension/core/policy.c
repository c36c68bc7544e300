/*
 * policy.c
 *		Decides which addresses a task may connect to.
 *
 * Process: any (the worker before each connection, the postmaster and backends
 * when errand.allow_networks is checked).  Pure functions: must never allocate,
 * ereport, resolve a name or open a socket.
 */
#include "policy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "ascii.h"

/* Where a connection would really go: mapped IPv4 is IPv4 here. */
typedef struct Endpoint
{
	uint8_t addr[16]; /* network byte order; IPv4 in the first four */
	uint16_t port;
	bool v4;
} Endpoint;

typedef struct RangeV4
{
	uint8_t addr[4];
	uint8_t prefix;
	ErrandEgress egress;
} RangeV4;

typedef struct RangeV6
{
	uint8_t addr[16];
	uint8_t prefix;
	ErrandEgress egress;
} RangeV6;

/* The first that holds the address decides.  Metadata services come first. */
static const RangeV4 ranges_v4[] = {
	{{169, 254, 169, 254}, 32, ERRAND_EGRESS_METADATA}, /* most clouds */
	{{169, 254, 170, 2}, 32, ERRAND_EGRESS_METADATA},	/* AWS ECS */
	{{100, 100, 100, 200}, 32, ERRAND_EGRESS_METADATA}, /* Alibaba */
	{{192, 0, 0, 192}, 32, ERRAND_EGRESS_METADATA},		/* Oracle */
	{{168, 63, 129, 16}, 32, ERRAND_EGRESS_METADATA},	/* Azure */
	{{0, 0, 0, 0}, 8, ERRAND_EGRESS_RESERVED},			/* 0.0.0.0 reaches loopback */
	{{10, 0, 0, 0}, 8, ERRAND_EGRESS_PRIVATE},
	{{100, 64, 0, 0}, 10, ERRAND_EGRESS_PRIVATE}, /* carrier-grade NAT */
	{{127, 0, 0, 0}, 8, ERRAND_EGRESS_LOOPBACK},
	{{169, 254, 0, 0}, 16, ERRAND_EGRESS_LINK_LOCAL},
	{{172, 16, 0, 0}, 12, ERRAND_EGRESS_PRIVATE},
	{{192, 0, 0, 0}, 24, ERRAND_EGRESS_RESERVED},	/* protocol assignments */
	{{192, 0, 2, 0}, 24, ERRAND_EGRESS_RESERVED},	/* documentation */
	{{192, 88, 99, 0}, 24, ERRAND_EGRESS_RESERVED}, /* 6to4 relays */
	{{192, 168, 0, 0}, 16, ERRAND_EGRESS_PRIVATE},
	{{198, 18, 0, 0}, 15, ERRAND_EGRESS_RESERVED},	 /* benchmarks */
	{{198, 51, 100, 0}, 24, ERRAND_EGRESS_RESERVED}, /* documentation */
	{{203, 0, 113, 0}, 24, ERRAND_EGRESS_RESERVED},	 /* documentation */
	{{224, 0, 0, 0}, 4, ERRAND_EGRESS_MULTICAST},
	{{240, 0, 0, 0}, 4, ERRAND_EGRESS_RESERVED}};

static const RangeV6 ranges_v6[] = {
	{{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128, ERRAND_EGRESS_METADATA}, /* AWS */
	{{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54}, 128, ERRAND_EGRESS_METADATA}, /* Google */
	{{[15] = 1}, 128, ERRAND_EGRESS_LOOPBACK},
	{{0xfc}, 7, ERRAND_EGRESS_PRIVATE},
	{{0xfe, 0x80}, 10, ERRAND_EGRESS_LINK_LOCAL},
	{{0xfe, 0xc0}, 10, ERRAND_EGRESS_PRIVATE}, /* site-local */
	{{0xff}, 8, ERRAND_EGRESS_MULTICAST},
	{{0x20, 0x01}, 23, ERRAND_EGRESS_RESERVED},				/* protocol assignments */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, ERRAND_EGRESS_RESERVED}, /* documentation */
	{{0x3f, 0xff}, 20, ERRAND_EGRESS_RESERVED},				/* documentation */
	{{0x20}, 3, ERRAND_EGRESS_PUBLIC}						/* all global unicast there is */
};

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};
static const uint8_t nat64_prefix[12] = {0x00, 0x64, 0xff, 0x9b};
static const uint8_t nat64_local_prefix[6] = {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};
static const uint8_t teredo_prefix[4] = {0x20, 0x01, 0x00, 0x00};
static const uint8_t zeros[16];

/* Do the first bits of both agree? */
static bool
same_prefix(const uint8_t *a, const uint8_t *b, int bits)
{
	int whole = bits / 8;
	int rest = bits % 8;

	if (memcmp(a, b, (size_t) whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* Copied out of the sockaddr, which may lie at any address. */
static bool
read_sockaddr(const struct sockaddr *sa, socklen_t len, Endpoint *e)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	sa_family_t family;

	if (sa == NULL || (size_t) len < offsetof(struct sockaddr, sa_family) + sizeof(family))
		return false;
	memcpy(&family, (const char *) sa + offsetof(struct sockaddr, sa_family), sizeof(family));
	memset(e, 0, sizeof(*e));
	if (family == AF_INET && (size_t) len >= sizeof(in))
	{
		memcpy(&in, sa, sizeof(in));
		e->v4 = true;
		e->port = ntohs(in.sin_port);
		memcpy(e->addr, &in.sin_addr, 4);
		return true;
	}
	if (family != AF_INET6 || (size_t) len < sizeof(in6))
		return false;
	memcpy(&in6, sa, sizeof(in6));
	e->port = ntohs(in6.sin6_port);
	memcpy(e->addr, &in6.sin6_addr, 16);

	/* The kernel connects a mapped address over IPv4. */
	if (memcmp(e->addr, mapped_prefix, sizeof(mapped_prefix)) == 0)
	{
		e->v4 = true;
		memmove(e->addr, e->addr + 12, 4);
		memset(e->addr + 4, 0, 12);
	}
	return true;
}

static ErrandEgress
classify_v4(const uint8_t *addr)
{
	for (size_t i = 0; i < sizeof(ranges_v4) / sizeof(ranges_v4[0]); i++)
		if (same_prefix(addr, ranges_v4[i].addr, ranges_v4[i].prefix))
			return ranges_v4[i].egress;
	return ERRAND_EGRESS_PUBLIC;
}

/* The worse of two: an address that can be read two ways must be public in both. */
static ErrandEgress
worse(ErrandEgress a, ErrandEgress b)
{
	return a != ERRAND_EGRESS_PUBLIC ? a : b;
}

/*
 * 64:ff9b:1::/48 is for a site's own translators, each with a prefix length of
 * its own choice.  Two forms are understood, the /96 that nearly all use and the
 * /48; what could be either is judged as both, what is neither is refused.
 */
static ErrandEgress
classify_local_nat64(const uint8_t *addr)
{
	uint8_t high[4] = {addr[6], addr[7], addr[9], addr[10]};

	if (memcmp(addr + 8, zeros, 4) == 0)
	{
		ErrandEgress low = classify_v4(addr + 12);

		if (memcmp(addr + 6, zeros, 2) == 0)
			return low;
		return worse(low, classify_v4(high));
	}
	if (addr[8] == 0 && memcmp(addr + 11, zeros, 5) == 0)
		return classify_v4(high);
	return ERRAND_EGRESS_RESERVED;
}

/* Both the server and the client, whose address is stored inverted. */
static ErrandEgress
classify_teredo(const uint8_t *addr)
{
	uint8_t client[4];

	for (int i = 0; i < 4; i++)
		client[i] = addr[12 + i] ^ 0xff;
	return worse(classify_v4(client), classify_v4(addr + 4));
}

static ErrandEgress
classify_v6(const uint8_t *addr)
{
	ErrandEgress egress = ERRAND_EGRESS_RESERVED;

	if (memcmp(addr, nat64_prefix, sizeof(nat64_prefix)) == 0)
		return classify_v4(addr + 12);
	if (memcmp(addr, nat64_local_prefix, sizeof(nat64_local_prefix)) == 0)
		return classify_local_nat64(addr);
	if (addr[0] == 0x20 && addr[1] == 0x02) /* 6to4 */
		return classify_v4(addr + 2);
	if (memcmp(addr, teredo_prefix, sizeof(teredo_prefix)) == 0)
		return classify_teredo(addr);

	for (size_t i = 0; i < sizeof(ranges_v6) / sizeof(ranges_v6[0]); i++)
	{
		if (same_prefix(addr, ranges_v6[i].addr, ranges_v6[i].prefix))
		{
			egress = ranges_v6[i].egress;
			break;
		}
	}

	/* "::127.0.0.1": never public, but named after what it wraps. */
	if (egress == ERRAND_EGRESS_RESERVED && memcmp(addr, zeros, 12) == 0)
		return worse(classify_v4(addr + 12), ERRAND_EGRESS_RESERVED);

	/* ISATAP: any prefix, then 0000:5efe or 0200:5efe and an IPv4 address. */
	if (egress == ERRAND_EGRESS_PUBLIC && (addr[8] & 0xfd) == 0 && addr[9] == 0 &&
		addr[10] == 0x5e && addr[11] == 0xfe)
		return classify_v4(addr + 12);
	return egress;
}

static bool
is_listed(const Endpoint *e, const ErrandCidr *allow, int n_allow)
{
	for (int i = 0; i < n_allow; i++)
	{
		if (allow[i].v4 == e->v4 && allow[i].prefix <= (e->v4 ? 32 : 128) &&
			(allow[i].port == 0 || allow[i].port == e->port) &&
			same_prefix(allow[i].addr, e->addr, allow[i].prefix))
			return true;
	}
	return false;
}

ErrandEgress
errand_policy_classify(const struct sockaddr *sa, socklen_t len, const ErrandCidr *allow,
					   int n_allow)
{
	Endpoint e;
	ErrandEgress egress;

	if (!read_sockaddr(sa, len, &e))
		return ERRAND_EGRESS_BAD_FAMILY;
	egress = e.v4 ? classify_v4(e.addr) : classify_v6(e.addr);
	if (egress != ERRAND_EGRESS_PUBLIC && is_listed(&e, allow, n_allow))
		return ERRAND_EGRESS_LISTED;
	return egress;
}

const char *
errand_egress_name(ErrandEgress egress)
{
	static const char *const names[] = {
		[ERRAND_EGRESS_PUBLIC] = "public",		   [ERRAND_EGRESS_LISTED] = "listed",
		[ERRAND_EGRESS_LOOPBACK] = "loopback",	   [ERRAND_EGRESS_PRIVATE] = "private",
		[ERRAND_EGRESS_LINK_LOCAL] = "link-local", [ERRAND_EGRESS_METADATA] = "cloud metadata",
		[ERRAND_EGRESS_MULTICAST] = "multicast",   [ERRAND_EGRESS_RESERVED] = "reserved",
		[ERRAND_EGRESS_BAD_FAMILY] = "unsupported"};
	size_t i = (size_t) egress;

	return i < sizeof(names) / sizeof(names[0]) ? names[i] : "unsupported";
}

/* Append text; false if it does not fit with its NUL. */
static bool
append(char *buf, size_t n, size_t *used, const char *text)
{
	size_t len = strlen(text);

	if (len >= n - *used)
		return false;
	memcpy(buf + *used, text, len + 1);
	*used += len;
	return true;
}

/* ":8080"; nothing for port 0.  Not snprintf(): the locale may group digits. */
static bool
append_port(char *buf, size_t n, size_t *used, uint16_t port)
{
	char text[8];
	size_t at = sizeof(text) - 1;
	unsigned int rest = port;

	text[at] = '\0';
	if (port == 0)
		return true;
	do
	{
		text[--at] = (char) ('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	text[--at] = ':';
	return append(buf, n, used, text + at);
}

bool
errand_policy_suggest(const struct sockaddr *sa, char *buf, size_t n)
{
	char address[INET6_ADDRSTRLEN];
	socklen_t len = 0;
	size_t used = 0;
	Endpoint e;

	if (n == 0)
		return false;
	buf[0] = '\0';
	if (sa == NULL)
		return false;
	if (sa->sa_family == AF_INET)
		len = sizeof(struct sockaddr_in);
	else if (sa->sa_family == AF_INET6)
		len = sizeof(struct sockaddr_in6);
	if (read_sockaddr(sa, len, &e) &&
		inet_ntop(e.v4 ? AF_INET : AF_INET6, e.addr, address, sizeof(address)) != NULL &&
		append(buf, n, &used, e.v4 ? "" : "[") && append(buf, n, &used, address) &&
		append(buf, n, &used, e.v4 ? "/32" : "]/128") && append_port(buf, n, &used, e.port))
		return true;
	buf[0] = '\0';
	return false;
}
