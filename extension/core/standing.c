/*
 * standing.c
 *		Whether news of a task is older than what is known of it.
 *
 * Process: any; no state.  It must never drop a final state of the latest run.
 */
#include "standing.h"

bool
errand_standing_late(const ErrandStanding *known, const ErrandStanding *told, int from)
{
	if (told->run != known->run)
		return told->run < known->run;
	if (known->rank == ERRAND_RANK_FINAL)
		return true;
	if (from == known->rank || told->rank == ERRAND_RANK_FINAL)
		return false;
	if (told->attempt != known->attempt)
		return told->attempt < known->attempt;
	return told->rank < known->rank;
}
