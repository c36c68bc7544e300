/*
 * secret.h
 *		References to secrets: "secret://name", anywhere in a text.
 */
#ifndef ERRAND_CORE_SECRET_H
#define ERRAND_CORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#define ERRAND_SECRET_PREFIX "secret://"
#define ERRAND_SECRET_NAME_MAX 100	 /* bytes */
#define ERRAND_SECRET_VALUE_MAX 4096 /* bytes */

/* Where in a text a reference lies; name points into the text. */
typedef struct ErrandSecretRef
{
	size_t start;
	size_t end; /* behind its last byte */
	const char *name;
	size_t name_len; /* at least 1; more than the longest name if somebody wrote so */
} ErrandSecretRef;

/* A secret's name: 1 to 100 of A-Z, a-z, 0-9, "_", "." and "-". */
extern bool errand_secret_name_ok(const char *name, size_t len);

/*
 * The first reference at or behind "from".  A name goes on as long as its
 * characters do; "secret://" with none behind it is no reference.  Any bytes;
 * they need not be terminated.
 */
extern bool errand_secret_next(const char *s, size_t len, size_t from, ErrandSecretRef *ref);

#endif /* ERRAND_CORE_SECRET_H */
