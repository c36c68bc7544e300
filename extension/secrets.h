/*
 * secrets.h
 *		Secrets as backends see them: set, dropped, referred to.
 */
#ifndef ERRAND_SECRETS_H
#define ERRAND_SECRETS_H

#include "secret_refs.h"

/*
 * Raises 42704 with a hint if the payload refers to a secret that a task of
 * the current role could not use.
 */
extern void errand_secrets_check(Jsonb *payload);

#endif
