/*
 * quota.h
 *		Whether there is room for more tasks that wait.
 */
#ifndef ERRAND_QUOTA_H
#define ERRAND_QUOTA_H

#include "postgres.h"

/*
 * Raises 53400 if so many more tasks would be too many for the queue or for the
 * current role, and 55000 while the queue drains.
 */
extern void errand_room_check(const char *queue, int64 adding);

#endif
