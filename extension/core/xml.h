/*
 * xml.h
 *		Makes XML of the wild readable for a strict parser.
 */
#ifndef ERRAND_CORE_XML_H
#define ERRAND_CORE_XML_H

#include <stdbool.h>
#include <stddef.h>

/* How much room errand_xml_clean() may need. */
extern size_t errand_xml_clean_room(const char *s, size_t len);

/*
 * Copies UTF-8 text to out: without its declaration, a DOCTYPE, comments and
 * control characters; named characters of HTML are written out, numbers of
 * characters that cannot be are put right, and an ampersand that begins nothing
 * is escaped.  CDATA sections stay as they are.  Returns the length.  *refused:
 * it declares entities of its own, and is not to be parsed.
 */
extern size_t errand_xml_clean(const char *s, size_t len, char *out, bool *refused);

#endif /* ERRAND_CORE_XML_H */
