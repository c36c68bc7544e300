/*
 * handler.c
 *		The functions that SQL tasks call, found by their signature.
 *
 * Runs in executors, as the submitter: whom he may not call, or see, is not
 * found.  Signatures are resolved when they are used, never executed as text.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "exec/handler.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define MAX_HANDLERS 1000

static HTAB *handlers = NULL;
static ErrandHandler *last = NULL;

static void
catalogs_changed(Datum arg, int cacheid, uint32 hash)
{
	HASH_SEQ_STATUS scan;
	ErrandHandler *h;

	hash_seq_init(&scan, handlers);
	while ((h = hash_seq_search(&scan)) != NULL)
		h->valid = false;
}

void
errand_handlers_init(void)
{
	HASHCTL info = {0};

	info.keysize = ERRAND_SIGNATURE_BYTES;
	info.entrysize = sizeof(ErrandHandler);
	info.hcxt = TopMemoryContext;
	handlers = hash_create("errand handlers", 64, &info, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	CacheRegisterSyscacheCallback(PROCOID, catalogs_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, catalogs_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, catalogs_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, catalogs_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMMEMROLE, catalogs_changed, (Datum) 0);
}

/* What errand.call() checked at submit: it may have been replaced since. */
static void
check(Oid function, ErrandHandler *h)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc p;
	bool fits;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	p = (Form_pg_proc) GETSTRUCT(tuple);
	fits = p->prokind == PROKIND_FUNCTION && !p->proretset &&
		   (p->prorettype == JSONBOID || p->prorettype == VOIDOID);
	h->returns_void = p->prorettype == VOIDOID;
	ReleaseSysCache(tuple);
	if (!fits)
		ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
						errmsg("%s is not a function that returns jsonb or void", h->signature)));
	if (!errand_may_execute(function, GetUserId()))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied for function %s", h->signature)));
}

static void
resolve(ErrandHandler *h)
{
	Oid function = DatumGetObjectId(
		DirectFunctionCall1(regprocedurein, CStringGetDatum(h->signature)));

	check(function, h);
	if (h->memory == NULL)
		h->memory = AllocSetContextCreate(TopMemoryContext, "errand handler", ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(h->memory);
	fmgr_info_cxt(function, &h->flinfo, h->memory);
	h->valid = true;
}

static ErrandHandler *
lookup(const char *signature)
{
	ErrandHandler *h;
	bool found;

	if (last != NULL && strcmp(last->signature, signature) == 0)
		return last;
	if (hash_get_num_entries(handlers) >= MAX_HANDLERS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("more than %d different handlers in one executor", MAX_HANDLERS)));
	h = hash_search(handlers, signature, HASH_ENTER, &found);
	if (!found)
	{
		h->valid = false;
		h->memory = NULL;
		h->mean_us = -1;
	}
	last = h;
	return h;
}

ErrandHandler *
errand_handler_find(const char *signature, size_t len)
{
	char name[ERRAND_SIGNATURE_BYTES];
	ErrandHandler *h;

	if (len >= sizeof(name))
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG), errmsg("the handler's signature is too long")));
	snprintf(name, sizeof(name), "%.*s", (int) len, signature);
	h = lookup(name);
	if (!h->valid)
		resolve(h);
	return h;
}

double
errand_handler_mean_us(const char *signature, size_t len)
{
	char name[ERRAND_SIGNATURE_BYTES];
	ErrandHandler *h;

	if (len >= sizeof(name))
		return -1;
	if (last != NULL && strlen(last->signature) == len &&
		memcmp(last->signature, signature, len) == 0)
		return last->mean_us;
	snprintf(name, sizeof(name), "%.*s", (int) len, signature);
	h = hash_search(handlers, name, HASH_FIND, NULL);
	return h != NULL ? h->mean_us : -1;
}

Jsonb *
errand_handler_call(ErrandHandler *h, Jsonb *args)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum d;

	InitFunctionCallInfoData(*fcinfo, &h->flinfo, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = JsonbPGetDatum(args);
	fcinfo->args[0].isnull = false;
	d = FunctionCallInvoke(fcinfo);
	return fcinfo->isnull || h->returns_void ? NULL : DatumGetJsonbP(d);
}

void
errand_handler_forget(ErrandHandler *h)
{
	h->valid = false;
}
