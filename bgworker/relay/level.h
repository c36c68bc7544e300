/*
 * level.h
 *		What a connection may do: the words of tokens and grants as bits.
 */
#ifndef ERRAND_RELAY_LEVEL_H
#define ERRAND_RELAY_LEVEL_H

#include <string.h>

typedef enum RelayLevels
{
	RELAY_NOTHING = 0,
	RELAY_SUBMIT = 1,
	RELAY_MONITOR = 2,
	RELAY_ADMIN = 4 | RELAY_SUBMIT | RELAY_MONITOR /* includes both; these do not include each other */
} RelayLevels;

/* The bits of a word; none for one that is no level. */
static inline RelayLevels
relay_level_of(const char *word)
{
	if (strcmp(word, "submit") == 0)
		return RELAY_SUBMIT;
	if (strcmp(word, "monitor") == 0)
		return RELAY_MONITOR;
	if (strcmp(word, "admin") == 0)
		return RELAY_ADMIN;
	return RELAY_NOTHING;
}

/* The word of what is left when a token's bits meet a grant's; NULL for nothing. */
static inline const char *
relay_level_name(RelayLevels level)
{
	return level == RELAY_ADMIN	  ? "admin" :
		   level == RELAY_MONITOR ? "monitor" :
		   level == RELAY_SUBMIT  ? "submit" :
									NULL;
}

#endif
