/*
 * link.h
 *		Link headers (RFC 8288): where the next page is.
 */
#ifndef ERRAND_CORE_LINK_H
#define ERRAND_CORE_LINK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The target of the first link in the value of a Link header that has the
 * relation rel (lower case), as it stands between its angle brackets; NULL if
 * there is none.  value, len: any bytes, need not be terminated.
 */
extern const char *
errand_link_find(const char *value, size_t len, const char *rel, size_t *target_len);

#endif /* ERRAND_CORE_LINK_H */
