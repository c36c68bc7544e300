/*
 * token.c
 *		Reads tokens: JWT, signed with HS256 and errand.token_secret.
 *
 * Runs in the relay, also in callbacks: it must never throw.  libjwt compares
 * signatures in constant time; any other algorithm is refused after that, so
 * that a token cannot choose how it is checked.
 */
#include "postgres.h"

#include <jansson.h>
#include <jwt.h>

#include "base/clock.h"
#include "datatype/timestamp.h"
#include "relay/text.h"
#include "relay/token.h"
#include "settings.h"

#define TOKEN_BYTES 4096
#define CHANNELS_MAX 64

static ErrandLink principals = {&principals, &principals};
static char audience[NAMEDATALEN];

void
relay_token_init(const char *database)
{
	strlcpy(audience, database, sizeof(audience));
}

ErrandLink *
relay_principals(void)
{
	return &principals;
}

RelayPrincipal *
relay_principal_keep(RelayPrincipal *p)
{
	p->refs++;
	return p;
}

void
relay_principal_drop(RelayPrincipal *p)
{
	if (p == NULL || --p->refs > 0)
		return;
	errand_list_remove(&p->node);
	for (int i = 0; i < p->n_channels; i++)
		free(p->channel[i]);
	free(p->channel);
	free(p->channels);
	free(p->sub);
	free(p->jti);
	free(p);
}

static int64
unix_now(void)
{
	return errand_clock_now() / USECS_PER_SEC +
		   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400);
}

int64
relay_principal_left(const RelayPrincipal *p)
{
	return Max(0, p->expires - unix_now());
}

/* The elements of the array; false if it is no array of strings, or too long. */
static bool
channels_read(RelayPrincipal *p)
{
	json_t *array = json_loads(p->channels, 0, NULL);
	size_t n = json_array_size(array);
	bool good = json_is_array(array) && n <= CHANNELS_MAX;

	p->channel = good ? calloc(n + 1, sizeof(char *)) : NULL;
	good = p->channel != NULL;
	for (size_t i = 0; i < n && good; i++)
	{
		const char *s = json_string_value(json_array_get(array, i));

		good = s != NULL && (p->channel[i] = strdup(s)) != NULL;
		p->n_channels += good;
	}
	json_decref(array);
	return good;
}

static bool
same(const RelayPrincipal *a, const RelayPrincipal *b)
{
	return strcmp(a->jti, b->jti) == 0 && strcmp(a->sub, b->sub) == 0 &&
		   strcmp(a->channels, b->channels) == 0 && a->token_level == b->token_level &&
		   a->expires == b->expires;
}

/* The one that is known already, or this one. */
static RelayPrincipal *
principal_unite(RelayPrincipal *p)
{
	for (ErrandLink *l = principals.next; l != &principals; l = l->next)
	{
		RelayPrincipal *known = errand_container(l, RelayPrincipal, node);

		if (!same(known, p))
			continue;
		relay_principal_drop(p);
		return relay_principal_keep(known);
	}
	errand_list_push(&principals, &p->node);
	return p;
}

static char *
copy(const char *s)
{
	return s != NULL ? strdup(s) : NULL;
}

/* The claims of a token whose signature is good. */
static RelayPrincipal *
claims_read(jwt_t *jwt, const char **why)
{
	const char *aud = jwt_get_grant(jwt, "aud");
	const char *level = jwt_get_grant(jwt, "level");
	RelayPrincipal *p = calloc(1, sizeof(RelayPrincipal));

	*why = "the token is not complete";
	if (p == NULL)
		return NULL;
	errand_list_init(&p->node);
	p->refs = 1;
	p->sub = copy(jwt_get_grant(jwt, "sub"));
	p->jti = copy(jwt_get_grant(jwt, "jti"));
	p->channels = jwt_get_grants_json(jwt, "channels");
	p->token_level = level != NULL ? relay_level_of(level) : RELAY_NOTHING;
	p->expires = jwt_get_grant_int(jwt, "exp");
	if (aud == NULL || strcmp(aud, audience) != 0)
		*why = "the token is for another database";
	else if (p->expires > 0 && relay_principal_left(p) == 0)
		*why = "the token has expired";
	else if (p->sub != NULL && p->jti != NULL && p->token_level != RELAY_NOTHING &&
			 p->channels != NULL && p->expires > 0 && channels_read(p))
		return principal_unite(p);
	relay_principal_drop(p);
	return NULL;
}

RelayPrincipal *
relay_token_check(const char *token, size_t len, const char **why)
{
	RelayPrincipal *p = NULL;
	char text[TOKEN_BYTES];
	jwt_t *jwt = NULL;

	*why = "the token is not valid";
	if (errand_token_key[0] == '\0' || len == 0 || len >= sizeof(text) ||
		memchr(token, '\0', len) != NULL)
		return NULL;
	memcpy(text, token, len);
	text[len] = '\0';
	if (jwt_decode(&jwt, text, (const unsigned char *) errand_token_key,
				   (int) strlen(errand_token_key)) != 0)
		return NULL;
	if (jwt_get_alg(jwt) == JWT_ALG_HS256)
		p = claims_read(jwt, why);
	jwt_free(jwt);
	return p;
}

/* "tasks" covers what tells of tasks; "source:*", "notify:*" and "*" are wildcards. */
static bool
covers(const char *entry, const char *channel)
{
	size_t len = strlen(entry);

	if (strcmp(entry, "*") == 0 || strcmp(entry, channel) == 0)
		return true;
	if (strcmp(entry, "tasks") == 0)
		return strcmp(channel, "stats") == 0 || strncmp(channel, "task:", 5) == 0 ||
			   strncmp(channel, "queue:", 6) == 0 || strncmp(channel, "group:", 6) == 0;
	return (strcmp(entry, "source:*") == 0 || strcmp(entry, "notify:*") == 0) &&
		   strncmp(entry, channel, len - 1) == 0;
}

bool
relay_principal_channel(const RelayPrincipal *p, const char *channel)
{
	bool monitor = strcmp(channel, "stats") == 0 || strncmp(channel, "source:", 7) == 0;

	if (p->level == RELAY_NOTHING || (monitor && (p->level & RELAY_MONITOR) == 0))
		return false;
	for (int i = 0; i < p->n_channels; i++)
	{
		if (covers(p->channel[i], channel))
			return true;
	}
	return false;
}
