/*
 * db_api.h
 *		What the relay asks of the database, within a transaction of db.h.
 */
#ifndef ERRAND_DB_API_H
#define ERRAND_DB_API_H

#include "postgres.h"

#include "level.h"

/*
 * Calls errand._api(route, args, now) as the role, with no more than level.
 * args is JSON; returns JSON, palloc'd.  Raises what it raises, and 57014 if it
 * takes too long.
 */
extern char *errand_db_api(Oid role, ErrandLevel level, const char *route, const char *args);

/* errand._stats(), as JSON, palloc'd. */
extern char *errand_db_stats(void);

/* What a source stored in one go, as errand._source_news() tells it: JSON, palloc'd; "null" if it is gone. */
extern char *errand_db_source_news(int64 id);

/* The version of the extension that is installed here, palloc'd; NULL if none is. */
extern char *errand_db_version(void);

#endif
