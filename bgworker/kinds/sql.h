/*
 * sql.h
 *		Kind sql: a function of the submitter's, run by an executor.
 */
#ifndef ERRAND_KIND_SQL_H
#define ERRAND_KIND_SQL_H

#include "kinds/kind.h"

extern const ErrandKind errand_kind_sql;
extern const ErrandKind errand_kind_source;

#endif
