/*
 * stream_request.c
 *		The request that opens a stream: its payload read like that of an HTTP
 *		task, with the values of its secrets.
 *
 * Runs in the stream process, within a transaction.  No message here may hold
 * a value: they name the secret.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "base/db.h"
#include "catalog/pg_type.h"
#include "contract.h"
#include "core/url.h"
#include "kinds/http_request.h"
#include "kinds/http_secrets.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "net/transfer.h"
#include "queue/run.h"
#include "queue/secrets.h"
#include "secret_refs.h"
#include "settings.h"
#include "sources/stream.h"
#include "utils/builtins.h"

#define OPEN_WITHIN_US INT64CONST(15000000)

/* The values of the secrets that the payload names, in the run's memory. */
static void
fetch_secrets(ErrandStream *s, ErrandRun *run)
{
	ErrandDbArgs a = {0};
	char **names = errand_secret_names(run->payload, &run->n_secrets);
	Datum *items = palloc(sizeof(Datum) * Max(run->n_secrets, 1));
	int found;
	bool isnull;

	if (run->n_secrets == 0)
		return;
	run->secrets = palloc0(sizeof(ErrandSecret) * run->n_secrets);
	for (int i = 0; i < run->n_secrets; i++)
	{
		run->secrets[i].name = names[i];
		items[i] = CStringGetTextDatum(names[i]);
	}
	errand_db_arg(&a, CStringGetTextDatum(s->name));
	errand_db_arg(&a, errand_db_array(items, NULL, run->n_secrets, TEXTOID));
	found = errand_db_call(DB_STREAM_SECRETS, &a);
	for (int i = 0; i < found; i++)
	{
		int item = DatumGetInt32(errand_db_value(i, errand_db_column("item"), &isnull)) - 1;

		if (item >= 0 && item < run->n_secrets)
			run->secrets[item].value = errand_db_text(i, errand_db_column("value"));
	}
}

/* Headers of tasks, which no stream has; and those that make it a WebSocket. */
static bool
is_ours(const char *name)
{
	return pg_strncasecmp(name, "X-Errand-", 9) == 0 ||
		   pg_strcasecmp(name, "Idempotency-Key") == 0 ||
		   pg_strcasecmp(name, "Content-Type") == 0 ||
		   pg_strncasecmp(name, "Sec-WebSocket-", 14) == 0;
}

static char *
build_head(const ErrandRequest *q, char **protocol)
{
	StringInfoData s;
	bool has_agent = false;

	initStringInfo(&s);
	for (int i = 0; i < q->n_headers; i++)
	{
		const ErrandHeaderLine *h = &q->headers[i];

		if (pg_strcasecmp(h->name, "Sec-WebSocket-Protocol") == 0)
			*protocol = pstrdup(h->value);
		if (is_ours(h->name))
			continue;
		has_agent |= pg_strcasecmp(h->name, "User-Agent") == 0;
		appendStringInfo(&s, "%s: %s\r\n", h->name, h->value);
	}
	if (!has_agent)
		appendStringInfo(&s, "User-Agent: %s\r\n",
						 errand_user_agent[0] ? errand_user_agent : "pg_errand/" ERRAND_VERSION);
	return s.data;
}

/* Each element of the body is a message: a string as it is, else its JSON. */
static void
build_frames(const ErrandRequest *q, ErrandPeerRequest *r)
{
	char *body;
	Jsonb *array;
	JsonbValue *v;
	const char **frames;

	if (!q->has_body)
		return;
	body = pnstrdup(q->body, q->body_len);
	array = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(body)));
	explicit_bzero(body, q->body_len);
	r->n_frames = JB_ROOT_IS_ARRAY(array) ? (int) JB_ROOT_COUNT(array) : 0;
	frames = palloc(sizeof(char *) * Max(r->n_frames, 1));
	for (int i = 0; i < r->n_frames; i++)
	{
		char *text;

		v = getIthJsonbValueFromContainer(&array->root, i);
		if (v->type == jbvString)
			text = pnstrdup(v->val.string.val, v->val.string.len);
		else
		{
			Jsonb *j = JsonbValueToJsonb(v);

			text = JsonbToCString(NULL, &j->root, VARSIZE(j));
		}
		frames[i] = pg_server_to_any(text, strlen(text), PG_UTF8);
	}
	r->frames = frames;
	explicit_bzero(array, VARSIZE(array));
}

/* The host in its one spelling, as errand.define_host() knows it; and with the port. */
static void
host_keys(const ErrandUrlParts *parts, char *name, char *key, size_t size)
{
	struct in6_addr v6;
	uint32 v4;

	snprintf(name, size, "%.*s", (int) parts->host_len, parts->host);
	for (char *p = name; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	if (parts->ipv6_literal && inet_pton(AF_INET6, name, &v6) == 1)
		(void) inet_ntop(AF_INET6, &v6, name, size);
	else if (errand_host_ipv4(parts->host, parts->host_len, &v4))
		snprintf(name, size, "%u.%u.%u.%u", v4 >> 24, (v4 >> 16) & 255, (v4 >> 8) & 255, v4 & 255);
	snprintf(key, size, parts->ipv6_literal ? "[%s]:%d" : "%s:%d", name, parts->port);
}

/* A host that has a proxy is never reached without it, and streams know none. */
static bool
has_proxy(const char *url)
{
	ErrandUrlParts parts;
	char name[ERRAND_HOST_MAX_LENGTH + 16];
	char key[ERRAND_HOST_MAX_LENGTH + 16];
	int n;

	if (!errand_url_split(url, strlen(url), &parts))
		return false;
	host_keys(&parts, name, key, sizeof(name));
	n = errand_db_call(DB_PROXIES, NULL);
	for (int i = 0; i < n; i++)
	{
		char *host = errand_db_text(i, errand_db_column("host"));

		if (strcmp(host, name) == 0 || strcmp(host, key) == 0)
			return true;
	}
	return false;
}

/* What was copied is overwritten here. */
static void
wipe_texts(const ErrandPeerRequest *r)
{
	explicit_bzero((char *) r->head, strlen(r->head));
	for (int i = 0; i < r->n_frames; i++)
		explicit_bzero((char *) r->frames[i], strlen(r->frames[i]));
}

ErrandPeer *
errand_stream_request(ErrandStream *s, const char **why)
{
	ErrandRun run = {.payload = s->payload, .memory = CurrentMemoryContext, .queue = s->name};
	ErrandRequest q = {0};
	ErrandPeerRequest r = {.timeout_us = OPEN_WITHIN_US};
	ErrandPeer *peer;
	bool discard;

	if (errand_secret_possible(run.payload))
		fetch_secrets(s, &run);
	*why = errand_http_build(&run, "", &q, &discard);
	if (*why == NULL && has_proxy(q.url))
		*why = "its host is behind a proxy, and streams do not go through proxies";
	if (*why != NULL)
	{
		errand_secrets_wipe(&run);
		return NULL;
	}
	r.url = q.url;
	r.head = build_head(&q, &r.protocol);
	build_frames(&q, &r);
	peer = errand_peer_open(&r, &s->frames);
	wipe_texts(&r);
	errand_http_secrets_wipe(&run, &q);
	errand_secrets_wipe(&run);
	if (peer == NULL) /* it is not the request: it is tried again as usual */
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return peer;
}
