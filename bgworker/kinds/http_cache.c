/*
 * http_cache.c
 *		The cache of answers: looked up in the claim, written in the settle.
 *
 * Runs in worker processes.  What a run needs of it is copied into the run's
 * memory in the claim's transaction; nothing here calls SQL at any other time
 * but in the settle's.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/db.h"
#include "catalog/pg_type.h"
#include "core/ascii.h"
#include "kinds/http_cache.h"
#include "kinds/kind.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#define CONDITION_HEADERS 2

/* What the cache knows of a run's request. */
typedef struct ErrandCached
{
	Oid owner;
	bytea *key;
	int64 ttl_ms;
	bool fresh;
	bool asked; /* whether it still holds */
	bool used;	/* the run's answer is this one */
	int status; /* 0: nothing is kept */
	char *content_type;
	bytea *head;
	bytea *body;
	char *etag;
	char *last_modified;
} ErrandCached;

static bool
is_cached(const ErrandRun *r)
{
	return r->kind != NULL && strcmp(r->kind->name, "http") == 0 && r->payload != NULL &&
		   JB_ROOT_IS_OBJECT(r->payload) &&
		   getKeyJsonValueFromContainer(&r->payload->root, "cache_ttl_ms", 12, NULL) != NULL;
}

static bytea *
read_bytes(int row, const char *column)
{
	bool isnull;
	Datum d = errand_db_value(row, errand_db_column(column), &isnull);

	return isnull ? NULL : DatumGetByteaPCopy(d);
}

static void
read_entry(ErrandRun *r, int row)
{
	MemoryContext old = MemoryContextSwitchTo(r->memory);
	ErrandCached *c = palloc0(sizeof(ErrandCached));
	bool isnull;
	Datum d = errand_db_value(row, errand_db_column("status_code"), &isnull);

	c->status = isnull ? 0 : DatumGetInt16(d);
	c->owner = DatumGetObjectId(errand_db_value(row, errand_db_column("owner_oid"), &isnull));
	c->ttl_ms = DatumGetInt64(errand_db_value(row, errand_db_column("ttl_ms"), &isnull));
	c->fresh = DatumGetBool(errand_db_value(row, errand_db_column("fresh"), &isnull)) &&
			   c->status != 0;
	c->key = read_bytes(row, "key");
	c->head = read_bytes(row, "head");
	c->body = read_bytes(row, "body");
	c->content_type = errand_db_text(row, errand_db_column("content_type"));
	c->etag = errand_db_text(row, errand_db_column("etag"));
	c->last_modified = errand_db_text(row, errand_db_column("last_modified"));
	r->cached = c;
	r->steps = true;
	MemoryContextSwitchTo(old);
}

void
errand_http_cache_find(void)
{
	int n = errand_runs_count(ERRAND_RUN_CLAIMED);
	ErrandRun **runs = palloc(sizeof(ErrandRun *) * Max(n, 1));
	Datum *ids = palloc(sizeof(Datum) * Max(n, 1));
	ErrandDbArgs a = {0};
	int n_cached = 0;
	dlist_iter it;

	dlist_foreach (it, errand_runs_in(ERRAND_RUN_CLAIMED))
	{
		ErrandRun *r = dlist_container(ErrandRun, node, it.cur);

		if (!is_cached(r) || r->cached != NULL)
			continue;
		runs[n_cached] = r;
		ids[n_cached++] = Int64GetDatum(r->id);
	}
	if (n_cached == 0)
		return;
	errand_db_arg(&a, errand_db_array(ids, NULL, n_cached, INT8OID));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	n = errand_db_call(DB_CACHE_FIND, &a);
	for (int i = 0; i < n; i++)
	{
		bool isnull;
		int64 id = DatumGetInt64(errand_db_value(i, errand_db_column("id"), &isnull));

		for (int k = 0; k < n_cached; k++)
		{
			if (runs[k]->id == id)
				read_entry(runs[k], i);
		}
	}
}

bool
errand_http_cache_has(const ErrandRun *r)
{
	return r->cached != NULL && r->cached->fresh;
}

/* The answer that is kept becomes the run's. */
static void
use_entry(ErrandRun *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->memory);
	ErrandCached *c = r->cached;

	c->used = true;
	r->failure = ERRAND_FAIL_NONE;
	r->error = r->hint = NULL;
	r->status = c->status;
	r->content_type = c->content_type;
	r->head = c->head ? VARDATA(c->head) : NULL;
	r->head_len = c->head ? VARSIZE(c->head) - VARHDRSZ : 0;
	r->has_body = c->body != NULL;
	r->body = c->body ? VARDATA(c->body) : NULL;
	r->body_len = c->body ? VARSIZE(c->body) - VARHDRSZ : 0;
	r->result = DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(pstrdup("{\"cached\": true}"))));
	MemoryContextSwitchTo(old);
}

bool
errand_http_cache_answer(ErrandRun *r)
{
	if (!errand_http_cache_has(r))
		return false;
	use_entry(r);
	r->steps = false;
	r->started_at = errand_clock_now();
	errand_run_over(r);
	return true;
}

static bool
has_header(const ErrandRequest *q, const char *name)
{
	for (int i = 0; i < q->n_headers; i++)
	{
		if (pg_strcasecmp(q->headers[i].name, name) == 0)
			return true;
	}
	return false;
}

void
errand_http_cache_condition(ErrandRun *r, ErrandRequest *q)
{
	ErrandCached *c = r->cached;
	ErrandHeaderLine *headers;
	int n = q->n_headers;

	/* who asks with conditions of his own gets what they bring */
	if (c == NULL || c->status == 0 || (c->etag == NULL && c->last_modified == NULL) ||
		has_header(q, "if-none-match") || has_header(q, "if-modified-since") ||
		has_header(q, "if-match") || has_header(q, "if-unmodified-since") || has_header(q, "range"))
		return;
	headers = MemoryContextAlloc(r->memory, sizeof(ErrandHeaderLine) * (n + CONDITION_HEADERS));
	memcpy(headers, q->headers, sizeof(ErrandHeaderLine) * n);
	if (c->etag != NULL)
		headers[n++] = (ErrandHeaderLine){"If-None-Match", c->etag};
	if (c->last_modified != NULL)
		headers[n++] = (ErrandHeaderLine){"If-Modified-Since", c->last_modified};
	q->headers = headers;
	q->n_headers = n;
	c->asked = true;
}

void
errand_http_cache_take(ErrandRun *r)
{
	if (r->cached != NULL && r->cached->asked && r->failure == ERRAND_FAIL_NONE && r->status == 304)
		use_entry(r);
}

/*
 * The value of a header of the answer, or NULL: what cannot be sent back as a
 * header is none.  In the current context.
 */
static char *
header_of(const ErrandRun *r, const char *name)
{
	size_t name_len = strlen(name);
	const char *line = r->head;
	const char *end = r->head + r->head_len;

	while (line != NULL && line < end)
	{
		const char *eol = memchr(line, '\n', end - line);
		size_t len = (eol ? eol : end) - line;

		if (len > name_len && line[name_len] == ':' && errand_ascii_equals(line, name_len, name))
		{
			const char *value = line + name_len + 1;

			len -= name_len + 1;
			errand_ascii_trim(&value, &len);
			for (size_t i = 0; i < len; i++)
			{
				if ((unsigned char) value[i] < 0x20 || (unsigned char) value[i] >= 0x7f)
					return NULL;
			}
			return len > 0 && len <= 1000 ? pnstrdup(value, len) : NULL;
		}
		line = eol ? eol + 1 : NULL;
	}
	return NULL;
}

static bool
says(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p != NULL && *p; p++)
	{
		if (pg_strncasecmp(p, word, len) == 0 && (p == list || strchr(", \t", p[-1]) != NULL) &&
			(p[len] == '\0' || strchr(", \t=", p[len]) != NULL))
			return true;
	}
	return false;
}

/* May this answer be kept?  *ttl_ms: for how long it is fresh. */
static bool
may_keep(const ErrandRun *r, int64 *ttl_ms)
{
	char *control = header_of(r, "cache-control");
	char *vary = header_of(r, "vary");

	*ttl_ms = says(control, "no-cache") ? 0 : r->cached->ttl_ms;
	return r->outcome == ERRAND_SUCCEEDED && r->status >= 200 && r->status < 300 &&
		   !says(control, "no-store") && (vary == NULL || strchr(vary, '*') == NULL);
}

/* Arrays of what is kept; a value that is missing is NULL. */
typedef struct Kept
{
	int n;
	Datum *value[10];
	bool *null[10];
} Kept;

enum
{
	KEPT_OWNER,
	KEPT_KEY,
	KEPT_TTL,
	KEPT_STATUS,
	KEPT_TYPE,
	KEPT_HEAD,
	KEPT_BODY,
	KEPT_ETAG,
	KEPT_MODIFIED,
	KEPT_REFRESHED,
	KEPT_COLUMNS
};

static void
put(Kept *k, int column, Datum value, bool present)
{
	k->value[column][k->n] = value;
	k->null[column][k->n] = !present;
}

static void
put_text(Kept *k, int column, const char *text)
{
	put(k, column, text ? CStringGetTextDatum(text) : (Datum) 0, text != NULL);
}

static void
put_bytes(Kept *k, int column, const char *data, size_t len, bool present)
{
	bytea *b = palloc(VARHDRSZ + len);

	SET_VARSIZE(b, VARHDRSZ + len);
	if (len > 0)
		memcpy(VARDATA(b), data, len);
	put(k, column, PointerGetDatum(b), present);
}

static void
put_run(Kept *k, const ErrandRun *r, int64 ttl_ms)
{
	const ErrandCached *c = r->cached;
	bool fresh_body = !c->used;

	put(k, KEPT_OWNER, ObjectIdGetDatum(c->owner), true);
	put(k, KEPT_KEY, PointerGetDatum(c->key), true);
	put(k, KEPT_TTL, Int64GetDatum(ttl_ms), true);
	put(k, KEPT_STATUS, Int16GetDatum(r->status), true);
	put_text(k, KEPT_TYPE, fresh_body ? header_of(r, "content-type") : NULL);
	put_bytes(k, KEPT_HEAD, r->head, r->head_len, fresh_body);
	put_bytes(k, KEPT_BODY, r->body, fresh_body ? r->body_len : 0, fresh_body && r->has_body);
	put_text(k, KEPT_ETAG, header_of(r, "etag"));
	put_text(k, KEPT_MODIFIED, header_of(r, "last-modified"));
	put(k, KEPT_REFRESHED, BoolGetDatum(c->used), true);
	k->n++;
}

void
errand_http_cache_store(ErrandRun **runs, int n)
{
	static const Oid types[KEPT_COLUMNS] = {OIDOID,	  BYTEAOID, INT8OID, INT2OID, TEXTOID,
											BYTEAOID, BYTEAOID, TEXTOID, TEXTOID, BOOLOID};
	Kept k = {0};
	ErrandDbArgs a = {0};
	int64 ttl_ms;

	for (int i = 0; i < n; i++)
	{
		const ErrandRun *r = runs[i];

		if (r->cached == NULL || r->stale || r->cached->fresh || !may_keep(r, &ttl_ms))
			continue;
		for (int c = 0; c < KEPT_COLUMNS && k.n == 0; c++)
		{
			k.value[c] = palloc(sizeof(Datum) * n);
			k.null[c] = palloc(sizeof(bool) * n);
		}
		put_run(&k, r, ttl_ms);
	}
	if (k.n == 0)
		return;
	for (int c = 0; c < KEPT_COLUMNS; c++)
		errand_db_arg(&a, errand_db_array(k.value[c], k.null[c], k.n, types[c]));
	errand_db_arg(&a, TimestampTzGetDatum(errand_clock_now()));
	(void) errand_db_call(DB_CACHE_STORE, &a);
}
