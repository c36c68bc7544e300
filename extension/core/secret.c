/*
 * secret.c
 *		Finds references to secrets in a text.
 *
 * Process: any.  Pure functions: must never allocate, ereport or look at a
 * byte outside the length given.
 */
#include "secret.h"

#include <string.h>

#include "ascii.h"

static bool
is_name_byte(char c)
{
	return errand_ascii_is_alnum(c) || c == '_' || c == '.' || c == '-';
}

bool
errand_secret_name_ok(const char *name, size_t len)
{
	if (len < 1 || len > ERRAND_SECRET_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_name_byte(name[i]))
			return false;
	return true;
}

bool
errand_secret_next(const char *s, size_t len, size_t from, ErrandSecretRef *ref)
{
	const size_t prefix = strlen(ERRAND_SECRET_PREFIX);

	while (from < len && len - from > prefix)
	{
		const char *p = memchr(s + from, ERRAND_SECRET_PREFIX[0], len - from - prefix);
		size_t end;

		if (p == NULL)
			return false;
		from = (size_t) (p - s);
		end = from + prefix;
		if (memcmp(p, ERRAND_SECRET_PREFIX, prefix) == 0 && is_name_byte(s[end]))
		{
			ref->start = from;
			ref->name = s + end;
			while (end < len && is_name_byte(s[end]))
				end++;
			ref->end = end;
			ref->name_len = end - from - prefix;
			return true;
		}
		from++;
	}
	return false;
}
