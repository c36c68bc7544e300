/*
 * secrets.c
 *		Looks up the secrets of claimed runs, and wipes them.
 *
 * Runs in worker processes.  Values live in the run's memory from the claim to
 * the settle, and nowhere else: never in a message, a result or an event.
 */
#include "postgres.h"

#include "base/db.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "queue/secrets.h"
#include "secret_refs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Every reference of a batch, one a run and name. */
typedef struct Wanted
{
	ErrandSecret **secrets;
	MemoryContext *memory;
	Datum *ids;
	Datum *names;
	int n;
	int size;
} Wanted;

static void
want(Wanted *w, const ErrandRun *r, ErrandSecret *s)
{
	if (w->n == w->size)
	{
		bool first = w->size == 0;

		w->size = Max(64, w->size * 2);
#define GROW(list, type)                                                                           \
	w->list = first ? palloc(sizeof(type) * w->size) : repalloc(w->list, sizeof(type) * w->size)
		GROW(secrets, ErrandSecret *);
		GROW(memory, MemoryContext);
		GROW(ids, Datum);
		GROW(names, Datum);
#undef GROW
	}
	w->secrets[w->n] = s;
	w->memory[w->n] = r->memory;
	w->ids[w->n] = Int64GetDatum(r->id);
	w->names[w->n++] = CStringGetTextDatum(s->name);
}

static void
want_all_of(Wanted *w, ErrandRun *r)
{
	MemoryContext old = MemoryContextSwitchTo(r->memory);
	char **names = errand_secret_names(r->payload, &r->n_secrets);

	if (r->n_secrets > 0)
		r->secrets = palloc0(sizeof(ErrandSecret) * r->n_secrets);
	for (int i = 0; i < r->n_secrets; i++)
		r->secrets[i].name = names[i];
	MemoryContextSwitchTo(old);
	for (int i = 0; i < r->n_secrets; i++)
		want(w, r, &r->secrets[i]);
}

/* A value as a string in that memory; the result's copy of it is overwritten. */
static char *
take_value(int row, int column, MemoryContext memory)
{
	bool isnull;
	Datum d = errand_db_value(row, column, &isnull);
	text *t;
	char *value;
	int len;

	if (isnull)
		return NULL;
	t = DatumGetTextPP(d);
	len = VARSIZE_ANY_EXHDR(t);
	value = MemoryContextAlloc(memory, len + 1);
	memcpy(value, VARDATA_ANY(t), len);
	value[len] = '\0';
	explicit_bzero(VARDATA_ANY(t), len);
	return value;
}

void
errand_secrets_fetch(ErrandRun **runs, int n)
{
	Wanted w = {0};
	ErrandDbArgs a = {0};
	int found;
	bool isnull;

	for (int i = 0; i < n; i++)
	{
		ErrandRun *r = runs[i];

		if (r->payload != NULL && !r->owner_gone && errand_secret_possible(r->payload))
			want_all_of(&w, r);
	}
	if (w.n == 0)
		return;
	errand_db_arg(&a, errand_db_array(w.ids, NULL, w.n, INT8OID));
	errand_db_arg(&a, errand_db_array(w.names, NULL, w.n, TEXTOID));
	found = errand_db_call(DB_SECRETS, &a);
	for (int i = 0; i < found; i++)
	{
		int item = DatumGetInt32(errand_db_value(i, errand_db_column("item"), &isnull)) - 1;

		if (item >= 0 && item < w.n)
			w.secrets[item]->value = take_value(i, errand_db_column("value"), w.memory[item]);
	}
}

void
errand_secrets_wipe(ErrandRun *r)
{
	for (int i = 0; i < r->n_secrets; i++)
	{
		if (r->secrets[i].value != NULL)
			explicit_bzero(r->secrets[i].value, strlen(r->secrets[i].value));
		r->secrets[i].value = NULL;
	}
}

const ErrandSecret *
errand_secrets_find(const ErrandRun *r, const char *name, size_t len)
{
	for (int i = 0; i < r->n_secrets; i++)
	{
		if (strlen(r->secrets[i].name) == len && memcmp(r->secrets[i].name, name, len) == 0)
			return &r->secrets[i];
	}
	return NULL;
}

static char *
setting_value(const char *name)
{
	ErrandDbArgs a = {0};

	errand_db_arg(&a, CStringGetTextDatum(name));
	(void) errand_db_call(DB_SECRET_SETTING, &a);
	return take_value(0, errand_db_column("value"), CurrentMemoryContext);
}

char *
errand_secret_setting(const char *text, size_t len, char **missing)
{
	StringInfoData s;
	ErrandSecretRef ref;
	size_t at = 0;

	initStringInfo(&s);
	while (errand_secret_next(text, len, at, &ref))
	{
		char *name = pnstrdup(ref.name, ref.name_len);
		char *value = setting_value(name);

		if (value == NULL)
		{
			*missing = name;
			explicit_bzero(s.data, s.len);
			return NULL;
		}
		appendBinaryStringInfo(&s, text + at, ref.start - at);
		appendStringInfoString(&s, value);
		explicit_bzero(value, strlen(value));
		at = ref.end;
	}
	appendBinaryStringInfo(&s, text + at, len - at);
	return s.data;
}
