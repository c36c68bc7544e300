/*
 * charset.h
 *		What characters bytes stand for: names of charsets, UTF-16, windows-1252.
 *
 * All functions accept any bytes, and take time in proportion to their number.
 */
#ifndef ERRAND_CORE_CHARSET_H
#define ERRAND_CORE_CHARSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRAND_CHARSET_BYTES 40

/*
 * The charset of a document in lower case, "utf-8" if nothing says another: by
 * its byte order mark, the Content-Type header (may be NULL), or its XML
 * declaration.  *skip: so many bytes are the mark.
 */
extern void errand_charset_find(const char *s, size_t len, const char *content_type, size_t *skip,
								char name[ERRAND_CHARSET_BYTES]);

/* Whether the charset is read as windows-1252, as browsers do: latin1 and ASCII, too. */
extern bool errand_charset_is_western(const char *name);

/* Writes a character as UTF-8; returns how many bytes, at most 4. */
extern size_t errand_utf8_put(uint32_t c, char *out);

/* Room for 3 bytes for each 2; what is no pair becomes U+FFFD.  Returns the length. */
extern size_t errand_utf16_to_utf8(const char *s, size_t len, bool big_endian, char *out);

/* The character of a byte of windows-1252. */
extern uint32_t errand_western_char(unsigned char byte);

/* Room for 3 bytes for each.  Returns the length. */
extern size_t errand_western_to_utf8(const char *s, size_t len, char *out);

#endif /* ERRAND_CORE_CHARSET_H */
