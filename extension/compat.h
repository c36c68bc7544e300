/*
 * compat.h
 *		Everything that differs between PostgreSQL 14 and 18, in one place.
 */
#ifndef ERRAND_COMPAT_H
#define ERRAND_COMPAT_H

#include "postgres.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#if PG_VERSION_NUM < 140000
#error "pg_errand needs PostgreSQL 14 or newer"
#endif

/* Shared memory is requested in a hook since 15, straight from _PG_init before. */
#if PG_VERSION_NUM >= 150000
#define ERRAND_HAS_SHMEM_REQUEST_HOOK 1
#endif

/* 14 has no MarkGUCPrefixReserved. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 14 has no MERGE. */
#if PG_VERSION_NUM >= 150000
#define ERRAND_IS_MERGE(node) IsA(node, MergeStmt)
#else
#define ERRAND_IS_MERGE(node) false
#endif

/* Entries in a table's indexes for a row that is in it. */
#if PG_VERSION_NUM >= 160000
#define ERRAND_INSERT_INDEX_TUPLES(info, slot, estate)                                             \
	list_free(ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL, false))
#else
#define ERRAND_INSERT_INDEX_TUPLES(info, slot, estate)                                             \
	list_free(ExecInsertIndexTuples(info, slot, estate, false, false, NULL, NIL))
#endif

/* Positions in the proc array: 17 moved pgprocno behind a macro. */
#if PG_VERSION_NUM >= 170000
#define ERRAND_MY_PROCNO ((int) MyProcNumber)
#else
#define ERRAND_MY_PROCNO (MyProc->pgprocno)
#endif

/* How many backends can ever exist: not known to _PG_init before 15. */
static inline int
errand_max_backends(void)
{
#if PG_VERSION_NUM >= 150000
	if (MaxBackends > 0)
		return MaxBackends;
#endif
	return MaxConnections + max_worker_processes + 64;
}

/* What check hooks hand on is freed by guc.c: with free() before 16. */
static inline void *
errand_guc_malloc(size_t size)
{
#if PG_VERSION_NUM >= 160000
	return guc_malloc(LOG, size);
#else
	return malloc(size);
#endif
}

static inline void
errand_guc_free(void *p)
{
#if PG_VERSION_NUM >= 160000
	guc_free(p);
#else
	free(p);
#endif
}

/* Named wait events exist since 17. */
#if PG_VERSION_NUM >= 170000
#define ERRAND_WAIT_EVENT(name) errand_wait_event(name)
static inline uint32
errand_wait_event(const char *name)
{
	return WaitEventExtensionNew(name);
}
#else
#define ERRAND_WAIT_EVENT(name) PG_WAIT_EXTENSION
#endif

/* The wait event set lost its memory context argument in 17 for a resource owner. */
#if PG_VERSION_NUM >= 170000
#define ERRAND_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(NULL, (n))
#else
#define ERRAND_CREATE_WAIT_EVENT_SET(n) CreateWaitEventSet(TopMemoryContext, (n))
#endif

/* Roles that may not log in can have executors since 17. */
#if PG_VERSION_NUM >= 170000
#define ERRAND_BYPASS_LOGIN_CHECK BGWORKER_BYPASS_ROLELOGINCHECK
#define ERRAND_NOLOGIN_MAY_RUN true
#else
#define ERRAND_BYPASS_LOGIN_CHECK 0
#define ERRAND_NOLOGIN_MAY_RUN false
#endif

/* A timeout that comes again and again, since 15; before, it comes once. */
#if PG_VERSION_NUM >= 150000
#define ERRAND_ENABLE_TIMEOUT_EVERY(id, ms)                                                        \
	enable_timeout_every((id),                                                                     \
						 TimestampTzPlusMilliseconds(GetCurrentStatementStartTimestamp(), (ms)),   \
						 (ms))
#else
#define ERRAND_ENABLE_TIMEOUT_EVERY(id, ms) enable_timeout_after((id), (ms))
#endif

/* Random numbers for jitter: not for secrets. */
#if PG_VERSION_NUM >= 150000
#include "common/pg_prng.h"
static inline double
errand_random01(void)
{
	return pg_prng_double(&pg_global_prng_state);
}
#else
static inline double
errand_random01(void)
{
	return (double) random() / ((double) MAX_RANDOM_VALUE + 1);
}
#endif

/* Ownership checks were unified in 16. */
#include "catalog/pg_database.h"
#include "utils/acl.h"
static inline bool
errand_owns_database(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

#include "catalog/pg_extension.h"
static inline bool
errand_owns_extension(Oid extension, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(ExtensionRelationId, extension, role);
#else
	return pg_extension_ownercheck(extension, role);
#endif
}

/* The start of a utility hook's parameter list has not changed since 14. */
#if PG_VERSION_NUM >= 180000
#include "utils/wait_event.h"
#endif

/* Rights on a function and on a database: unified in 16. */
#include "catalog/pg_proc.h"
static inline bool
errand_may_execute(Oid function, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, role, ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

static inline bool
errand_may_connect(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(DatabaseRelationId, database, role, ACL_CONNECT) == ACLCHECK_OK;
#else
	return pg_database_aclcheck(database, role, ACL_CONNECT) == ACLCHECK_OK;
#endif
}

#endif
