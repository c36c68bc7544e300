/*
 * registry.c
 *		The list of kinds.  A new kind is one file and one line here.
 *
 * Runs in worker processes.
 */
#include "postgres.h"

#include "kinds/email.h"
#include "kinds/http.h"
#include "kinds/kind.h"
#include "kinds/sql.h"

static const ErrandKind *const kinds[] = {
	&errand_kind_http,
	&errand_kind_sql,
	&errand_kind_email,
	&errand_kind_source,
};

const ErrandKind *
errand_kind_find(const char *name)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
	{
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	}
	return NULL;
}
