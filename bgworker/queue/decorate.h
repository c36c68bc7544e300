/*
 * decorate.h
 *		What define_task() says of a type beside its limits: log_execution and
 *		measure_performance.
 */
#ifndef ERRAND_DECORATE_H
#define ERRAND_DECORATE_H

#include "queue/run.h"

/* Reads which types differ from the default; within a transaction. */
extern void errand_decorations_read(void);

/* Whether wait and run times of the type are kept. */
extern bool errand_measured(const char *type);

/* A line in the server's log if the type says so: an attempt begins, or is over and settled. */
extern void errand_log_begin(const ErrandRun *r);
extern void errand_log_end(const ErrandRun *r);

#endif
