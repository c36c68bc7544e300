/*
 * added.c
 *		How many tasks more would wait if the open transaction committed: by
 *		queue, and by owner.
 *
 * Runs in every backend, where a submit is checked against a limit.  It must
 * not allocate while a subtransaction aborts, and never look at all events
 * again: a transaction may have a million of them.
 */
#include "postgres.h"

#include "added.h"
#include "contract.h"
#include "shared.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* The key is the whole of it, zeroes behind the name included. */
typedef struct AddedKey
{
	int kind; /* ErrandCounterKind */
	char name[ERRAND_NAME_BYTES];
} AddedKey;

typedef struct Added
{
	AddedKey key;
	int64 n;
} Added;

static HTAB *table = NULL; /* in TopTransactionContext */
static Added *recent[2];   /* of the queue and of the owner that were last asked for */

static Added *
added_find(ErrandCounterKind kind, const char *name, HASHACTION action)
{
	Added **last = &recent[kind == ERRAND_COUNT_ROLE];
	AddedKey key;
	bool found;
	Added *a;

	if (*last != NULL && strcmp((*last)->key.name, name) == 0)
		return *last;
	if (table == NULL)
		return NULL;
	memset(&key, 0, sizeof(key));
	key.kind = (int) kind;
	strlcpy(key.name, name, sizeof(key.name));
	a = hash_search(table, &key, action, &found);
	if (a == NULL)
		return NULL;
	if (!found)
		a->n = 0;
	*last = a;
	return a;
}

static bool
waits(char state)
{
	return state == ERRAND_READY || state == ERRAND_SCHEDULED || state == ERRAND_RETRYING ||
		   state == ERRAND_WAITING;
}

static void
add(const ErrandEvent *e, int sign, HASHACTION action)
{
	int change = sign * (waits(e->to) - waits(e->from));
	char owner[ERRAND_ROLE_KEY];
	Added *a;

	/* Without an owner: what waits stays as many. */
	if (e->kind != ERRAND_EVENT_TASK || !OidIsValid(e->owner) || change == 0)
		return;
	a = added_find(ERRAND_COUNT_QUEUE, e->queue, action);
	if (a != NULL)
		a->n += change;
	errand_role_key(e->owner, owner);
	a = added_find(ERRAND_COUNT_ROLE, owner, action);
	if (a != NULL)
		a->n += change;
}

static void
table_create(void)
{
	HASHCTL how = {.keysize = sizeof(AddedKey), .entrysize = sizeof(Added)};

	how.hcxt = TopTransactionContext;
	table = hash_create("errand added", 16, &how, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
errand_added_count(const ErrandEvent *e)
{
	if (table == NULL)
		table_create();
	add(e, 1, HASH_ENTER);
}

void
errand_added_take_back(const ErrandEvent *e)
{
	add(e, -1, HASH_FIND);
}

int64
errand_added(ErrandCounterKind kind, const char *name)
{
	Added *a = added_find(kind, name, HASH_FIND);

	return a != NULL ? a->n : 0;
}

void
errand_added_forget(void)
{
	table = NULL;
	memset(recent, 0, sizeof(recent));
}
