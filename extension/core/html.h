/*
 * html.h
 *		The title of an HTML page.
 *
 * All functions accept any bytes, and take time in proportion to their number.
 */
#ifndef ERRAND_CORE_HTML_H
#define ERRAND_CORE_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRAND_HTML_ENTITY_LONGEST 8

/* The character that a name such as "amp" stands for; 0: none is known. */
extern uint32_t errand_html_entity(const char *s, size_t len);

/*
 * Finds the first title element, as a browser would: not in a comment, a
 * script, a style, an attribute or a picture.  Its text goes to out, which has
 * room for len bytes: entities decoded, runs of white space as one blank, none
 * at the ends.  utf8: characters beyond ASCII are written as UTF-8; else "?".
 * Returns false if there is none, or none that is closed.
 */
extern bool errand_html_title(const char *s, size_t len, bool utf8, char *out, size_t *out_len);

#endif /* ERRAND_CORE_HTML_H */
