/*
 * header.h
 *		The grammar of HTTP header names, values and methods, and which headers
 *		a task may not set or must not carry to another host.
 *
 * All functions accept any bytes; s may be NULL only if len is 0.
 */
#ifndef ERRAND_CORE_HEADER_H
#define ERRAND_CORE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

/* An RFC 9110 token, at least one byte long: header names and methods. */
extern bool errand_is_token(const char *s, size_t len);

/*
 * May these bytes be a header's value?  No CR, LF, NUL, no other control
 * character but the tab.  Empty is fine; so are bytes from 0x80 up.
 */
extern bool errand_header_value_ok(const char *s, size_t len);

/*
 * Is it a header that only the engine may set: Host, Content-Length,
 * Transfer-Encoding, Connection, Upgrade, Expect, Keep-Alive, TE, Trailer and
 * all of Proxy-*?  Case is ignored, and "_" counts as "-", since many servers
 * fold the two.
 */
extern bool errand_header_forbidden(const char *name, size_t len);

/*
 * Does a header of this name carry a secret?  Those are dropped when a redirect
 * leads to another host, and hidden where requests are shown.  Names the known
 * ones and whatever says token, secret, password, credential, cookie, api key
 * or signature in its name: it errs towards dropping.
 */
extern bool errand_header_is_credential(const char *name, size_t len);

/*
 * A W3C traceparent of version 00: "00-<32 hex>-<16 hex>-<2 hex>", lower case,
 * neither id all zero.
 */
extern bool errand_traceparent_ok(const char *s, size_t len);

#endif /* ERRAND_CORE_HEADER_H */
