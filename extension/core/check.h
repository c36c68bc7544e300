/*
 * check.h
 *		ERRAND_CHECK: an assertion that costs and does nothing in a released
 *		build, where abort() would restart the user's whole cluster.
 *
 * The unit tests define ERRAND_CHECKED.
 */
#ifndef ERRAND_CORE_CHECK_H
#define ERRAND_CORE_CHECK_H

#ifdef ERRAND_CHECKED
#include <stdlib.h>
#define ERRAND_CHECK(condition)                                                                    \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
			abort();                                                                               \
	} while (0)
#else
#define ERRAND_CHECK(condition) ((void) 0)
#endif

#endif /* ERRAND_CORE_CHECK_H */
