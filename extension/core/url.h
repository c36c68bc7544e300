/*
 * url.h
 *		Which URLs a task may ask for, and where their parts lie.
 *
 * The grammar is stricter than RFC 3986 on purpose.  Where two parsers could
 * disagree about which host a URL names, it is refused: that disagreement is
 * how egress checks are got round.  The check runs at submit, and again before
 * each request and redirect hop.
 */
#ifndef ERRAND_CORE_URL_H
#define ERRAND_CORE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRAND_URL_MAX_LENGTH 8192
#define ERRAND_HOST_MAX_LENGTH 253

typedef enum ErrandUrlCheck
{
	ERRAND_URL_OK = 0,
	ERRAND_URL_EMPTY,
	ERRAND_URL_TOO_LONG, /* more than ERRAND_URL_MAX_LENGTH bytes */
	ERRAND_URL_CONTROL,	 /* NUL, CR, LF, tab, any other control */
	ERRAND_URL_BLANK,
	ERRAND_URL_BACKSLASH,  /* browsers read it as a slash, curl does not */
	ERRAND_URL_BAD_SCHEME, /* neither http nor https */
	ERRAND_URL_NO_SLASHES, /* no "//" after the scheme */
	ERRAND_URL_USERINFO,   /* "user@", "user:password@" */
	ERRAND_URL_EMPTY_HOST,
	ERRAND_URL_BAD_HOST,	  /* a byte or a form no host name has */
	ERRAND_URL_HOST_TOO_LONG, /* the name, or one label of it */
	ERRAND_URL_BAD_IPV4,	  /* ends in a number but is no address */
	ERRAND_URL_BAD_IPV6,	  /* what stands in the brackets */
	ERRAND_URL_ZONE_ID,		  /* "[fe80::1%eth0]" */
	ERRAND_URL_BAD_PORT,	  /* empty, no number, 0, over 65535 */
	ERRAND_URL_AMBIGUOUS	  /* "@" after a host ended by "?" or "#" */
} ErrandUrlCheck;

/* All pointers point into the URL that was split; nothing is owned. */
typedef struct ErrandUrlParts
{
	const char *host; /* as written, without brackets */
	size_t host_len;
	bool ipv6_literal; /* the host stood in brackets */
	int port;		   /* 1..65535; 80 or 443 where none was written */
	bool https;
	const char *path; /* with the query, without the fragment; empty,
								 * or begins with "/" or "?" */
	size_t path_len;
} ErrandUrlParts;

/*
 * Is this a URL that a task may ask for?
 *
 * url, len: any bytes, NUL and invalid UTF-8 included; need not be terminated;
 * url may be NULL only if len is 0.  Returns ERRAND_URL_OK or the first reason
 * found.  Bytes from 0x80 up are accepted after the host only.
 */
extern ErrandUrlCheck errand_url_check(const char *url, size_t len);

/*
 * The reason as a fragment for a message, like "it contains user information".
 * A static string, never NULL, for any value.
 */
extern const char *errand_url_reason(ErrandUrlCheck check);

/*
 * Split a URL.  Checks it first: returns false, leaving *out alone, for
 * whatever errand_url_check() refuses.  Host and path are not decoded.
 */
extern bool errand_url_split(const char *url, size_t len, ErrandUrlParts *out);

/*
 * Does this host (as errand_url_split() gives it) name an IPv4 address, in any
 * form that inet_aton() and curl take: "127.0.0.1", "127.1", "2130706433",
 * "0x7f.1", "017700000001"?  If so *address is set, in host byte order, and no
 * look-up is needed: curl would connect to that very address.
 */
extern bool errand_host_ipv4(const char *host, size_t len, uint32_t *address);

#endif /* ERRAND_CORE_URL_H */
