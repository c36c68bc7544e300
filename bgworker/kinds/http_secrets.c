/*
 * http_secrets.c
 *		Puts the values of secrets into a request, right before it is sent.
 *
 * Runs in worker processes.  A value is checked like what was checked at
 * submit: it must not end a header, a cookie or the path of a URL.  No message
 * here may hold a value: they name the secret.
 */
#include "postgres.h"

#include "core/header.h"
#include "kinds/http_secrets.h"
#include "lib/stringinfo.h"
#include "queue/secrets.h"
#include "secret_refs.h"

typedef struct Filler
{
	ErrandRun *run;
	ErrandSecretPlace place;
	bool user_next; /* the next string is a user name */
	bool in_body;	/* a value went into the body */
	const char *why;
} Filler;

/* In a path some signs stand for themselves, in a query none do. */
static void
append_url(StringInfo s, const char *value)
{
	const char *plain = memchr(s->data, '?', s->len) != NULL ? "-._~" : "-._~/:@!$&'()*+,;=";

	for (const unsigned char *p = (const unsigned char *) value; *p; p++)
	{
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			strchr(plain, *p) != NULL)
			appendStringInfoChar(s, *p);
		else
			appendStringInfo(s, "%%%02X", *p);
	}
}

/* What a value may not hold where it is wanted, or NULL. */
static const char *
misfit(const Filler *f, const char *value)
{
	bool header = f->place == ERRAND_SECRET_HEADER || f->place == ERRAND_SECRET_AUTH ||
				  f->place == ERRAND_SECRET_COOKIE;

	if (header && !errand_header_value_ok(value, strlen(value)))
		return "holds a control character, which a header cannot";
	if (f->place == ERRAND_SECRET_COOKIE && strchr(value, ';') != NULL)
		return "holds a semicolon, which a cookie cannot";
	if (f->user_next && strchr(value, ':') != NULL)
		return "holds a colon, which a user name cannot";
	return NULL;
}

static void
append_secret(Filler *f, StringInfo s, const ErrandSecretRef *ref)
{
	const ErrandSecret *secret = errand_secrets_find(f->run, ref->name, ref->name_len);
	const char *bad;

	if (secret == NULL || secret->value == NULL)
	{
		f->run->own_code = "42704";
		f->why = psprintf(
			"there is no secret \"%.*s\" any more: set it with errand.set_secret() and "
			"retry the task",
			(int) ref->name_len, ref->name);
		return;
	}
	bad = misfit(f, secret->value);
	if (bad != NULL)
		f->why = psprintf("the value of secret \"%s\" %s", secret->name, bad);
	else if (f->place == ERRAND_SECRET_URL)
		append_url(s, secret->value);
	else
		appendStringInfoString(s, secret->value);
}

static void
fill_string(Filler *f, JsonbValue *v, bool body)
{
	const char *text = v->val.string.val;
	size_t len = v->val.string.len;
	ErrandSecretRef ref = {0};
	StringInfoData s;
	size_t at = 0;

	if (!errand_secret_next(text, len, 0, &ref))
		return;
	initStringInfo(&s);
	do
	{
		appendBinaryStringInfo(&s, text + at, ref.start - at);
		append_secret(f, &s, &ref);
		at = ref.end;
	} while (f->why == NULL && errand_secret_next(text, len, at, &ref));
	appendBinaryStringInfo(&s, text + at, len - at);
	v->val.string.val = s.data;
	v->val.string.len = s.len;
	f->in_body |= body;
}

/* Which place begins with this key of the payload. */
static bool
enter_key(Filler *f, const JsonbValue *key)
{
	const char *name = key->val.string.val;
	int len = key->val.string.len;

	f->place = errand_secret_place(name, len);
	return f->place == ERRAND_SECRET_BODY || (len == 4 && memcmp(name, "form", 4) == 0);
}

static Jsonb *
fill_payload(Filler *f)
{
	JsonbParseState *state = NULL;
	JsonbValue *result = NULL;
	JsonbIterator *it = JsonbIteratorInit(&f->run->payload->root);
	JsonbIteratorToken token;
	JsonbValue v;
	bool body = false;
	int depth = 0;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		depth += token == WJB_BEGIN_OBJECT || token == WJB_BEGIN_ARRAY;
		depth -= token == WJB_END_OBJECT || token == WJB_END_ARRAY;
		if (token == WJB_KEY && depth == 1)
			body = enter_key(f, &v);
		/* {"basic": [user, password]} */
		if (token == WJB_BEGIN_ARRAY)
			f->user_next = f->place == ERRAND_SECRET_AUTH;
		else if (token == WJB_VALUE || token == WJB_ELEM)
		{
			if (v.type == jbvString && f->place != ERRAND_SECRET_NOWHERE)
				fill_string(f, &v, body);
			f->user_next = false;
		}
		result = pushJsonbValue(&state, token, token < WJB_BEGIN_ARRAY ? &v : NULL);
	}
	return f->why == NULL ? JsonbValueToJsonb(result) : NULL;
}

Jsonb *
errand_http_secrets_fill(ErrandRun *run, ErrandRequest *q, const char **why)
{
	Filler f = {.run = run};
	Jsonb *filled;

	if (run->n_secrets == 0 && !errand_secret_possible(run->payload))
		return run->payload;
	filled = fill_payload(&f);
	q->has_secrets = run->n_secrets > 0;
	q->secret_body = f.in_body;
	*why = f.why;
	return filled;
}

void
errand_http_secrets_mark(const ErrandRun *run, ErrandHeaderLine *headers, int n)
{
	for (int i = 0; i < n; i++)
	{
		for (int k = 0; k < run->n_secrets; k++)
		{
			const char *value = run->secrets[k].value;

			headers[i].credential |= value != NULL && strstr(headers[i].value, value) != NULL;
		}
	}
}

void
errand_http_secrets_wipe(ErrandRun *run, ErrandRequest *q)
{
	if (!q->has_secrets)
		return;
	if (q->url != NULL)
		explicit_bzero((char *) q->url, strlen(q->url));
	for (int i = 0; i < q->n_headers; i++)
	{
		if (q->headers[i].credential)
			explicit_bzero((char *) q->headers[i].value, strlen(q->headers[i].value));
	}
	if (q->secret_body && q->has_body)
		explicit_bzero((char *) q->body, q->body_len);
}
