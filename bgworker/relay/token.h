/*
 * token.h
 *		Who a connection is: the claims of its token, and what the database says
 *		of them.
 */
#ifndef ERRAND_RELAY_TOKEN_H
#define ERRAND_RELAY_TOKEN_H

#include "postgres.h"

#include "level.h"
#include "net/list.h"

/* One for all connections with the same claims. */
typedef struct RelayPrincipal
{
	ErrandLink node; /* of all */
	int refs;
	char *sub; /* the database role's name */
	char *jti;
	char **channel; /* those that the token names */
	char *channels; /* all of them in one text, to compare */
	int n_channels;
	ErrandLevel token_level;
	int64 expires; /* seconds since 1970 */

	/* What the database said last; nothing before it was asked. */
	bool valid; /* the role is there, and the token was not revoked */
	Oid role;
	ErrandLevel level; /* what token and grant have in common */
} RelayPrincipal;

/*
 * Checks a token's signature, algorithm, audience (the database's name) and
 * expiry.  NULL, and *why, if it is not good.  The caller owns a reference.
 */
extern RelayPrincipal *relay_token_check(const char *token, size_t len, const char **why);

/* Takes the database's name for the audience; once. */
extern void relay_token_init(const char *database);

extern RelayPrincipal *relay_principal_keep(RelayPrincipal *p);
extern void relay_principal_drop(RelayPrincipal *p); /* NULL is let pass */

/* Seconds since 1970, as expires counts them. */
extern int64 relay_token_now(void);

/* Whether its token lets it follow this channel, given what it may do. */
extern bool relay_principal_channel(const RelayPrincipal *p, const char *channel);

/* All that are in use, for the check of open connections. */
extern ErrandLink *relay_principals(void);

#endif
