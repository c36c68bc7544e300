/*
 * token_sign.h
 *		The door to libjwt: signing and verifying tokens, HS256 only.
 *
 * Nothing here raises an error or touches palloc: what is returned is malloc's.
 */
#ifndef ERRAND_TOKEN_SIGN_H
#define ERRAND_TOKEN_SIGN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Loads the library, once a process.  False, with *why a static or long-lived
 * text, if it is not there.
 */
extern bool errand_jwt_load(const char **why);

/* A token that claims this JSON object (UTF-8), signed with the key; NULL on failure.  For free(). */
extern char *errand_jwt_sign(const char *claims, const char *key);

/*
 * The claims of a token, a JSON object in UTF-8, if it is signed by HS256 with
 * the key; NULL otherwise, whatever else it is.  Whose, until when and for what
 * it is good is the caller's to check.  For free().
 */
extern char *errand_jwt_verify(const char *token, const char *key);

#endif
