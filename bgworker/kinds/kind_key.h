/*
 * kind_key.h
 *		What names a run to the other side, the same for all of its attempts:
 *		made from this installation's secret, so that nobody can guess it.
 */
#ifndef ERRAND_KIND_KEY_H
#define ERRAND_KIND_KEY_H

#include "queue/run.h"

#define ERRAND_RUN_KEY_BYTES 32

/* The secret of this installation, as read at start or after a restore. */
extern void errand_run_key_secret(const char *secret);

/* A digest of the run; another purpose gives another one. */
extern void
errand_run_key(const ErrandRun *run, const char *purpose, uint8 digest[ERRAND_RUN_KEY_BYTES]);

#endif
