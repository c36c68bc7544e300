/*
 * executor.h
 *		The executor's main, for the postmaster.
 */
#ifndef ERRAND_EXECUTOR_H
#define ERRAND_EXECUTOR_H

#include "postgres.h"

extern PGDLLEXPORT void errand_executor_main(Datum main_arg);

#endif
