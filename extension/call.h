/*
 * call.h
 *		How C outside our processes reaches the internal SQL functions.
 */
#ifndef ERRAND_CALL_H
#define ERRAND_CALL_H

#include "postgres.h"

#include "fmgr.h"

#define ERRAND_CALL_MAX_ARGS 40

/* Arguments of a call, filled one after another. */
typedef struct ErrandArgs
{
	int n;
	Datum value[ERRAND_CALL_MAX_ARGS];
	bool null[ERRAND_CALL_MAX_ARGS];
} ErrandArgs;

static inline void
errand_arg(ErrandArgs *a, Datum value)
{
	Assert(a->n < ERRAND_CALL_MAX_ARGS);
	a->value[a->n] = value;
	a->null[a->n++] = false;
}

static inline void
errand_arg_null(ErrandArgs *a)
{
	Assert(a->n < ERRAND_CALL_MAX_ARGS);
	a->value[a->n] = (Datum) 0;
	a->null[a->n++] = true;
}

/* A pointer Datum, or NULL for a null pointer. */
static inline void
errand_arg_pointer(ErrandArgs *a, const void *p)
{
	if (p != NULL)
		errand_arg(a, PointerGetDatum(p));
	else
		errand_arg_null(a);
}

/* A C string as text, or NULL. */
extern void errand_arg_text(ErrandArgs *a, const char *s);

/*
 * Calls errand.<name>, an internal function, with the rights of the
 * extension's owner; the caller's come back afterwards, on an error with the
 * abort.  Raises 55000 if the extension is not installed in this database.
 */
extern Datum errand_call(const char *name, const ErrandArgs *a, bool *isnull);

/* The same with the caller's own rights: for functions over the views. */
extern Datum errand_call_as_caller(const char *name, const ErrandArgs *a, bool *isnull);

/* The caller's rights, while those of the extension's owner are in force. */
typedef struct ErrandRights
{
	Oid user;
	int context;
} ErrandRights;

/*
 * Takes the rights of errand.<name>'s owner, who is returned, until
 * errand_rights_back(); an error gives them back with the abort.  Raises 55000
 * as errand_call().
 */
extern Oid errand_rights_take(const char *name, ErrandRights *mine);
extern void errand_rights_back(const ErrandRights *mine);

/* Whether the current role has the level ('submit', 'monitor', 'admin'). */
extern bool errand_may(const char *level);

/* Raises 42501 with a hint unless the current role has the level. */
extern void errand_require(const char *level);

/*
 * The first thing every public function that changes something does: checks
 * that the library is preloaded, and that nobody else's rights are borrowed.
 */
extern void errand_enter(void);

/* The same for one that changes nothing which anybody can see: also a token for looking may call it. */
extern void errand_enter_looking(void);

/* Raises 22023 unless the name is one of 1 to 200 characters without control characters. */
extern void errand_check_name(const char *what, const char *name);

/* Columns of a composite result, by name. */
extern char *errand_column_text(Datum row, const char *name);
extern int64 errand_column_int(Datum row, const char *name, int64 if_null);
extern char errand_column_char(Datum row, const char *name);
extern Datum errand_column(Datum row, const char *name, bool *isnull);

#endif
