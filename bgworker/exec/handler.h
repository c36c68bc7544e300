/*
 * handler.h
 *		The functions that SQL tasks call, found by their signature.
 */
#ifndef ERRAND_HANDLER_H
#define ERRAND_HANDLER_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

#define ERRAND_SIGNATURE_BYTES 512

typedef struct ErrandHandler
{
	char signature[ERRAND_SIGNATURE_BYTES]; /* key */
	bool valid;								/* since the catalogs last changed */
	bool returns_void;
	FmgrInfo flinfo;
	MemoryContext memory; /* what flinfo points to */
	double mean_us;		  /* how long it took of late; negative: never ran */
} ErrandHandler;

/* Prepares the table; once a process. */
extern void errand_handlers_init(void);

/*
 * The handler of a signature, resolved with the rights of the session's user.
 * Raises 42883 or 42501 if there is none, or it may not be called.
 */
extern ErrandHandler *errand_handler_find(const char *signature, size_t len);

/* How long it took of late, in microseconds; negative: not known.  Raises nothing. */
extern double errand_handler_mean_us(const char *signature, size_t len);

/* Calls it; the result, or NULL.  Raises whatever it raises. */
extern Jsonb *errand_handler_call(ErrandHandler *h, Jsonb *args);

/* It raised: what the call left in its FmgrInfo is not to be used again. */
extern void errand_handler_forget(ErrandHandler *h);

#endif
