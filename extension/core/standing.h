/*
 * standing.h
 *		Whether news of a task is older than what is known of it.
 *
 * A commit and its callback are not one step: a worker may have settled a task
 * before its submitter tells of it.  Who shows tasks must not go back then.
 */
#ifndef ERRAND_CORE_STANDING_H
#define ERRAND_CORE_STANDING_H

#include <stdbool.h>
#include <stdint.h>

/* The rank of final states, the highest; the others are contract.c's. */
#define ERRAND_RANK_FINAL 6

/* Where a task stands, or stood: in which run, at which attempt, in which state. */
typedef struct ErrandStanding
{
	int32_t run;
	int32_t attempt; /* the last number used */
	int rank;		 /* of the state, within the attempt */
} ErrandStanding;

/*
 * Is a change that ends at told, and began at a state of rank from, older than
 * known?  What begins at the known state never is, though its rank may be lower
 * (a task is rescheduled, or parked); a final state is left by the next run only.
 */
extern bool errand_standing_late(const ErrandStanding *known, const ErrandStanding *told, int from);

#endif /* ERRAND_CORE_STANDING_H */
