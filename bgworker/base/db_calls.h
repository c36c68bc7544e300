/*
 * db_calls.h
 *		The statements of the SQL door, for db.c alone.
 */
#ifndef ERRAND_DB_CALLS_H
#define ERRAND_DB_CALLS_H

#include "base/db.h"

/* A call of an internal function, and the types of its arguments. */
typedef struct ErrandDbCallDef
{
	const char *sql;
	int n;
	Oid types[ERRAND_DB_MAX_ARGS];
} ErrandDbCallDef;

extern const ErrandDbCallDef errand_db_calls[DB_CALLS];

#endif
