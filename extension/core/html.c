/*
 * html.c
 *		The title of an HTML page.
 *
 * Process: any; pure functions.  The page is hostile: every byte is looked at
 * a constant number of times, since whatever is not closed ends the search.
 */
#include "html.h"

#include <string.h>

#include "ascii.h"

/* Elements whose content is no markup, or that have titles of their own. */
static const char *const skipped[] = {"script",	 "style",	 "textarea", "xmp", "iframe",
									  "noembed", "noframes", "svg",		 "math"};

typedef struct Page
{
	const char *s;
	size_t len;
	size_t at;
} Page;

typedef struct Out
{
	char *s;
	size_t len;
	bool blank; /* white space came last */
	bool utf8;
} Out;

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

/* Whether the name stands at a place, and ends there. */
static bool
name_at(const Page *p, size_t at, const char *name)
{
	size_t n = strlen(name);

	if (p->len - at < n + 1)
		return false;
	for (size_t i = 0; i < n; i++)
	{
		if (errand_ascii_lower(p->s[at + i]) != name[i])
			return false;
	}
	return is_blank(p->s[at + n]) || p->s[at + n] == '/' || p->s[at + n] == '>';
}

/* Goes behind the ">" that ends a tag; quoted values may hold others. */
static bool
skip_tag(Page *p, bool *empty)
{
	char before = ' '; /* the last byte that is no blank */

	while (p->at < p->len)
	{
		char c = p->s[p->at++];

		if (c == '>')
		{
			*empty = before == '/';
			return true;
		}
		if (before == '=' && (c == '"' || c == '\''))
		{
			const char *end = memchr(p->s + p->at, c, p->len - p->at);

			if (end == NULL)
				break;
			p->at = (size_t) (end - p->s) + 1;
		}
		if (!is_blank(c))
			before = c;
	}
	p->at = p->len;
	return false;
}

/* Goes behind a comment whose "<!--" begins at p->at. */
static bool
skip_comment(Page *p)
{
	for (size_t i = p->at + 4; i < p->len; i++)
	{
		/* "<!-->" is one, too */
		if (p->s[i] == '>' && p->s[i - 1] == '-' && p->s[i - 2] == '-')
		{
			p->at = i + 1;
			return true;
		}
	}
	p->at = p->len;
	return false;
}

/* Where "</name" begins, from p->at on; false: nowhere. */
static bool
find_close(const Page *p, const char *name, size_t *where)
{
	for (size_t i = p->at; i + 2 < p->len; i++)
	{
		const char *lt = memchr(p->s + i, '<', p->len - i);

		if (lt == NULL)
			return false;
		i = (size_t) (lt - p->s);
		if (i + 2 < p->len && p->s[i + 1] == '/' && name_at(p, i + 2, name))
		{
			*where = i;
			return true;
		}
	}
	return false;
}

/* Goes behind "<!", "<?" and what else is no tag. */
static bool
skip_declaration(Page *p)
{
	const char *end;

	if (p->len - p->at >= 4 && memcmp(p->s + p->at, "<!--", 4) == 0)
		return skip_comment(p);
	end = memchr(p->s + p->at, '>', p->len - p->at);
	p->at = end ? (size_t) (end - p->s) + 1 : p->len;
	return end != NULL;
}

/* Goes behind a start tag, and behind its element if that is none to look into. */
static bool
skip_element(Page *p)
{
	const char *name = NULL;
	bool empty = false;

	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]) && name == NULL; i++)
	{
		if (name_at(p, p->at + 1, skipped[i]))
			name = skipped[i];
	}
	if (!skip_tag(p, &empty))
		return false;
	if (name == NULL || (empty && (strcmp(name, "svg") == 0 || strcmp(name, "math") == 0)))
		return true;
	return find_close(p, name, &p->at);
}

/* Goes behind the start tag of the first title. */
static bool
find_title(Page *p)
{
	const char *lt;
	bool empty;

	while (p->at < p->len && (lt = memchr(p->s + p->at, '<', p->len - p->at)) != NULL)
	{
		char next;

		p->at = (size_t) (lt - p->s);
		if (p->at + 1 >= p->len)
			return false;
		next = p->s[p->at + 1];
		if (name_at(p, p->at + 1, "title"))
			return skip_tag(p, &empty);
		if (errand_ascii_is_alpha(next))
		{
			if (!skip_element(p))
				return false;
		}
		else if (next == '!' || next == '?' || next == '/')
		{
			if (!skip_declaration(p))
				return false;
		}
		else
			p->at++;
	}
	return false;
}

static void
put_char(Out *o, char c)
{
	if (is_blank(c))
	{
		o->blank = o->len > 0;
		return;
	}
	if (o->blank)
		o->s[o->len++] = ' ';
	o->blank = false;
	o->s[o->len++] = c;
}

static void
put_code(Out *o, uint32_t c)
{
	if (c < 0x80)
		put_char(o, (char) c);
	else if (!o->utf8)
		put_char(o, '?');
	else if (c < 0x800)
	{
		put_char(o, (char) (0xc0 | (c >> 6)));
		put_char(o, (char) (0x80 | (c & 0x3f)));
	}
	else if (c < 0x10000)
	{
		put_char(o, (char) (0xe0 | (c >> 12)));
		put_char(o, (char) (0x80 | ((c >> 6) & 0x3f)));
		put_char(o, (char) (0x80 | (c & 0x3f)));
	}
	else
	{
		put_char(o, (char) (0xf0 | (c >> 18)));
		put_char(o, (char) (0x80 | ((c >> 12) & 0x3f)));
		put_char(o, (char) (0x80 | ((c >> 6) & 0x3f)));
		put_char(o, (char) (0x80 | (c & 0x3f)));
	}
}

/* What a number stands for: 128 to 159 mean Windows' characters, as in browsers. */
static uint32_t
code_of_number(uint32_t n)
{
	static const uint16_t windows[32] = {0x20ac, 0x81,	 0x201a, 0x192,	 0x201e, 0x2026, 0x2020,
										 0x2021, 0x2c6,	 0x2030, 0x160,	 0x2039, 0x152,	 0x8d,
										 0x17d,	 0x8f,	 0x90,	 0x2018, 0x2019, 0x201c, 0x201d,
										 0x2022, 0x2013, 0x2014, 0x2dc,	 0x2122, 0x161,	 0x203a,
										 0x153,	 0x9d,	 0x17e,	 0x178};

	if (n >= 0x80 && n <= 0x9f)
		return windows[n - 0x80];
	if (n == 0 || n > 0x10ffff || (n >= 0xd800 && n <= 0xdfff))
		return 0xfffd;
	return n;
}

static int
digit(char c, int base)
{
	int n = errand_ascii_hex(c);

	return n < base ? n : -1;
}

/* A number behind "&#"; returns the bytes it takes in all, 0 if it is none. */
static size_t
read_number(const char *s, size_t len, uint32_t *code)
{
	size_t i = 2;
	int base = 10;
	size_t first;
	uint32_t n = 0;

	if (i < len && errand_ascii_lower(s[i]) == 'x')
	{
		base = 16;
		i++;
	}
	for (first = i; i < len && digit(s[i], base) >= 0; i++)
	{
		if (n <= 0x10ffff)
			n = n * (uint32_t) base + (uint32_t) digit(s[i], base);
	}
	if (i == first)
		return 0;
	*code = code_of_number(n);
	return i < len && s[i] == ';' ? i + 1 : i;
}

/* The reference at an "&"; returns the bytes it takes, 0 if it is none. */
static size_t
read_reference(const char *s, size_t len, uint32_t *code)
{
	static const char *const bare[] = {"amp", "lt", "gt", "quot"};
	size_t n = 1;
	bool closed;

	if (len > 1 && s[1] == '#')
		return read_number(s, len, code);
	while (n < len && n <= ERRAND_HTML_ENTITY_LONGEST && (errand_ascii_is_alnum(s[n])))
		n++;
	*code = errand_html_entity(s + 1, n - 1);
	closed = n < len && s[n] == ';';
	if (*code == 0 || closed)
		return *code == 0 ? 0 : n + 1;
	for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
	{
		if (strlen(bare[i]) == n - 1 && memcmp(bare[i], s + 1, n - 1) == 0)
			return n;
	}
	return 0;
}

bool
errand_html_title(const char *s, size_t len, bool utf8, char *out, size_t *out_len)
{
	Page p = {s, len, 0};
	Out o = {out, 0, false, utf8};
	size_t end;

	if (!find_title(&p) || !find_close(&p, "title", &end))
		return false;
	while (p.at < end)
	{
		uint32_t code = 0;
		size_t n = s[p.at] == '&' ? read_reference(s + p.at, end - p.at, &code) : 0;

		if (n > 0)
			put_code(&o, code);
		else
			put_char(&o, s[p.at]);
		p.at += n > 0 ? n : 1;
	}
	*out_len = o.len;
	return true;
}
