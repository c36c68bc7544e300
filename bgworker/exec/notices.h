/*
 * notices.h
 *		Keeps what a handler tells: NOTICE, WARNING and the like.
 */
#ifndef ERRAND_NOTICES_H
#define ERRAND_NOTICES_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Becomes this process's client; once, at its start. */
extern void errand_notices_init(void);

/* A handler begins: nothing was told yet. */
extern void errand_notices_begin(void);

/* How many were told, and each as [severity, sqlstate, message]; valid until the next begin. */
extern int errand_notices_count(void);
extern void errand_notices_push(JsonbParseState **state);

#endif
