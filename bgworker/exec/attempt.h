/*
 * attempt.h
 *		One attempt of a SQL task: its handler in a subtransaction.
 */
#ifndef ERRAND_ATTEMPT_H
#define ERRAND_ATTEMPT_H

#include "postgres.h"

#include "queue/run.h"

/* Prepares timeouts and the like; once a process, after its start. */
extern void errand_attempts_init(void);

/* Whether the run may share a transaction: its handler was short before. */
extern bool errand_attempt_is_short(const ErrandRun *r);

/*
 * Runs the handler within the open transaction, in a subtransaction of its own.
 * True if the run is over: errand_run_over() was called, its effects are in
 * place if it succeeded.  False, with its subtransaction undone, if it failed
 * beside others (first is false): it is to run alone, before that counts.
 */
extern bool errand_attempt(ErrandRun *r, bool first);

/* It failed with this error, after its transaction had been undone: it is over. */
extern void errand_attempt_fail(ErrandRun *r, ErrorData *error);

#endif
