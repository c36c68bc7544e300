/*
 * submit.h
 *		What submitting shares with the rest of the extension.
 */
#ifndef ERRAND_SUBMIT_H
#define ERRAND_SUBMIT_H

#include "postgres.h"

#include "options.h"

/* A task type as far as submitting needs it. */
typedef struct ErrandTaskType
{
	const char *name;
	const char *kind;	 /* one of the table below */
	Jsonb *row;			 /* the type's options, or NULL for a built-in */
	Jsonb *template;	 /* or NULL */
	const char *handler; /* signature, of kind sql */
} ErrandTaskType;

/*
 * What a kind of task does with payloads at submit: one line in the table of
 * submit_payload.c.  The built-in type of a kind has its name.
 */
typedef struct ErrandPayloadKind
{
	const char *name;

	/* Options that stand in a payload go to o; what the engine reads is OPT_PAYLOAD then. */
	void (*lift)(Jsonb *payload, ErrandOptions *o);

	/* Raises 22023 unless the engine can run it; a template need not be complete. */
	void (*check)(Jsonb *payload, bool complete);
	const char *example; /* of a payload */
} ErrandPayloadKind;

/* NULL if there is no such kind; by number, NULL at the end. */
extern const ErrandPayloadKind *errand_payload_kind(const char *name);
extern const ErrandPayloadKind *errand_payload_kind_at(int i);

/* Submits a payload that is prepared and checked; returns the id. */
extern int64 errand_submit_prepared(const ErrandTaskType *t, ErrandOptions *o, Jsonb *payload);

/*
 * The function that a text names: with its schema, or found by the search_path
 * that the session began with; arguments default to (jsonb).  Raises 42883.
 */
extern Oid errand_sql_function(const char *name);

/* The signature of a function that can be a handler, and that the caller may call; else raises. */
extern const char *errand_sql_signature(Oid function);

/* The stored payload of a SQL task; raises 42501 if the caller's role can have no executor. */
extern Jsonb *errand_sql_payload(const char *signature, Jsonb *args);
extern Jsonb *errand_sql_payload_from_options(const ErrandOptions *o);
extern Jsonb *errand_sql_prepare(const ErrandTaskType *t, ErrandOptions *o, Jsonb *payload);

/* Raises 42501 if the caller's role can have no executor. */
extern void errand_sql_check_role(void);

/* Looks a type up; raises 42704 if there is none. */
extern void errand_type_find(const char *name, ErrandTaskType *t);

/*
 * The payload as the engine reads it, over the type's template and checked:
 * raises 22023.  Options of errand.http() that stand in it go to o, unless
 * they are given there.
 */
extern Jsonb *errand_payload_prepare(const ErrandTaskType *t, ErrandOptions *o);

/* Raises 22023 if a payload said how to run its task, where that is said elsewhere. */
extern void errand_payload_only(const ErrandOptions *o);

/* The type's name among the options; raises 22023 if it is not there. */
extern char *errand_required_task(const ErrandOptions *o);

/* Memory for what a task of many takes at submit: to be reset after each, and deleted. */
extern MemoryContext errand_submit_scratch(void);

/*
 * Whether any queue of this database may have a limit or drain: kept in shared
 * memory, so that most submits need not look.
 */
extern bool errand_queue_limits_exist(void);

/* Whether each payload of the type has a key of its own; then submit_many() submits one by one. */
extern bool errand_type_has_key(const ErrandTaskType *t);
extern int64 *errand_submit_each(const char *type, const ErrandOptions *o, int *n);

/* Submits what errand.submit() would of this type with these options: the task's id. */
extern int64 errand_submit_options(const char *type, ErrandOptions *o);

#endif
