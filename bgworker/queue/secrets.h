/*
 * secrets.h
 *		The values of the secrets that tasks and settings refer to.
 */
#ifndef ERRAND_QUEUE_SECRETS_H
#define ERRAND_QUEUE_SECRETS_H

#include "queue/run.h"

typedef struct ErrandSecret
{
	char *name;
	char *value; /* NULL: there is none for the task's owner any more */
} ErrandSecret;

/*
 * Gives runs that were just claimed the secrets that their payloads refer to,
 * in the claim's transaction.  Replaces the last result of the SQL door.
 */
extern void errand_secrets_fetch(ErrandRun **runs, int n);

/* Overwrites a run's values; before its memory goes. */
extern void errand_secrets_wipe(ErrandRun *r);

/* The secret of this name that the run was given, or NULL. */
extern const ErrandSecret *errand_secrets_find(const ErrandRun *r, const char *name, size_t len);

/*
 * A setting of the administrator's with the values of the secrets it refers
 * to: shared ones, or a superuser's own.  Within a transaction of ours.
 * palloc'd (explicit_bzero it after use); NULL and *missing set to the name,
 * palloc'd, if there is no such secret.  Replaces the last result of the SQL
 * door.
 */
extern char *errand_secret_setting(const char *text, size_t len, char **missing);

#endif
