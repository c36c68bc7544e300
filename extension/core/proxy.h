/*
 * proxy.h
 *		What a proxy is written as: http://[user:password@]host:port, or
 *		socks5h:// likewise.
 */
#ifndef ERRAND_CORE_PROXY_H
#define ERRAND_CORE_PROXY_H

#include <stdbool.h>
#include <stddef.h>

/* All pointers point into the text that was split; nothing is owned or decoded. */
typedef struct ErrandProxyParts
{
	bool socks;			  /* socks5h: the proxy looks names up */
	const char *user;	  /* as written, may hold a secret://; NULL: none */
	size_t user_len;	  /* a lone secret:// is user and password together */
	const char *password; /* NULL: none */
	size_t password_len;
	const char *host; /* without brackets */
	size_t host_len;
	bool ipv6_literal;
	int port;
} ErrandProxyParts;

/* Splits a proxy; false if it cannot be one.  The port must be there. */
extern bool errand_proxy_split(const char *s, size_t len, ErrandProxyParts *out);

#endif /* ERRAND_CORE_PROXY_H */
