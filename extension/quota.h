/*
 * quota.h
 *		errand.role_quota.
 */
#ifndef ERRAND_QUOTA_H
#define ERRAND_QUOTA_H

#include "postgres.h"

/* Raises 53400 if so many more tasks of the current role would be too many. */
extern void errand_quota_check(int64 adding);

#endif
