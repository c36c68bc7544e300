/*
 * secret_refs.c
 *		Finds the references to secrets in the payload of an HTTP task.
 *
 * Runs in every backend, at submit, and in workers.  It must never look a
 * value up.
 */
#include "postgres.h"

#include "secret_refs.h"

typedef struct PlaceOfKey
{
	const char *key;
	ErrandSecretPlace place;
} PlaceOfKey;

static const PlaceOfKey places[] = {
	{"url", ERRAND_SECRET_URL},	  {"headers", ERRAND_SECRET_HEADER},
	{"auth", ERRAND_SECRET_AUTH}, {"params", ERRAND_SECRET_PAIR},
	{"form", ERRAND_SECRET_PAIR}, {"cookies", ERRAND_SECRET_COOKIE},
	{"body", ERRAND_SECRET_BODY}, {"json", ERRAND_SECRET_BODY},
};

ErrandSecretPlace
errand_secret_place(const char *key, int len)
{
	for (int i = 0; i < (int) lengthof(places); i++)
	{
		if ((int) strlen(places[i].key) == len && memcmp(places[i].key, key, len) == 0)
			return places[i].place;
	}
	return ERRAND_SECRET_NOWHERE;
}

/* The strings of a jsonb lie in it as they are. */
bool
errand_secret_possible(const Jsonb *payload)
{
	ErrandSecretRef ref;

	return errand_secret_next(VARDATA(payload), VARSIZE(payload) - VARHDRSZ, 0, &ref);
}

typedef struct NameList
{
	char **names;
	int n;
	int size;
} NameList;

static void
note_name(NameList *list, const ErrandSecretRef *ref)
{
	for (int i = 0; i < list->n; i++)
	{
		if (strlen(list->names[i]) == ref->name_len &&
			memcmp(list->names[i], ref->name, ref->name_len) == 0)
			return;
	}
	if (list->n == list->size)
	{
		list->size = Max(8, list->size * 2);
		list->names = list->names == NULL ? palloc(sizeof(char *) * list->size) :
											repalloc(list->names, sizeof(char *) * list->size);
	}
	list->names[list->n++] = pnstrdup(ref->name, ref->name_len);
}

char **
errand_secret_names(Jsonb *payload, int *n)
{
	NameList list = {0};
	ErrandSecretPlace place = ERRAND_SECRET_NOWHERE;
	JsonbIterator *it = JsonbIteratorInit(&payload->root);
	JsonbIteratorToken token;
	JsonbValue v;
	int depth = 0;

	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		ErrandSecretRef ref = {0};

		depth += token == WJB_BEGIN_OBJECT || token == WJB_BEGIN_ARRAY;
		depth -= token == WJB_END_OBJECT || token == WJB_END_ARRAY;
		if (token == WJB_KEY && depth == 1)
			place = errand_secret_place(v.val.string.val, v.val.string.len);
		if ((token != WJB_VALUE && token != WJB_ELEM) || v.type != jbvString ||
			place == ERRAND_SECRET_NOWHERE)
			continue;
		while (errand_secret_next(v.val.string.val, v.val.string.len, ref.end, &ref))
			note_name(&list, &ref);
	}
	*n = list.n;
	return list.names;
}
