/*
 * http_cookies.c
 *		A small jar of cookies: those that a host sets go back to that very
 *		host, and live as long as their task's attempt.
 *
 * Runs in worker processes, out of the loop.  Every byte is a stranger's: the
 * jar is bounded, and Domain and Path are not obeyed, so that no cookie ever
 * goes to another host.
 */
#include "postgres.h"

#include "core/ascii.h"
#include "core/header.h"
#include "core/url.h"
#include "kinds/http_cookies.h"
#include "lib/stringinfo.h"

#define COOKIES_MAX 50
#define COOKIE_BYTES_MAX 4096
#define COOKIES_BYTES_MAX 8192

typedef struct Cookie
{
	char *host;
	char *name;
	char *value;
	bool secure;
} Cookie;

static char *
host_of(const char *url, bool *https)
{
	ErrandUrlParts parts;
	char *host;

	if (url == NULL || !errand_url_split(url, strlen(url), &parts))
		return NULL;
	*https = parts.https;
	host = pnstrdup(parts.host, parts.host_len);
	for (char *p = host; *p; p++)
		*p = errand_ascii_lower(*p);
	return host;
}

static void
forget(List **jar, const char *host, const char *name)
{
	ListCell *cell;

	foreach (cell, *jar)
	{
		Cookie *c = lfirst(cell);

		if (strcmp(c->host, host) == 0 && strcmp(c->name, name) == 0)
		{
			*jar = list_delete_ptr(*jar, c);
			return;
		}
	}
}

/* One attribute of a cookie: Secure, or Max-Age that says it is over. */
static void
read_attribute(Cookie *c, const char *text, size_t len, bool *over)
{
	errand_ascii_trim(&text, &len);
	if (errand_ascii_equals(text, len, "secure"))
		c->secure = true;
	else if (len > 8 && errand_ascii_equals(text, 8, "max-age="))
		*over = text[8] == '-' || text[8] == '0';
}

/* name=value; attribute; ... */
static void
take_one(List **jar, const char *host, const char *text, size_t len)
{
	const char *stop = memchr(text, ';', len);
	const char *value = memchr(text, '=', stop ? (size_t) (stop - text) : len);
	size_t name_len = value ? (size_t) (value - text) : 0;
	const char *end = text + len;
	size_t value_len;
	Cookie *c;
	bool over = false;

	if (value == NULL || len > COOKIE_BYTES_MAX)
		return;
	value++;
	value_len = (size_t) ((stop ? stop : end) - value);
	errand_ascii_trim(&text, &name_len);
	errand_ascii_trim(&value, &value_len);
	if (!errand_is_token(text, name_len) || !errand_header_value_ok(value, value_len))
		return;
	c = palloc0(sizeof(Cookie));
	c->host = pstrdup(host);
	c->name = pnstrdup(text, name_len);
	c->value = pnstrdup(value, value_len);
	while (stop != NULL)
	{
		const char *from = stop + 1;

		stop = memchr(from, ';', end - from);
		read_attribute(c, from, (stop ? stop : end) - from, &over);
	}
	forget(jar, host, c->name);
	if (!over && list_length(*jar) < COOKIES_MAX)
		*jar = lappend(*jar, c);
}

void
errand_cookies_take(List **jar, const char *url, const char *head, size_t head_len)
{
	const char *end = head + head_len;
	bool https;
	char *host = host_of(url, &https);

	while (host != NULL && head < end)
	{
		const char *eol = memchr(head, '\n', end - head);
		const char *stop = eol ? eol : end;

		if (stop - head > 11 && errand_ascii_equals(head, 11, "set-cookie:"))
			take_one(jar, host, head + 11, stop - head - 11);
		head = stop + 1;
	}
}

static bool
goes(const Cookie *c, const char *host, bool https)
{
	return strcmp(c->host, host) == 0 && (https || !c->secure);
}

/* Of "a=1; b=2" those that the jar has nothing newer of. */
static void
append_given(StringInfo s, const List *jar, const char *host, bool https, const char *given)
{
	while (given != NULL && *given)
	{
		size_t len = strcspn(given, ";");
		size_t name_len = Min(strcspn(given, "="), len);
		bool newer = false;
		ListCell *cell;

		foreach (cell, jar)
		{
			Cookie *c = lfirst(cell);

			newer |= goes(c, host, https) && strlen(c->name) == name_len &&
					 memcmp(c->name, given, name_len) == 0;
		}
		if (!newer)
			appendStringInfo(s, "%s%.*s", s->len > 0 ? "; " : "", (int) len, given);
		given += len;
		given += strspn(given, "; ");
	}
}

char *
errand_cookies_for(const List *jar, const char *url, const char *given)
{
	StringInfoData s;
	bool https = false;
	char *host = host_of(url, &https);
	ListCell *cell;

	initStringInfo(&s);
	if (host == NULL)
		return NULL;
	append_given(&s, jar, host, https, given);
	foreach (cell, jar)
	{
		Cookie *c = lfirst(cell);

		if (goes(c, host, https) && s.len + strlen(c->name) + strlen(c->value) < COOKIES_BYTES_MAX)
			appendStringInfo(&s, "%s%s=%s", s.len > 0 ? "; " : "", c->name, c->value);
	}
	return s.len > 0 ? s.data : NULL;
}
