/*
 * submit.h
 *		What submitting shares with the rest of the extension.
 */
#ifndef ERRAND_SUBMIT_H
#define ERRAND_SUBMIT_H

#include "postgres.h"

/*
 * Whether any queue of this database may have a limit or drain: kept in shared
 * memory, so that most submits need not look.
 */
extern bool errand_queue_limits_exist(void);

#endif
