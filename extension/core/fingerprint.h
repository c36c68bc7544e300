/*
 * fingerprint.h
 *		An error without what differs between two of the same kind.
 */
#ifndef ERRAND_CORE_FINGERPRINT_H
#define ERRAND_CORE_FINGERPRINT_H

#include <stddef.h>

/*
 * Writes into out, at most size bytes with the NUL, the text with its URLs,
 * what is quoted, long ids and numbers replaced by <url>, "...", <id> and <n>,
 * and blanks put together.  Bytes beyond ASCII pass as they are; a cut may fall
 * within a character.  Returns the length.
 */
extern size_t errand_fingerprint(const char *text, size_t len, char *out, size_t size);

#endif /* ERRAND_CORE_FINGERPRINT_H */
