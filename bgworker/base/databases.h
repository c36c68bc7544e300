/*
 * databases.h
 *		The databases of the cluster, and which of them want a probe.
 */
#ifndef ERRAND_DATABASES_H
#define ERRAND_DATABASES_H

#include "postgres.h"

/* All databases that may be connected to and are no templates; palloc'd. */
extern Oid *errand_databases_list(int *n);

/* Databases not seen before want a probe. */
extern void errand_databases_remember(const Oid *oids, int n);

/* The next that wants one, or InvalidOid. */
extern Oid errand_databases_next_probe(void);

/* It was visited, or a visit was tried. */
extern void errand_databases_probed(Oid oid);

#endif
