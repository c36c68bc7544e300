/*
 * mail_text.c
 *		The pieces of an e-mail: headers, encoded words, encoded bodies.
 *
 * Process: any; pure functions that write into the caller's buffer.  They must
 * never write beyond it and never let a value end its line.
 */
#include "mail_text.h"

#include <string.h>

#include "ascii.h"

#define LINE 76 /* where lines are folded */

void
errand_mail_put_char(ErrandMailText *t, char c)
{
	if (t->data != NULL && t->len < t->size)
		t->data[t->len] = c;
	t->len++;
	t->column = c == '\n' ? 0 : t->column + 1;
}

void
errand_mail_put(ErrandMailText *t, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		errand_mail_put_char(t, s[i]);
}

void
errand_mail_put_text(ErrandMailText *t, const char *s)
{
	errand_mail_put(t, s, strlen(s));
}

static void
put_base64_group(ErrandMailText *t, const unsigned char *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = (uint32_t) p[0] << 16 | (n > 1 ? (uint32_t) p[1] << 8 : 0) | (n > 2 ? p[2] : 0);

	errand_mail_put_char(t, digits[bits >> 18]);
	errand_mail_put_char(t, digits[bits >> 12 & 63]);
	errand_mail_put_char(t, n > 1 ? digits[bits >> 6 & 63] : '=');
	errand_mail_put_char(t, n > 2 ? digits[bits & 63] : '=');
}

void
errand_mail_put_base64(ErrandMailText *t, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i += 3)
	{
		if (t->column >= LINE)
			errand_mail_put_text(t, "\r\n");
		put_base64_group(t, (const unsigned char *) data + i, len - i < 3 ? len - i : 3);
	}
	if (t->column > 0)
		errand_mail_put_text(t, "\r\n");
}

/* How many of the len bytes go into room, without cutting a UTF-8 character. */
static size_t
whole_characters(const char *s, size_t len, size_t room)
{
	size_t n = len < room ? len : room;

	while (n > 0 && n < len && ((unsigned char) s[n] & 0xc0) == 0x80)
		n--;
	return n > 0 ? n : (len < room ? len : room);
}

/* RFC 2047: =?charset?B?...?=, in as many words as it takes, folded. */
static void
put_encoded_words(ErrandMailText *t, const char *s, size_t len, const char *charset)
{
	size_t frame = strlen(charset) + 7;

	while (len > 0)
	{
		size_t room = t->column + frame + 8 < LINE ? (LINE - 1 - t->column - frame) / 4 * 3 : 0;
		size_t n;

		if (room < 6 && t->column > 1)
		{
			errand_mail_put_text(t, "\r\n ");
			continue;
		}
		n = whole_characters(s, len, room < 6 ? 6 : room);
		errand_mail_put_text(t, "=?");
		errand_mail_put_text(t, charset);
		errand_mail_put_text(t, "?B?");
		for (size_t i = 0; i < n; i += 3)
			put_base64_group(t, (const unsigned char *) s + i, n - i < 3 ? n - i : 3);
		errand_mail_put_text(t, "?=");
		s += n;
		len -= n;
		if (len > 0)
			errand_mail_put_text(t, "\r\n ");
	}
}

/* Printable ASCII that nobody takes for an encoded word, with single blanks. */
bool
errand_mail_is_plain(const char *s, size_t len, size_t longest_word)
{
	size_t word = 0;

	if (len > 0 && (s[0] == ' ' || s[len - 1] == ' '))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if ((unsigned char) s[i] < 0x20 || (unsigned char) s[i] > 0x7e ||
			(s[i] == '=' && i + 1 < len && s[i + 1] == '?') || (s[i] == ' ' && s[i - 1] == ' '))
			return false;
		word = s[i] == ' ' ? 0 : word + 1;
		if (word > longest_word)
			return false;
	}
	return true;
}

/* Plain words, a new line where one does not fit; the first stays where it is. */
static void
put_words(ErrandMailText *t, const char *s, size_t len)
{
	size_t begin = t->column;

	while (len > 0)
	{
		const char *blank = memchr(s, ' ', len);
		size_t n = blank != NULL ? (size_t) (blank - s) : len;

		if (t->column > begin)
			errand_mail_put_text(t, t->column + 1 + n > LINE ? "\r\n " : " ");
		begin = 0;
		errand_mail_put(t, s, n);
		n += blank != NULL;
		s += n;
		len -= n;
	}
}

void
errand_mail_put_header(ErrandMailText *t, const char *name, const char *value, size_t len,
					   const char *charset)
{
	errand_mail_put_text(t, name);
	errand_mail_put_text(t, ": ");
	if (errand_mail_is_plain(value, len, LINE))
		put_words(t, value, len);
	else
		put_encoded_words(t, value, len, charset);
	errand_mail_put_text(t, "\r\n");
}

/* A header of the user's: words of any length, since the user may mean them so. */
void
errand_mail_put_users_header(ErrandMailText *t, const ErrandMailHeader *h, const char *charset)
{
	errand_mail_put(t, h->name.data, h->name.len);
	errand_mail_put_text(t, ": ");
	if (errand_mail_is_plain(h->value.data, h->value.len, ERRAND_MAIL_VALUE_MAX))
		put_words(t, h->value.data, h->value.len);
	else
		put_encoded_words(t, h->value.data, h->value.len, charset);
	errand_mail_put_text(t, "\r\n");
}

static void
put_address(ErrandMailText *t, const ErrandMailAddress *a, const char *charset)
{
	if (a->name_len == 0)
	{
		errand_mail_put(t, a->spec, a->spec_len);
		return;
	}
	if (errand_mail_is_plain(a->name, a->name_len, ERRAND_MAIL_NAME_MAX))
	{
		/* no quotes or backslashes can be in it */
		errand_mail_put_char(t, '"');
		errand_mail_put(t, a->name, a->name_len);
		errand_mail_put_char(t, '"');
	}
	else
		put_encoded_words(t, a->name, a->name_len, charset);
	errand_mail_put_text(t, t->column + a->spec_len + 4 > LINE ? "\r\n <" : " <");
	errand_mail_put(t, a->spec, a->spec_len);
	errand_mail_put_char(t, '>');
}

void
errand_mail_put_addresses(ErrandMailText *t, const char *name, const ErrandMailAddress *list, int n,
						  const char *charset)
{
	errand_mail_put_text(t, name);
	errand_mail_put_text(t, ": ");
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			errand_mail_put_text(t, ",\r\n ");
		put_address(t, &list[i], charset);
	}
	errand_mail_put_text(t, "\r\n");
}

/* Is there a line end at s?  Its length, else 0. */
static size_t
line_end(const char *s, size_t len)
{
	if (len > 1 && s[0] == '\r' && s[1] == '\n')
		return 2;
	return len > 0 && (s[0] == '\r' || s[0] == '\n');
}

/* Can the text go as it is, but for its line ends? */
static bool
is_seven_bit(const char *s, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++)
	{
		bool ends = line_end(s + i, len - i) > 0;

		if (ends && i > 0 && (s[i - 1] == ' ' || s[i - 1] == '\t'))
			return false;
		if (!ends &&
			((errand_ascii_is_control(s[i]) && s[i] != '\t') || (unsigned char) s[i] > 0x7e))
			return false;
		if (column == 0 && (s[i] == '.' || s[i] == 'F')) /* of "From " */
			return false;
		column = ends ? 0 : column + 1;
		if (column > LINE)
			return false;
	}
	return len == 0 || (s[len - 1] != ' ' && s[len - 1] != '\t');
}

static void
put_quoted(ErrandMailText *t, const char *s, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++)
	{
		size_t end = line_end(s + i, len - i);
		unsigned char c = (unsigned char) s[i];
		bool plain;

		if (end > 0)
		{
			errand_mail_put_text(t, "\r\n");
			i += end - 1;
			continue;
		}
		if (t->column >= LINE - 3)
			errand_mail_put_text(t, "=\r\n");
		plain = c >= 0x20 && c <= 0x7e && c != '=' &&
				!(t->column == 0 && (c == '.' || c == 'F' || c == '-'));
		if (c == ' ' && (i + 1 == len || line_end(s + i + 1, len - i - 1) > 0))
			plain = false;
		if (plain)
		{
			errand_mail_put_char(t, (char) c);
			continue;
		}
		errand_mail_put_char(t, '=');
		errand_mail_put_char(t, hex[c >> 4]);
		errand_mail_put_char(t, hex[c & 15]);
	}
}

/* The header that says how, the empty line, the text, and a line end. */
void
errand_mail_put_body(ErrandMailText *t, const char *data, size_t len)
{
	bool plain = is_seven_bit(data, len);

	errand_mail_put_text(t, plain ? "Content-Transfer-Encoding: 7bit\r\n\r\n" :
									"Content-Transfer-Encoding: quoted-printable\r\n\r\n");
	if (!plain)
		put_quoted(t, data, len);
	else
		for (size_t i = 0; i < len; i++)
		{
			size_t end = line_end(data + i, len - i);

			if (end == 0)
				errand_mail_put_char(t, data[i]);
			else
			{
				errand_mail_put_text(t, "\r\n");
				i += end - 1;
			}
		}
	if (t->column > 0)
		errand_mail_put_text(t, "\r\n");
}

bool
errand_mail_wire_ok(const char *data, size_t len)
{
	size_t column = 0;

	if (len < 2 || data[len - 1] != '\n')
		return false;
	for (size_t i = 0; i < len; i++)
	{
		char c = data[i];

		if (c == '\0' || (c == '\r' && (i + 1 == len || data[i + 1] != '\n')) ||
			(c == '\n' && (i == 0 || data[i - 1] != '\r')) || (c == '.' && column == 0))
			return false;
		column = c == '\n' ? 0 : column + 1;
		if (column > ERRAND_MAIL_LINE_MAX + 1)
			return false;
	}
	return true;
}
