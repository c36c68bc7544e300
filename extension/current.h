/*
 * current.h
 *		The task that this process runs, for functions called by its handler.
 */
#ifndef ERRAND_CURRENT_H
#define ERRAND_CURRENT_H

#include "postgres.h"

#include "shared.h"

/* Set by an executor around each handler; 0 and NULL anywhere else. */
extern int64 errand_current_task;
extern ErrandSlot *errand_current_slot;

#endif
