/*
 * pairs.h
 *		Where ready tasks lie: the (queue, priority) pairs that a claim visits.
 *
 * Fed by events of commits and, now and then, by a look into the index.  A
 * pair can be known and empty; a pair that has tasks is never unknown for
 * longer than the poll.
 */
#ifndef ERRAND_PAIRS_H
#define ERRAND_PAIRS_H

#include "postgres.h"

#include "contract.h"

typedef struct ErrandPair
{
	struct
	{
		Oid role;
		int16 priority;
		char queue[ERRAND_NAME_BYTES];
	} key;		 /* must be first */
	bool active; /* may have ready tasks */
	bool paused; /* its queue is: never visited */
	int64 floor; /* everything up to here was claimed, as far as we saw */
	uint64 turn; /* when it was last claimed from: queues take turns */
	int limit;	 /* of the claim under way */
	int taken;	 /* likewise */
} ErrandPair;

/* A process claims the tasks of its role: 0 for the event loop's. */
extern void errand_pairs_init(Oid role);

/* The tasks of this role are ours, too: it is gone, and they are to fail. */
extern void errand_pairs_adopt(Oid role);
extern bool errand_pairs_ours(Oid role);

/* A task of the role became ready at this place; passed over if it is not ours. */
extern void errand_pairs_ready(Oid role, const char *queue, int16 priority, int64 place);

/* Forgets the positions: the next claim looks from the head. */
extern void errand_pairs_rewind(void);

/* Marks the queues that are paused; all others are not. */
extern void errand_pairs_pause(char **queues, int n);

/* Whether any pair that may be visited may have tasks. */
extern bool errand_pairs_any(void);

/*
 * The pairs to visit, highest priority first and the longest not visited
 * first, with a fair share of capacity each; at most max.  Returns how many.
 */
extern int errand_pairs_choose(ErrandPair **out, int max, int capacity);

/* The claim took this task. */
extern void errand_pairs_taken(Oid role, const char *queue, int16 priority, int64 place);

/* The claim is over: it took n of capacity from these pairs. */
extern void errand_pairs_claimed(ErrandPair **pairs, int n_pairs, int n, int capacity);

/* Adds a pair that the index shows. */
extern void errand_pairs_seen(Oid role, const char *queue, int16 priority);

#endif
