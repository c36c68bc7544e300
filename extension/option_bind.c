/*
 * option_bind.c
 *		Binds a function's arguments to options by their names.
 *
 * Runs in every backend.  The names are read from pg_proc once a session:
 * functions with thirty arguments are called often.
 */
#include "postgres.h"

#include "compat.h"
#include "funcapi.h"
#include "options.h"
#include "utils/inval.h"
#include "utils/syscache.h"

/* Which argument of a function is which option: made once a session. */
typedef struct BoundArgs
{
	Oid function;
	int n;
	int8 option[FUNC_MAX_ARGS];
	Oid type[FUNC_MAX_ARGS];
} BoundArgs;

#define MAX_BOUND 16
static BoundArgs bound[MAX_BOUND];
static int n_bound = 0;

static void
functions_changed(Datum arg, int cacheid, uint32 hash)
{
	n_bound = 0;
}

static void
bind_read(BoundArgs *b, Oid function, int nargs)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid *types;
	char **names;
	char *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	b->n = Min(get_func_arg_info(tuple, &types, &names, &modes), nargs);
	for (int i = 0; i < b->n; i++)
	{
		b->option[i] = names ? errand_option_by_name(names[i], strlen(names[i])) : -1;
		b->type[i] = types[i];
	}
	ReleaseSysCache(tuple);
	b->function = function;
}

static const BoundArgs *
bind_args(FunctionCallInfo fcinfo)
{
	static bool registered = false;
	Oid function = fcinfo->flinfo->fn_oid;
	BoundArgs fresh;

	for (int i = 0; i < n_bound; i++)
	{
		if (bound[i].function == function)
			return &bound[i];
	}
	if (!registered)
		CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
	registered = true;
	bind_read(&fresh, function, fcinfo->nargs);
	if (n_bound == MAX_BOUND)
		n_bound = 0;
	bound[n_bound] = fresh;
	return &bound[n_bound++];
}

void
errand_options_from_call(FunctionCallInfo fcinfo, ErrandOptions *o)
{
	const BoundArgs *b = bind_args(fcinfo);

	memset(o->given, 0, sizeof(o->given));
	for (int i = 0; i < b->n; i++)
	{
		int k = b->option[i];

		if (k < 0 || PG_ARGISNULL(i))
			continue;
		o->given[k] = true;
		o->value[k] = PG_GETARG_DATUM(i);
		o->type[k] = b->type[i];
	}
}
