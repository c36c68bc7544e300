/*
 * worker.h
 *		The worker's main, for the postmaster.
 */
#ifndef ERRAND_WORKER_H
#define ERRAND_WORKER_H

#include "postgres.h"

extern PGDLLEXPORT void errand_worker_main(Datum main_arg);

#endif
