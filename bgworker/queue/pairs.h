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

	struct ErrandDefinition *limits; /* of its queue, or NULL: queue/limits.h */
	struct ErrandLimit *entry;		 /* what the claim under way was granted from */
	int granted;					 /* places and tokens of it, not used yet */
	int64 until;					 /* not visited before; 0: no limit is in the way */
} ErrandPair;

#define ERRAND_PAIRS_MAX 256			/* visited by one claim at most */
#define ERRAND_UNTIL_FREED PG_INT64_MAX /* a place comes free: nobody knows when */

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

/* Whether any pair that may be visited, and is in no limit's way, may have tasks. */
extern bool errand_pairs_any(void);

/*
 * The pairs to visit, highest priority first and the longest not visited
 * first, with a fair share of capacity each; at most max.  Returns how many.
 * What limits granted them is taken: errand_pairs_claimed() must follow, or
 * after an error errand_limits_claim_aborted().
 */
extern int errand_pairs_choose(ErrandPair **out, int max, int capacity);

/* The claim took this task, from the pair returned. */
extern ErrandPair *errand_pairs_taken(Oid role, const char *queue, int16 priority, int64 place);

/* Keeps a pair from being visited before then. */
extern void errand_pair_block(ErrandPair *p, int64 until);

/* Visits those again whose time has come; freed: and those that wait for a place. */
extern void errand_pairs_unblock(int64 now, bool freed);

/* When the next one's time comes; PG_INT64_MAX if none waits for a time. */
extern int64 errand_pairs_unblock_at(void);

/* Queues' limits were read again: each pair looks for its own. */
extern void errand_pairs_relimit(void);

/* The claim is over: it took n of capacity from these pairs. */
extern void errand_pairs_claimed(ErrandPair **pairs, int n_pairs, int n, int capacity);

/* Adds a pair that the index shows. */
extern void errand_pairs_seen(Oid role, const char *queue, int16 priority);

#endif
