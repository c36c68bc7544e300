/*
 * worker.h
 *		The worker's main, for the postmaster, and what it publishes.
 */
#ifndef ERRAND_WORKER_H
#define ERRAND_WORKER_H

#include "postgres.h"

#include "queue/run.h"

extern PGDLLEXPORT void errand_worker_main(Datum main_arg);

/* Publishes the numbers of the hosts this worker talks to. */
extern void errand_worker_hosts(void);

/* Adds the durations of a settled batch to its hosts' histograms. */
extern void errand_worker_host_runs(ErrandRun **runs, int n);

#endif
