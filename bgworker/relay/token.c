/*
 * token.c
 *		Reads tokens: JWT, signed with HS256 and errand.token_secret.
 *
 * Runs in the relay, also in callbacks: it must never throw.  libjwt, behind
 * token_sign.c, compares signatures in constant time, and takes HS256 alone.
 */
#include "postgres.h"

#include "base/clock.h"
#include "core/http_head.h"
#include "core/json_read.h"
#include "datatype/timestamp.h"
#include "relay/text.h"
#include "relay/token.h"
#include "settings.h"
#include "token_sign.h"

#define TOKEN_BYTES 4096
#define CHANNEL_BYTES 1024 /* of a claim or a channel */

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

int64
relay_token_now(void)
{
	return errand_clock_now() / USECS_PER_SEC +
		   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * INT64CONST(86400);
}

/* The elements of the array, and all of it as one text; false if it is no array of strings. */
static bool
channels_read(RelayPrincipal *p, const ErrandJson *j, int array, const char **why)
{
	char one[CHANNEL_BYTES];
	RelayText text = {0};
	int n;
	bool good = true;

	if (array < 0 || j->piece[array].type != ERRAND_JSON_ARRAY)
		return false;
	n = j->piece[array].n;
	p->channel = calloc((size_t) n + 1, sizeof(char *));
	for (int i = 0; i < n && good && p->channel != NULL; i++)
	{
		good = errand_json_string(j, array + 1 + i, one, sizeof(one));
		if (good && (p->channel[i] = strdup(one)) == NULL)
		{
			*why = relay_no_memory;
			break;
		}
		p->n_channels += good;
		relay_text_json(&text, one, strlen(one));
	}
	relay_text(&text, "");
	p->channels = text.b.data != NULL ? text.b.data : strdup("");
	if (text.failed || p->channel == NULL || p->channels == NULL)
		*why = relay_no_memory;
	return good && *why != relay_no_memory;
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

/* A claim that is a string, copied; NULL if it is none, or if memory is out: *why says so. */
static char *
claim(const ErrandJson *j, const char *name, const char **why)
{
	char *copy;
	char text[CHANNEL_BYTES];

	if (!errand_json_string(j, errand_json_member(j, 0, name), text, sizeof(text)) ||
		text[0] == '\0')
		return NULL;
	copy = strdup(text);
	if (copy == NULL)
		*why = relay_no_memory;
	return copy;
}

static bool
claim_is(const ErrandJson *j, const char *name, const char *value)
{
	char text[CHANNEL_BYTES];

	return errand_json_string(j, errand_json_member(j, 0, name), text, sizeof(text)) &&
		   strcmp(text, value) == 0;
}

/* The claims of a token whose signature is good. */
static RelayPrincipal *
claims_read(const ErrandJson *j, const char **why)
{
	RelayPrincipal *p = calloc(1, sizeof(RelayPrincipal));
	char level[16] = "";
	long long expires = 0;
	long long begins = 0;

	*why = relay_no_memory;
	if (p == NULL)
		return NULL;
	*why = "the token is not complete";
	errand_list_init(&p->node);
	p->refs = 1;
	p->sub = claim(j, "sub", why);
	p->jti = claim(j, "jti", why);
	(void) errand_json_string(j, errand_json_member(j, 0, "level"), level, sizeof(level));
	p->token_level = errand_level_parse(level);
	(void) errand_json_int(j, errand_json_member(j, 0, "exp"), &expires);
	p->expires = expires;
	(void) errand_json_int(j, errand_json_member(j, 0, "nbf"), &begins);
	if (begins > relay_token_now())
		*why = "the token is not valid yet";
	else if (!claim_is(j, "aud", audience))
		*why = "the token is for another database";
	else if (expires > 0 && p->expires <= relay_token_now())
		*why = "the token has expired";
	else if (p->sub != NULL && p->jti != NULL && p->token_level != ERRAND_LEVEL_NONE &&
			 expires > 0 && channels_read(p, j, errand_json_member(j, 0, "channels"), why))
		return principal_unite(p);
	relay_principal_drop(p);
	return NULL;
}

RelayPrincipal *
relay_token_check(const char *token, size_t len, const char **why)
{
	static ErrandJson json; /* large */
	RelayPrincipal *p = NULL;
	char text[TOKEN_BYTES];
	char *claims;

	*why = "the token is not valid";
	if (len == 0 || len >= sizeof(text) || memchr(token, '\0', len) != NULL)
		return NULL;
	memcpy(text, token, len);
	text[len] = '\0';
	claims = errand_jwt_verify(text, errand_token_key);
	if (claims != NULL && errand_utf8_ok(claims, strlen(claims)) &&
		errand_json_read(claims, strlen(claims), &json))
		p = claims_read(&json, why);
	free(claims);
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
	bool monitor = strcmp(channel, "stats") == 0;

	if (p->level == ERRAND_LEVEL_NONE ||
		(monitor && !errand_level_includes(p->level, ERRAND_LEVEL_MONITOR)))
		return false;
	for (int i = 0; i < p->n_channels; i++)
	{
		if (covers(p->channel[i], channel))
			return true;
	}
	return false;
}
