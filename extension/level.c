/*
 * level.c
 *		The levels of rights, and the cap that a token puts on its role's.
 *
 * Runs in every process; only the relay lowers the cap.  It must never raise
 * what a role was granted.
 */
#include "postgres.h"

#include "level.h"

ErrandLevel errand_level_cap = ERRAND_LEVEL_ADMIN;

ErrandLevel
errand_level_parse(const char *name)
{
	for (ErrandLevel l = ERRAND_LEVEL_SUBMIT; l <= ERRAND_LEVEL_ADMIN; l++)
	{
		if (name != NULL && strcmp(name, errand_level_name(l)) == 0)
			return l;
	}
	return ERRAND_LEVEL_NONE;
}

const char *
errand_level_name(ErrandLevel level)
{
	switch (level)
	{
		case ERRAND_LEVEL_SUBMIT:
			return "submit";
		case ERRAND_LEVEL_MONITOR:
			return "monitor";
		case ERRAND_LEVEL_ADMIN:
			return "admin";
		case ERRAND_LEVEL_NONE:
			break;
	}
	return "none";
}

bool
errand_level_includes(ErrandLevel has, ErrandLevel wanted)
{
	return has == ERRAND_LEVEL_ADMIN || (has == wanted && has != ERRAND_LEVEL_NONE);
}

ErrandLevel
errand_level_both(ErrandLevel a, ErrandLevel b)
{
	if (a == ERRAND_LEVEL_ADMIN)
		return b;
	return b == ERRAND_LEVEL_ADMIN || a == b ? a : ERRAND_LEVEL_NONE;
}
