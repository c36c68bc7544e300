/*
 * charset.c
 *		What characters bytes stand for: names of charsets, UTF-16, windows-1252.
 *
 * Process: any; pure functions.
 */
#include "charset.h"

#include <string.h>

#include "ascii.h"

#define DECLARATION_BYTES 256 /* an XML declaration ends before */

/* Bytes 0x80 to 0x9f of windows-1252; 0: none, the control character. */
static const uint16_t western[32] = {0x20AC, 0,		 0x201A, 0x0192, 0x201E, 0x2026, 0x2020,
									 0x2021, 0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,
									 0x017D, 0,		 0,		 0x2018, 0x2019, 0x201C, 0x201D,
									 0x2022, 0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A,
									 0x0153, 0,		 0x017E, 0x0178};

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		   (c != '\0' && strchr("-_.:+", c) != NULL);
}

/* Where a word stands in lower or upper case, or NULL. */
static const char *
find_word(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
	{
		if (errand_ascii_equals(s + i, n, word))
			return s + i + n;
	}
	return NULL;
}

/* Takes the name behind "charset", with = and quotes before it. */
static bool
take_name(const char *p, const char *end, char name[ERRAND_CHARSET_BYTES])
{
	size_t n = 0;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n' || *p == '='))
		p++;
	if (p < end && (*p == '"' || *p == '\''))
		p++;
	while (p < end && is_name_char(*p) && n < ERRAND_CHARSET_BYTES - 1)
		name[n++] = errand_ascii_lower(*p++);
	name[n] = '\0';
	return n > 0;
}

static bool
begins(const char *s, size_t len, const char *bytes, size_t n)
{
	return len >= n && memcmp(s, bytes, n) == 0;
}

static bool
of_xml(const char *s, size_t len, char name[ERRAND_CHARSET_BYTES])
{
	const char *end;
	const char *p;

	while (len > 0 && (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n'))
		s++, len--;
	if (!begins(s, len, "<?xml", 5))
		return false;
	len = len < DECLARATION_BYTES ? len : DECLARATION_BYTES;
	end = memchr(s, '>', len);
	if (end == NULL)
		return false;
	p = find_word(s, end - s, "encoding");
	return p != NULL && take_name(p, end, name);
}

void
errand_charset_find(const char *s, size_t len, const char *content_type, size_t *skip,
					char name[ERRAND_CHARSET_BYTES])
{
	const char *p;

	*skip = 0;
	strcpy(name, "utf-8");
	if (begins(s, len, "\xEF\xBB\xBF", 3))
		*skip = 3;
	else if (begins(s, len, "\xFF\xFE", 2) || begins(s, len, "\xFE\xFF", 2))
	{
		*skip = 2;
		strcpy(name, s[0] == '\xFF' ? "utf-16le" : "utf-16be");
	}
	else if (begins(s, len, "<\0", 2) || begins(s, len, "{\0", 2) || begins(s, len, "[\0", 2))
		strcpy(name, "utf-16le");
	else if (begins(s, len, "\0<", 2) || begins(s, len, "\0{", 2) || begins(s, len, "\0[", 2))
		strcpy(name, "utf-16be");
	else if (content_type != NULL &&
			 (p = find_word(content_type, strlen(content_type), "charset")) != NULL &&
			 take_name(p, content_type + strlen(content_type), name))
		return;
	else if (!of_xml(s, len, name))
		strcpy(name, "utf-8");
}

bool
errand_charset_is_western(const char *name)
{
	static const char *const names[] = {"iso-8859-1", "iso8859-1", "iso_8859-1", "latin1",
										"latin-1",	  "us-ascii",  "ascii",		 "windows-1252",
										"cp1252",	  "cp-1252",   "x-cp1252",	 "ansi"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

size_t
errand_utf8_put(uint32_t c, char *out)
{
	if (c < 0x80)
	{
		out[0] = (char) c;
		return 1;
	}
	if (c < 0x800)
	{
		out[0] = (char) (0xC0 | (c >> 6));
		out[1] = (char) (0x80 | (c & 0x3F));
		return 2;
	}
	if (c < 0x10000)
	{
		out[0] = (char) (0xE0 | (c >> 12));
		out[1] = (char) (0x80 | ((c >> 6) & 0x3F));
		out[2] = (char) (0x80 | (c & 0x3F));
		return 3;
	}
	out[0] = (char) (0xF0 | (c >> 18));
	out[1] = (char) (0x80 | ((c >> 12) & 0x3F));
	out[2] = (char) (0x80 | ((c >> 6) & 0x3F));
	out[3] = (char) (0x80 | (c & 0x3F));
	return 4;
}

static uint32_t
unit_at(const char *s, bool big_endian)
{
	unsigned char a = (unsigned char) s[0];
	unsigned char b = (unsigned char) s[1];

	return big_endian ? (uint32_t) (a << 8 | b) : (uint32_t) (b << 8 | a);
}

size_t
errand_utf16_to_utf8(const char *s, size_t len, bool big_endian, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i + 2 <= len; i += 2)
	{
		uint32_t c = unit_at(s + i, big_endian);

		if (c >= 0xD800 && c <= 0xDFFF)
		{
			uint32_t low = i + 4 <= len ? unit_at(s + i + 2, big_endian) : 0;

			if (c <= 0xDBFF && low >= 0xDC00 && low <= 0xDFFF)
			{
				c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
				i += 2;
			}
			else
				c = 0xFFFD;
		}
		n += errand_utf8_put(c, out + n);
	}
	return n;
}

uint32_t
errand_western_char(unsigned char byte)
{
	if (byte >= 0x80 && byte <= 0x9F && western[byte - 0x80] != 0)
		return western[byte - 0x80];
	return byte;
}

size_t
errand_western_to_utf8(const char *s, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += errand_utf8_put(errand_western_char((unsigned char) s[i]), out + n);
	return n;
}
