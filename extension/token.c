/*
 * token.c
 *		errand.issue_token(), revoke_token(), dashboard_url(): what the relay
 *		lets a client in by.
 *
 * Runs in every backend.  A token says who (sub), where (aud), at most what
 * (level, channels), and until when (exp); what counts in the end is what the
 * role was granted when the token is used.  It must never show the key, nor
 * sign for a role whose rights the caller does not have.
 */
#include "postgres.h"

#include "call.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "level.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "settings.h"
#include "token_sign.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(errand_issue_token);
PG_FUNCTION_INFO_V1(errand_revoke_token);
PG_FUNCTION_INFO_V1(errand_dashboard_url);
PG_FUNCTION_INFO_V1(errand_level_cap_name);
PG_FUNCTION_INFO_V1(errand_level_name_sql);

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)
#define TTL_MAX_S INT64CONST(31622400) /* 366 days */
#define MAX_CHANNELS 64
#define TOKEN_MAX 3000 /* it must fit into a header */

typedef struct Token
{
	Oid role;
	ErrandLevel level;
	Datum *channels;
	int n_channels;
	int64 ttl_s;
} Token;

static int64
now_s(void)
{
	return GetCurrentTimestamp() / USECS_PER_SEC +
		   (int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

static void
require_secret(void)
{
	const char *why;

	if (errand_token_key[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("there is no key to sign tokens with"),
						errhint("A superuser sets it once: ALTER SYSTEM SET errand.token_secret = '...', "
								"with what \"openssl rand -hex 32\" prints, then SELECT pg_reload_conf().")));
	if (!errand_jwt_load(&why))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("tokens cannot be signed: %s", why),
						errhint("Install it; on Debian the package is libjwt0.")));
}

static int64
ttl_arg(FunctionCallInfo fcinfo, int arg)
{
	Interval *i = PG_ARGISNULL(arg) ? NULL : PG_GETARG_INTERVAL_P(arg);
	double s = i == NULL ? 0 :
						   (double) i->time / USECS_PER_SEC +
							   (i->day + i->month * 30.0) * (double) SECS_PER_DAY;

	if (s < 1 || s > TTL_MAX_S)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the token's time to live is out of range"),
						errhint("It must lie between 1 second and 366 days.")));
	return (int64) s;
}

/* A whole number that could be an id. */
static bool
is_id(const char *s)
{
	return s[0] >= '1' && s[0] <= '9' && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 19;
}

static bool
is_channel(const char *c)
{
	const char *name = strchr(c, ':');

	if (strcmp(c, "*") == 0 || strcmp(c, "tasks") == 0 || strcmp(c, "stats") == 0)
		return true;
	if (name == NULL || name[1] == '\0' || strlen(c) > 1000)
		return false;
	for (const unsigned char *p = (const unsigned char *) c; *p; p++)
	{
		if (*p < 0x20 || *p == 0x7f)
			return false;
	}
	name++;
	if (strncmp(c, "task:", 5) == 0 || strncmp(c, "group:", 6) == 0)
		return is_id(name);
	return strncmp(c, "queue:", 6) == 0 || strncmp(c, "source:", 7) == 0 ||
		   strncmp(c, "notify:", 7) == 0;
}

static void
channels_arg(FunctionCallInfo fcinfo, int arg, Token *t)
{
	bool *nulls;

	if (PG_ARGISNULL(arg))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the channels must not be NULL"),
						errhint("ARRAY['tasks'] is the default.")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT, &t->channels,
					  &nulls, &t->n_channels);
	if (t->n_channels > MAX_CHANNELS)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("a token has at most %d channels", MAX_CHANNELS),
						errhint("Use wildcards such as notify:*, or more tokens.")));
	for (int i = 0; i < t->n_channels; i++)
	{
		if (nulls[i] || !is_channel(TextDatumGetCString(t->channels[i])))
			ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" is not a channel", nulls[i] ? "NULL" : TextDatumGetCString(t->channels[i])),
							errhint("Channels are tasks, task:ID, queue:NAME, group:ID, stats, source:NAME, notify:CHANNEL, "
									"the wildcards source:* and notify:*, and * for all.")));
	}
}

/* A token lets its holder act as the role: only who could do so anyway may sign it. */
static void
check_role(const Token *t)
{
	if (t->level == ERRAND_LEVEL_MONITOR || has_privs_of_role(GetUserId(), t->role))
		return;
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					errmsg("permission denied to issue a token that can act as \"%s\"", GetUserNameFromId(t->role, false)),
					errhint("Be a member of that role, ask a superuser, or issue one of the level \"monitor\".")));
}

static void
append_uuid(StringInfo s)
{
	uint8 b[16];

	if (!pg_strong_random(b, sizeof(b)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++)
		appendStringInfo(s, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
}

/* What the token claims, as JSON in UTF-8. */
static char *
claims(const Token *t)
{
	StringInfoData s;
	int64 now = now_s();

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"aud\":");
	escape_json(&s, get_database_name(MyDatabaseId));
	appendStringInfoString(&s, ",\"sub\":");
	escape_json(&s, GetUserNameFromId(t->role, false));
	appendStringInfo(&s, ",\"level\":\"%s\",\"channels\":[", errand_level_name(t->level));
	for (int i = 0; i < t->n_channels; i++)
	{
		if (i > 0)
			appendStringInfoChar(&s, ',');
		escape_json(&s, TextDatumGetCString(t->channels[i]));
	}
	appendStringInfo(&s, "],\"iat\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT ",\"jti\":\"", now,
					 now + t->ttl_s);
	append_uuid(&s);
	appendStringInfoString(&s, "\"}");
	return pg_server_to_any(s.data, s.len, PG_UTF8);
}

static char *
sign(const Token *t)
{
	char *json = claims(t);
	char *signed_token = errand_jwt_sign(json, errand_token_key);
	char *token = NULL;
	size_t len = signed_token != NULL ? strlen(signed_token) : 0;

	if (len > 0 && len <= TOKEN_MAX)
		token = pstrdup(signed_token);
	free(signed_token);
	if (len == 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("the token could not be signed")));
	if (token == NULL)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the token would be too long for a header"),
						errhint("Name fewer channels, or use wildcards.")));
	return token;
}

Datum
errand_issue_token(PG_FUNCTION_ARGS)
{
	Token t = {0};

	errand_enter();
	errand_require("admin");
	require_secret();
	if (PG_ARGISNULL(0))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the role must not be NULL"), errhint("Name a database role.")));
	t.level = errand_level_parse(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (t.level == ERRAND_LEVEL_NONE)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("unknown level"),
						errhint("The levels are submit, monitor and admin.")));
	t.role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	check_role(&t);
	channels_arg(fcinfo, 2, &t);
	t.ttl_s = ttl_arg(fcinfo, 3);
	PG_RETURN_TEXT_P(cstring_to_text(sign(&t)));
}

/* A claim of a token that is given whole; NULL if it has none. */
static char *
claim_of(Jsonb *claims, const char *name)
{
	JsonbValue key = {.type = jbvString};
	JsonbValue *v;

	key.val.string.val = (char *) name;
	key.val.string.len = strlen(name);
	v = findJsonbValueFromContainer(&claims->root, JB_FOBJECT, &key);
	if (v == NULL || (v->type != jbvString && v->type != jbvNumeric))
		return NULL;
	if (v->type == jbvString)
		return pnstrdup(v->val.string.val, v->val.string.len);
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
}

/* The name of a token that is given whole, and when it expires. */
static char *
read_token(const char *token, int64 *expires)
{
	char *claims = errand_jwt_verify(token, errand_token_key);
	char *copy = claims != NULL ? pg_any_to_server(pstrdup(claims), strlen(claims), PG_UTF8) : NULL;
	char *jti = NULL;
	char *exp = NULL;

	free(claims);
	if (copy != NULL)
	{
		Jsonb *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(copy)));

		jti = claim_of(json, "jti");
		exp = claim_of(json, "exp");
	}
	if (jti == NULL || exp == NULL)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("that is not a token of this server's"),
						errhint("Give a token that errand.issue_token() returned, or its jti.")));
	*expires = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(exp)));
	return jti;
}

Datum
errand_revoke_token(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	char *given;
	char *jti;
	int64 expires = now_s() + TTL_MAX_S;
	bool isnull;

	errand_enter();
	errand_require("admin");
	given = PG_ARGISNULL(0) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (strchr(given, '.') != NULL)
	{
		require_secret();
		jti = read_token(given, &expires);
	}
	else
		jti = given;
	if (jti[0] == '\0' || strlen(jti) > 100)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the token's jti must have 1 to 100 bytes"),
						errhint("Give a token that errand.issue_token() returned, or its jti.")));
	errand_arg_text(&a, jti);
	errand_arg(&a, TimestampTzGetDatum(time_t_to_timestamptz((pg_time_t) expires)));
	errand_arg(&a, TimestampTzGetDatum(GetCurrentTimestamp()));
	PG_RETURN_BOOL(DatumGetBool(errand_call("_token_revoke", &a, &isnull)));
}

/* Where the relay is reached; the settings of its own are defined with it. */
static char *
base_url(void)
{
	const char *port = GetConfigOption("errand.port", true, false);
	const char *address = GetConfigOption("errand.listen_address", true, false);
	const char *certificate = GetConfigOption("errand.tls_cert", true, false);
	int len = strlen(errand_public_url);

	while (len > 0 && errand_public_url[len - 1] == '/')
		len--;
	if (len > 0)
		return pnstrdup(errand_public_url, len);
	if (port == NULL || strcmp(port, "0") == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the relay is off"),
						errhint("A superuser starts it: ALTER SYSTEM SET errand.port = 8722, then SELECT pg_reload_conf().")));
	if (address == NULL || address[0] == '\0' || strcmp(address, "*") == 0 ||
		strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)
		address = "localhost";
	return psprintf(strchr(address, ':') != NULL ? "%s://[%s]:%s" : "%s://%s:%s",
					certificate != NULL && certificate[0] != '\0' ? "https" : "http", address,
					port);
}

Datum
errand_dashboard_url(PG_FUNCTION_ARGS)
{
	Datum all[] = {CStringGetTextDatum("tasks"), CStringGetTextDatum("source:*")};
	Token t = {.role = GetUserId(), .channels = all, .n_channels = lengthof(all)};
	char *base;

	errand_enter();
	if (!errand_may("admin"))
		errand_require("monitor");
	t.level = errand_may("admin") ? ERRAND_LEVEL_ADMIN : ERRAND_LEVEL_MONITOR;
	t.ttl_s = ttl_arg(fcinfo, 0);
	base = base_url();
	require_secret();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s/#token=%s", base, sign(&t))));
}

Datum
errand_level_cap_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(errand_level_name(errand_level_cap)));
}

Datum
errand_level_name_sql(PG_FUNCTION_ARGS)
{
	for (ErrandLevel l = ERRAND_LEVEL_ADMIN; l > ERRAND_LEVEL_NONE; l--)
	{
		if (errand_may(errand_level_name(l)))
			PG_RETURN_TEXT_P(cstring_to_text(errand_level_name(l)));
	}
	PG_RETURN_NULL();
}

#ifdef ERRAND_FAULTS
PG_FUNCTION_INFO_V1(errand_level_cap_set);

/* Test builds: lowers the cap of this session, as the relay does around its calls. */
Datum
errand_level_cap_set(PG_FUNCTION_ARGS)
{
	errand_level_cap = errand_level_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	PG_RETURN_VOID();
}
#endif
