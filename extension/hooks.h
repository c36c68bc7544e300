/*
 * hooks.h
 *		What we must hear of in every backend: LISTEN, and databases or the
 *		extension coming and going.
 */
#ifndef ERRAND_HOOKS_H
#define ERRAND_HOOKS_H

#include "postgres.h"

/* Installs the hooks; once, from _PG_init, when preloaded. */
extern void errand_hooks_init(void);

/* At commit of this transaction the launcher looks at this database again. */
extern void errand_poke_at_commit(void);

/* Whether any backend of this database ever said LISTEN and still lives. */
extern bool errand_anybody_listens(void);

#endif
