/*
 * xml.c
 *		Makes XML of the wild readable for a strict parser.
 *
 * Process: any; pure functions.  The document is hostile: every byte is looked
 * at a constant number of times.
 */
#include "xml.h"

#include <string.h>

#include "ascii.h"
#include "charset.h"
#include "html.h"

#define REFERENCE_LONGEST 12 /* between & and ; */

typedef struct Cleaner
{
	const char *s;
	size_t len;
	size_t at;
	char *out;
	size_t n;
	bool refused;
} Cleaner;

size_t
errand_xml_clean_room(const char *s, size_t len)
{
	size_t room = len;

	for (size_t i = 0; i < len; i++)
		room += s[i] == '&' ? 4 : 0;
	return room + 1;
}

static bool
at_word(const Cleaner *c, const char *word)
{
	size_t n = strlen(word);

	return c->len - c->at >= n && errand_ascii_equals(c->s + c->at, n, word);
}

/* Where a mark ends that begins at or behind a place; the end, if nowhere. */
static size_t
behind(const Cleaner *c, size_t from, const char *mark)
{
	size_t n = strlen(mark);
	const char *p = c->s + from;
	const char *end = c->s + c->len;

	while ((size_t) (end - p) >= n && (p = memchr(p, mark[0], end - p - n + 1)) != NULL)
	{
		if (memcmp(p, mark, n) == 0)
			return (size_t) (p - c->s) + n;
		p++;
	}
	return c->len;
}

static void
put_byte(Cleaner *c, char byte)
{
	unsigned char b = (unsigned char) byte;

	if (b >= 0x20 || b == '\t' || b == '\n' || b == '\r')
		c->out[c->n++] = byte;
}

static void
copy_to(Cleaner *c, size_t end)
{
	while (c->at < end)
		put_byte(c, c->s[c->at++]);
}

/* A DOCTYPE goes; one that declares entities is not to be parsed at all. */
static void
skip_doctype(Cleaner *c)
{
	int depth = 0;
	char quote = '\0';

	for (; c->at < c->len; c->at++)
	{
		char b = c->s[c->at];

		if (at_word(c, "<!entity"))
			c->refused = true;
		if (quote != '\0')
			quote = b == quote ? '\0' : quote;
		else if (depth <= 1 && (b == '"' || b == '\''))
			quote = b;
		else if (b == '<' || b == '[')
			depth++;
		else if (b == ']' || (b == '>' && --depth <= 0))
		{
			depth -= b == ']';
			if (b == '>')
			{
				c->at++;
				return;
			}
		}
	}
}

/* The number behind "&#", or 0 if it is none that XML can hold. */
static uint32_t
number_of(const char *s, size_t len)
{
	bool hex = len > 0 && (s[0] == 'x' || s[0] == 'X');
	uint32_t n = 0;

	for (size_t i = hex ? 1 : 0; i < len; i++)
	{
		int digit = errand_ascii_hex(s[i]);

		if (digit < 0 || (!hex && digit > 9) || n > 0x10FFFF)
			return 0;
		n = n * (hex ? 16 : 10) + (uint32_t) digit;
	}
	if (n >= 0x80 && n <= 0x9F)
		return errand_western_char((unsigned char) n);
	if (n == '\t' || n == '\n' || n == '\r' || (n >= 0x20 && n < 0xD800) ||
		(n > 0xDFFF && n < 0xFFFE) || (n >= 0x10000 && n <= 0x10FFFF))
		return n;
	return 0;
}

/* What stands between & and ;: a character that is written out, or 0. */
static uint32_t
reference(const char *s, size_t len, bool *keep)
{
	static const char *const kept[] = {"amp", "lt", "gt", "quot", "apos"};
	uint32_t n;

	*keep = false;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		*keep |= strlen(kept[i]) == len && memcmp(s, kept[i], len) == 0;
	if (*keep)
		return 0;
	if (len > 1 && s[0] == '#')
	{
		n = number_of(s + 1, len - 1);
		*keep = n == '&' || n == '<' || n == '>';
		return n != 0 ? n : 0xFFFD;
	}
	return errand_html_entity(s, len);
}

static void
ampersand(Cleaner *c)
{
	size_t most = c->len - c->at - 1;
	const char *s = c->s + c->at + 1;
	const char *end = memchr(s, ';', most < REFERENCE_LONGEST + 1 ? most : REFERENCE_LONGEST + 1);
	bool keep = false;
	uint32_t found = end != NULL ? reference(s, end - s, &keep) : 0;

	if (keep)
		copy_to(c, (size_t) (end - c->s) + 1);
	else if (found != 0)
	{
		c->n += errand_utf8_put(found, c->out + c->n);
		c->at = (size_t) (end - c->s) + 1;
	}
	else
	{
		memcpy(c->out + c->n, "&amp;", 5);
		c->n += 5;
		c->at++;
	}
}

size_t
errand_xml_clean(const char *s, size_t len, char *out, bool *refused)
{
	Cleaner c = {s, len, 0, out, 0, false};

	while (c.at < len && (s[c.at] == ' ' || s[c.at] == '\n' || s[c.at] == '\r' || s[c.at] == '\t'))
		c.at++;
	if (at_word(&c, "<?xml") && len - c.at > 5 && (s[c.at + 5] == ' ' || s[c.at + 5] == '\n'))
		c.at = behind(&c, c.at, "?>");
	while (c.at < len && !c.refused)
	{
		if (s[c.at] == '&')
			ampersand(&c);
		else if (s[c.at] != '<')
			put_byte(&c, s[c.at++]);
		else if (at_word(&c, "<![cdata["))
			copy_to(&c, behind(&c, c.at, "]]>"));
		else if (at_word(&c, "<!--"))
			c.at = behind(&c, c.at + 4, "-->");
		else if (at_word(&c, "<!doctype"))
			skip_doctype(&c);
		else
			put_byte(&c, s[c.at++]);
	}
	*refused = c.refused;
	return c.n;
}
