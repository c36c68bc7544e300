/*
 * stream.h
 *		The stream process's main, for the postmaster.
 */
#ifndef ERRAND_STREAM_H
#define ERRAND_STREAM_H

#include "postgres.h"

extern PGDLLEXPORT void errand_stream_main(Datum main_arg);

#endif
