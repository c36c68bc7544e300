/*
 * launcher.h
 *		Mains of the launcher and the probe, for the postmaster.
 */
#ifndef ERRAND_LAUNCHER_H
#define ERRAND_LAUNCHER_H

#include "postgres.h"

extern PGDLLEXPORT void errand_launcher_main(Datum main_arg);
extern PGDLLEXPORT void errand_probe_main(Datum main_arg);

#endif
