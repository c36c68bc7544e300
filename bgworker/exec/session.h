/*
 * session.h
 *		Keeps an executor's session clean: the next task finds nothing of the
 *		last one's.
 */
#ifndef ERRAND_SESSION_H
#define ERRAND_SESSION_H

#include "postgres.h"

/* After each handler, in its transaction. */
extern void errand_session_clean(void);

/* Whether what the last handler left can go only after the commit: then nothing else may run before. */
extern bool errand_session_dirty(void);

/* Before a transaction of handlers commits. */
extern void errand_session_before_commit(void);

/* After it, outside any transaction. */
extern void errand_session_after_commit(void);

#endif
