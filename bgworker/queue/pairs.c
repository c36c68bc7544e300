/*
 * pairs.c
 *		Keeps the (queue, priority) pairs of one worker.
 *
 * Runs in worker processes.  It only remembers: what it says wrongly costs a
 * look, never a task, since the poll corrects it.
 */
#include "postgres.h"

#include "queue/limits.h"
#include "queue/pairs.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define MAX_PAIRS 65536
#define MAX_ROLES 64

static HTAB *pairs = NULL;
static ErrandPair *last = NULL; /* the neighbour is usually the same */
static uint64 turn = 0;
static int n_open = 0;	  /* active, not paused, in no limit's way */
static int n_blocked = 0; /* in a limit's way */
static int64 unblock_at = PG_INT64_MAX;
static Oid roles[MAX_ROLES]; /* whose tasks are ours */
static int n_roles = 0;

bool
errand_pairs_ours(Oid role)
{
	for (int i = 0; i < n_roles; i++)
	{
		if (roles[i] == role)
			return true;
	}
	return false;
}

/* A full list forgets the oldest but our own: it is adopted again when it is seen. */
void
errand_pairs_adopt(Oid role)
{
	if (errand_pairs_ours(role))
		return;
	if (n_roles == MAX_ROLES)
		memmove(&roles[1], &roles[2], sizeof(Oid) * (--n_roles - 1));
	roles[n_roles++] = role;
}

void
errand_pairs_init(Oid role)
{
	HASHCTL info = {0};

	errand_pairs_adopt(role);

	info.keysize = sizeof(((ErrandPair *) 0)->key);
	info.entrysize = sizeof(ErrandPair);
	info.hcxt = TopMemoryContext;
	pairs = hash_create("errand pairs", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static inline bool
is_open(const ErrandPair *p)
{
	return p->active && !p->paused && p->until == 0;
}

static void
set_active(ErrandPair *p, bool active)
{
	bool was = is_open(p);

	p->active = active;
	n_open += is_open(p) - was;
}

static void
set_until(ErrandPair *p, int64 until)
{
	bool was = is_open(p);

	n_blocked += (until != 0) - (p->until != 0);
	p->until = until;
	n_open += is_open(p) - was;
}

static void
forget_empty(void)
{
	HASH_SEQ_STATUS scan;
	ErrandPair *p;

	hash_seq_init(&scan, pairs);
	while ((p = hash_seq_search(&scan)) != NULL)
	{
		if (!p->active && !p->paused && p->until == 0)
			hash_search(pairs, &p->key, HASH_REMOVE, NULL);
	}
	last = NULL;
}

static bool paused_now(const char *queue);

static ErrandPair *
pair_get(Oid role, const char *queue, int16 priority)
{
	ErrandPair probe;
	ErrandPair *p;
	bool found;

	if (last != NULL && last->key.priority == priority && last->key.role == role &&
		strcmp(last->key.queue, queue) == 0)
		return last;
	memset(&probe.key, 0, sizeof(probe.key));
	probe.key.role = role;
	probe.key.priority = priority;
	strlcpy(probe.key.queue, queue, sizeof(probe.key.queue));
	if (hash_get_num_entries(pairs) >= MAX_PAIRS)
		forget_empty();
	p = hash_search(pairs, &probe.key, HASH_ENTER, &found);
	if (!found)
	{
		p->active = false;
		p->paused = paused_now(queue);
		p->floor = PG_INT64_MIN;
		p->turn = 0;
		p->limit = p->taken = p->granted = 0;
		p->until = 0;
		p->entry = NULL;
		p->limits = errand_limits_of_queue(queue);
	}
	last = p;
	return p;
}

void
errand_pairs_ready(Oid role, const char *queue, int16 priority, int64 place)
{
	ErrandPair *p;

	if (!errand_pairs_ours(role))
		return;
	p = pair_get(role, queue, priority);
	set_active(p, true);
	if (place <= p->floor)
		p->floor = place - 1;
}

void
errand_pairs_seen(Oid role, const char *queue, int16 priority)
{
	if (errand_pairs_ours(role))
		set_active(pair_get(role, queue, priority), true);
}

void
errand_pairs_rewind(void)
{
	HASH_SEQ_STATUS scan;
	ErrandPair *p;

	hash_seq_init(&scan, pairs);
	while ((p = hash_seq_search(&scan)) != NULL)
		p->floor = PG_INT64_MIN;
}

/* The names of the queues that are paused, for pairs yet to come. */
static char **paused_queues = NULL;
static int n_paused = 0;

static bool
paused_now(const char *queue)
{
	for (int i = 0; i < n_paused; i++)
	{
		if (strcmp(paused_queues[i], queue) == 0)
			return true;
	}
	return false;
}

void
errand_pairs_pause(char **queues, int n)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	HASH_SEQ_STATUS scan;
	ErrandPair *p;

	for (int i = 0; i < n_paused; i++)
		pfree(paused_queues[i]);
	if (paused_queues != NULL)
		pfree(paused_queues);
	n_paused = n;
	paused_queues = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		paused_queues[i] = pstrdup(queues[i]);
	MemoryContextSwitchTo(old);
	n_open = 0;
	hash_seq_init(&scan, pairs);
	while ((p = hash_seq_search(&scan)) != NULL)
	{
		p->paused = paused_now(p->key.queue);
		n_open += is_open(p);
	}
}

void
errand_pairs_relimit(void)
{
	HASH_SEQ_STATUS scan;
	ErrandPair *p;

	hash_seq_init(&scan, pairs);
	while ((p = hash_seq_search(&scan)) != NULL)
	{
		p->limits = errand_limits_of_queue(p->key.queue);
		set_until(p, 0); /* the limit may be another */
	}
}

void
errand_pair_block(ErrandPair *p, int64 until)
{
	set_until(p, until);
	unblock_at = Min(unblock_at, until);
}

void
errand_pairs_unblock(int64 now, bool freed)
{
	HASH_SEQ_STATUS scan;
	ErrandPair *p;

	if (n_blocked == 0 || (!freed && now < unblock_at))
		return;
	unblock_at = PG_INT64_MAX;
	hash_seq_init(&scan, pairs);
	while ((p = hash_seq_search(&scan)) != NULL)
	{
		if (p->until == 0)
			continue;
		if (p->until <= now || (freed && p->until == ERRAND_UNTIL_FREED))
			set_until(p, 0);
		else
			unblock_at = Min(unblock_at, p->until);
	}
}

int64
errand_pairs_unblock_at(void)
{
	return n_blocked > 0 ? unblock_at : PG_INT64_MAX;
}

bool
errand_pairs_any(void)
{
	errand_limits_look();
	return n_open > 0;
}

static int
by_priority_then_turn(const void *a, const void *b)
{
	const ErrandPair *x = *(ErrandPair *const *) a;
	const ErrandPair *y = *(ErrandPair *const *) b;

	if (x->key.priority != y->key.priority)
		return x->key.priority > y->key.priority ? -1 : 1;
	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	return 0;
}

/* Pairs of one priority share what is left evenly. */
static void
share(ErrandPair **out, int n, int capacity)
{
	for (int i = 0; i < n;)
	{
		int end = i;
		int each;

		while (end < n && out[end]->key.priority == out[i]->key.priority)
			end++;
		each = Max(1, (capacity + (end - i) - 1) / (end - i));
		for (; i < end; i++)
		{
			out[i]->limit = each;
			out[i]->taken = 0;
		}
	}
}

int
errand_pairs_choose(ErrandPair **out, int max, int capacity)
{
	ErrandPair **all = palloc(sizeof(ErrandPair *) * Max(n_open, 1));
	HASH_SEQ_STATUS scan;
	ErrandPair *p;
	int n = 0;

	hash_seq_init(&scan, pairs);
	while ((p = hash_seq_search(&scan)) != NULL)
	{
		if (is_open(p) && n < n_open)
			all[n++] = p;
	}
	qsort(all, n, sizeof(ErrandPair *), by_priority_then_turn);
	n = Min(n, Min(max, ERRAND_PAIRS_MAX));
	memcpy(out, all, sizeof(ErrandPair *) * n);
	pfree(all);
	share(out, n, capacity);
	return errand_limits_grant(out, n);
}

ErrandPair *
errand_pairs_taken(Oid role, const char *queue, int16 priority, int64 place)
{
	ErrandPair *p = pair_get(role, queue, priority);

	p->taken++;
	p->turn = turn + 1;
	if (place > p->floor)
		p->floor = place;
	return p;
}

void
errand_pairs_claimed(ErrandPair **chosen, int n_pairs, int n, int capacity)
{
	int last_reached = n_pairs;

	turn++;
	/* A full claim may have cut the last pair it reached short, and the rest off. */
	if (n >= capacity)
	{
		last_reached = 0;
		for (int i = 0; i < n_pairs; i++)
		{
			if (chosen[i]->taken > 0)
				last_reached = i;
		}
	}
	/* Reached and not full: nothing more lies there that we may take. */
	for (int i = 0; i < last_reached; i++)
	{
		if (chosen[i]->taken < chosen[i]->limit)
			set_active(chosen[i], false);
	}
	errand_limits_give_back(chosen, n_pairs);
}
