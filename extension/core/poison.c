/*
 * poison.c
 *		Judges tasks that were in flight when their worker fell.
 *
 * Process: any (the leader, when it reaps).  Pure functions: must never
 * allocate, ereport or remember anything.
 */
#include "poison.h"

ErrandFallVerdict
errand_fall_decide(const ErrandFall *f)
{
	if (f->in_group && f->group_size > 1)
		return ERRAND_FALL_SPLIT;

	/*
	 * Nobody but this task was in flight, so nobody but this task did it.  Once
	 * may still be the kernel's out-of-memory killer; twice is proof enough.
	 */
	if (f->in_group)
		return f->alone_falls < ERRAND_FALL_ALONE_MAX ? ERRAND_FALL_ALONE_AGAIN :
														ERRAND_FALL_FAILED;

	return f->falls < ERRAND_FALL_SUSPECT_AFTER && f->restarts < ERRAND_FALL_RESTARTS_MAX ?
			   ERRAND_FALL_READY :
			   ERRAND_FALL_SUSPECT;
}

int
errand_fall_first_half(int group_size)
{
	return group_size > 0 ? group_size / 2 + group_size % 2 : 0;
}
