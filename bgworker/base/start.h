/*
 * start.h
 *		Asks the postmaster for our processes.
 */
#ifndef ERRAND_START_H
#define ERRAND_START_H

#include "postgres.h"

#include "shared.h"

/*
 * Asks for a process: worker, relay, executor (role: whom it is connected as)
 * or probe.  False if there is no slot, which is warned of once a minute.
 */
extern bool errand_start_process(ErrandKindOfProcess kind, Oid database, int number, Oid role);

/* Whether the last try of this process found no free slot. */
extern bool errand_start_failed(void);

#endif
