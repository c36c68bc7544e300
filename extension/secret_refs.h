/*
 * secret_refs.h
 *		Where references to secrets count in the payload of an HTTP task.
 */
#ifndef ERRAND_SECRET_REFS_H
#define ERRAND_SECRET_REFS_H

#include "postgres.h"

#include "core/secret.h"
#include "utils/jsonb.h"

/* What a string of the payload becomes, which says what a value may hold there. */
typedef enum ErrandSecretPlace
{
	ERRAND_SECRET_NOWHERE, /* sent as it is written */
	ERRAND_SECRET_URL,
	ERRAND_SECRET_HEADER,
	ERRAND_SECRET_AUTH,
	ERRAND_SECRET_PAIR, /* params and form: they are percent-encoded */
	ERRAND_SECRET_COOKIE,
	ERRAND_SECRET_BODY
} ErrandSecretPlace;

/* The place of what stands under this key of the payload. */
extern ErrandSecretPlace errand_secret_place(const char *key, int len);

/* Whether there may be a reference: quick, and right if it says no. */
extern bool errand_secret_possible(const Jsonb *payload);

/* The names of all references in a payload, each once; palloc'd. */
extern char **errand_secret_names(Jsonb *payload, int *n);

#endif
