/*
 * retry_after.h
 *		Reading the Retry-After header (RFC 9110, 10.2.3).
 */
#ifndef ERRAND_CORE_RETRY_AFTER_H
#define ERRAND_CORE_RETRY_AFTER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Milliseconds to wait from now: 0..86400000 (24 h, where longer waits end), or
 * -1 if the value cannot be read.
 *
 * value, len: any bytes from a server; blanks around it are ignored.  Either
 * seconds ("120") or one of the three forms of HTTP-date; a date in the past
 * gives 0.  now_unix_ms: the wall clock, milliseconds since 1970 in UTC.
 */
extern int64_t errand_retry_after_ms(const char *value, size_t len, int64_t now_unix_ms);

#endif /* ERRAND_CORE_RETRY_AFTER_H */
