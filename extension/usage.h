/*
 * usage.h
 *		What a process uses.
 */
#ifndef ERRAND_USAGE_H
#define ERRAND_USAGE_H

#include "postgres.h"

/* CPU seconds, and bytes of memory of its own; each -1 if it is not known. */
extern void errand_process_usage(int pid, double *cpu, int64 *rss);

#endif
