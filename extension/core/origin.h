/*
 * origin.h
 *		Who may talk to the relay from a web page, and under which name it may
 *		be asked: the Host and Origin of a request, and the lists in settings.
 */
#ifndef ERRAND_CORE_ORIGIN_H
#define ERRAND_CORE_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "ascii.h"

/* A host as written, without brackets, and its port; 0: none was written. */
typedef struct ErrandAuthority
{
	const char *host;
	size_t host_len;
	int port;
	bool ipv6;
} ErrandAuthority;

/* host, host:port or [v6]:port; false if it is none of them.  Points into the text. */
extern bool errand_authority_parse(const char *text, size_t len, ErrandAuthority *out);

/* "a.b.c.d, ::1, localhost, *": is every entry one of these, and is there one? */
extern bool errand_listen_list_ok(const char *list);

/* The next entry of such a list, trimmed; false at its end.  *list moves on. */
extern bool errand_list_next(const char **list, const char **item, size_t *len);

/* "https://a.example, http://b:8080": is every entry an origin?  An empty list is one. */
extern bool errand_origin_list_ok(const char *list);

/*
 * May the relay be asked under this name (the Host header)?  Loopback, the
 * address that the connection came in on (local, text), a host of the origins
 * or of the public URL.
 */
extern bool errand_host_allowed(const char *host, size_t len, const char *local,
								const char *origins, const char *public_url);

/*
 * May a page of this origin use the relay?  It is the relay's own (the scheme
 * that the relay speaks, the host and port of the Host header), or it is the
 * public URL's, or stands in the list.
 */
extern bool errand_origin_allowed(const char *origin, size_t len, const char *host, size_t host_len,
								  bool tls, const char *origins, const char *public_url);

#endif /* ERRAND_CORE_ORIGIN_H */
