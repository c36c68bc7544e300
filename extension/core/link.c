/*
 * link.c
 *		Reads Link headers (RFC 8288).
 *
 * Process: any.  Pure functions: must never allocate, ereport, consult the
 * locale or look at a byte outside the length given.
 */
#include "link.h"

#include "ascii.h"

typedef struct Reader
{
	const char *p;
	const char *end;
} Reader;

static void
skip_blanks(Reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t'))
		r->p++;
}

/* A token or a quoted string; the quotes are not part of it, a backslash is. */
static void
read_word(Reader *r, const char **word, size_t *len)
{
	if (r->p < r->end && *r->p == '"')
	{
		*word = ++r->p;
		while (r->p < r->end && *r->p != '"')
			r->p += *r->p == '\\' && r->end - r->p > 1 ? 2 : 1;
		*len = (size_t) (r->p - *word);
		if (r->p < r->end)
			r->p++;
		return;
	}
	*word = r->p;
	while (r->p < r->end && *r->p != ';' && *r->p != ',' && *r->p != '=' && *r->p != ' ' &&
		   *r->p != '\t')
		r->p++;
	*len = (size_t) (r->p - *word);
}

/* Is rel one of the words of this list? */
static bool
has_word(const char *list, size_t len, const char *rel)
{
	size_t at = 0;

	while (at < len)
	{
		size_t from;

		while (at < len && (list[at] == ' ' || list[at] == '\t'))
			at++;
		from = at;
		while (at < len && list[at] != ' ' && list[at] != '\t')
			at++;
		if (at > from && errand_ascii_equals(list + from, at - from, rel))
			return true;
	}
	return false;
}

/* ; name=value ...: is the first rel of them ours? */
static bool
read_parameters(Reader *r, const char *rel)
{
	bool seen = false;
	bool ours = false;

	for (;;)
	{
		const char *name;
		const char *value = "";
		size_t name_len;
		size_t value_len = 0;

		skip_blanks(r);
		if (r->p >= r->end || *r->p != ';')
			return ours;
		r->p++;
		skip_blanks(r);
		read_word(r, &name, &name_len);
		skip_blanks(r);
		if (r->p < r->end && *r->p == '=')
		{
			r->p++;
			skip_blanks(r);
			read_word(r, &value, &value_len);
		}
		if (!seen && errand_ascii_equals(name, name_len, "rel"))
		{
			seen = true;
			ours = has_word(value, value_len, rel);
		}
	}
}

const char *
errand_link_find(const char *value, size_t len, const char *rel, size_t *target_len)
{
	Reader r = {value, value + len};

	while (r.p < r.end)
	{
		const char *target;
		const char *close;

		while (r.p < r.end && (*r.p == ' ' || *r.p == '\t' || *r.p == ','))
			r.p++;
		if (r.p >= r.end || *r.p != '<')
			return NULL;
		target = ++r.p;
		close = memchr(target, '>', (size_t) (r.end - target));
		if (close == NULL)
			return NULL;
		r.p = close + 1;
		if (read_parameters(&r, rel))
		{
			*target_len = (size_t) (close - target);
			return target;
		}
		skip_blanks(&r);
		if (r.p < r.end && *r.p != ',')
			return NULL; /* not what a Link header looks like */
	}
	return NULL;
}
