/*
 * source.h
 *		What tasks of kind source do: transform items, store rows.
 */
#ifndef ERRAND_EXEC_SOURCE_H
#define ERRAND_EXEC_SOURCE_H

#include "postgres.h"

#include "queue/run.h"
#include "utils/jsonb.h"

/* Whether the run is one of a source's stages. */
extern bool errand_is_source(const ErrandRun *r);

/* Does its work within the open subtransaction; returns its result. */
extern Jsonb *errand_source_work(const ErrandRun *r);

#endif
