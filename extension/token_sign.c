/*
 * token_sign.c
 *		The door to libjwt: signing and verifying tokens, HS256 only.
 *
 * Runs in every backend and in the relay.  libjwt must never be linked: it
 * builds on jansson, whose json_object() the dynamic linker takes from the
 * server's executable, which has another function of that name; the first call
 * is a crash.  RTLD_DEEPBIND makes the libraries look among themselves first.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <jwt.h>

#include "token_sign.h"

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* where names do not collide */
#endif

#define TOKEN_MAX_BYTES 8192

static struct
{
	void *library;
	__typeof__(jwt_new) *create;
	__typeof__(jwt_free) *destroy;
	__typeof__(jwt_add_grants_json) *add_claims;
	__typeof__(jwt_set_alg) *set_algorithm;
	__typeof__(jwt_encode_str) *encode;
	__typeof__(jwt_decode) *decode;
	__typeof__(jwt_get_alg) *algorithm;
	__typeof__(jwt_get_grants_json) *claims;
} lib;

static bool
find_functions(void *library)
{
	*(void **) &lib.create = dlsym(library, "jwt_new");
	*(void **) &lib.destroy = dlsym(library, "jwt_free");
	*(void **) &lib.add_claims = dlsym(library, "jwt_add_grants_json");
	*(void **) &lib.set_algorithm = dlsym(library, "jwt_set_alg");
	*(void **) &lib.encode = dlsym(library, "jwt_encode_str");
	*(void **) &lib.decode = dlsym(library, "jwt_decode");
	*(void **) &lib.algorithm = dlsym(library, "jwt_get_alg");
	*(void **) &lib.claims = dlsym(library, "jwt_get_grants_json");
	return lib.create && lib.destroy && lib.add_claims && lib.set_algorithm && lib.encode &&
		   lib.decode && lib.algorithm && lib.claims;
}

bool
errand_jwt_load(const char **why)
{
	static const char *const names[] = {"libjwt.so.2", "libjwt.so.1", "libjwt.so.0"};

	for (size_t i = 0; i < lengthof(names) && lib.library == NULL; i++)
	{
		void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);

		if (library != NULL && find_functions(library))
			lib.library = library;
		else if (library != NULL)
			dlclose(library);
	}
	*why = lib.library == NULL ? "libjwt is not installed, or is not of version 1 or 2" : NULL;
	return lib.library != NULL;
}

char *
errand_jwt_sign(const char *claims, const char *key)
{
	const char *why;
	jwt_t *jwt = NULL;
	char *token = NULL;

	if (!errand_jwt_load(&why) || lib.create(&jwt) != 0)
		return NULL;
	if (lib.add_claims(jwt, claims) == 0 &&
		lib.set_algorithm(jwt, JWT_ALG_HS256, (const unsigned char *) key, (int) strlen(key)) == 0)
		token = lib.encode(jwt);
	lib.destroy(jwt);
	return token;
}

/*
 * Three pieces in the letters of base64url, none of them empty: libjwt 1.10
 * writes behind its memory for an empty one, and would do so for anybody.
 */
static bool
shape_is_right(const char *token)
{
	int pieces = 0;

	for (;;)
	{
		size_t len = strspn(token,
							"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

		if (len == 0)
			return false;
		pieces++;
		token += len;
		if (*token == '\0')
			return pieces == 3;
		if (*token++ != '.')
			return false;
	}
}

char *
errand_jwt_verify(const char *token, const char *key)
{
	const char *why;
	jwt_t *jwt = NULL;
	char *claims = NULL;

	if (key[0] == '\0' || !shape_is_right(token) ||
		strnlen(token, TOKEN_MAX_BYTES) == TOKEN_MAX_BYTES || !errand_jwt_load(&why))
		return NULL;
	if (lib.decode(&jwt, token, (const unsigned char *) key, (int) strlen(key)) == 0 &&
		lib.algorithm(jwt) == JWT_ALG_HS256)
		claims = lib.claims(jwt, NULL);
	if (jwt != NULL)
		lib.destroy(jwt);
	return claims;
}
