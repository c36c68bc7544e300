/*
 * level.h
 *		The levels of rights, and the cap that a token puts on its role's.
 */
#ifndef ERRAND_LEVEL_H
#define ERRAND_LEVEL_H

#include <stdbool.h>

/* Admin includes the two others, which do not include each other. */
typedef enum ErrandLevel
{
	ERRAND_LEVEL_NONE = 0,
	ERRAND_LEVEL_SUBMIT,
	ERRAND_LEVEL_MONITOR,
	ERRAND_LEVEL_ADMIN
} ErrandLevel;

/*
 * What errand_may(), errand_enter() and the views grant at most, whatever the
 * current role was granted.  ADMIN, the default, lowers nothing.  The relay sets
 * it to the token's level around each call it makes for a connection, and back
 * in any case, an error's included.
 */
extern ErrandLevel errand_level_cap;

/* 'submit', 'monitor' or 'admin', exactly so; NONE for anything else, NULL included. */
extern ErrandLevel errand_level_parse(const char *name);

/* The name that errand_level_parse() takes; "none" for NONE.  A static string. */
extern const char *errand_level_name(ErrandLevel level);

/* Does who has the first level have the second one? */
extern bool errand_level_includes(ErrandLevel has, ErrandLevel wanted);

/* What both grant: a token's level and its role's.  NONE for submit and monitor. */
extern ErrandLevel errand_level_both(ErrandLevel a, ErrandLevel b);

#endif
