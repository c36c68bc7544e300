/*
 * fingerprint.c
 *		An error without what differs between two of the same kind.
 *
 * Process: any; no state.  It must never look behind the text's length.
 */
#include "fingerprint.h"

#include "ascii.h"

#define ID_MIN 8 /* so many hexadecimal digits and dashes, one a digit, are an id */

typedef struct Writer
{
	char *out;
	size_t n;
	size_t size;
} Writer;

static void
put(Writer *w, const char *s, size_t len)
{
	for (size_t i = 0; i < len && w->n + 1 < w->size; i++)
		w->out[w->n++] = s[i];
}

static void
put_word(Writer *w, const char *word)
{
	put(w, word, strlen(word));
}

/* The length of scheme://..., up to a blank, quote or bracket; 0 if here is none. */
static size_t
url_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && errand_ascii_is_alpha(s[n]))
		n++;
	if (n == 0 || len - n < 4 || memcmp(s + n, "://", 3) != 0)
		return 0;
	while (n < len && !errand_ascii_is_space(s[n]) && strchr("\"'<>()", s[n]) == NULL)
		n++;
	return n;
}

/* The length of a hexadecimal id, dashes within; 0 if here is none. */
static size_t
id_length(const char *s, size_t len)
{
	size_t n = 0;
	size_t digits = 0;

	while (n < len && (errand_ascii_hex(s[n]) >= 0 || (n > 0 && s[n] == '-')))
		digits += errand_ascii_is_digit(s[n++]);
	if (n < ID_MIN || digits == 0 || (n < len && errand_ascii_is_alnum(s[n])))
		return 0;
	return n;
}

/* The length of a number: digits, and what joins digits in times and addresses. */
static size_t
number_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len &&
		   (errand_ascii_is_digit(s[n]) || (n > 0 && n + 1 < len && strchr(".,:", s[n]) != NULL &&
											errand_ascii_is_digit(s[n + 1]))))
		n++;
	return n;
}

/* The length of a text in double quotes; 0 if here is none, or it does not end. */
static size_t
quoted_length(const char *s, size_t len)
{
	const char *end = s[0] == '"' ? memchr(s + 1, '"', len - 1) : NULL;

	return end != NULL ? (size_t) (end - s) + 1 : 0;
}

/* One piece of the text from s on; before: the byte before it.  Returns its length. */
static size_t
put_piece(Writer *w, const char *s, size_t len, char before)
{
	size_t n;

	if ((n = quoted_length(s, len)) > 0)
		put_word(w, "\"...\"");
	else if (errand_ascii_is_space(s[0]) || errand_ascii_is_control(s[0]))
	{
		for (n = 1; n < len && (errand_ascii_is_space(s[n]) || errand_ascii_is_control(s[n])); n++)
			;
		put_word(w, " ");
	}
	else if (!errand_ascii_is_alnum(before) && (n = url_length(s, len)) > 0)
		put_word(w, "<url>");
	else if (!errand_ascii_is_alnum(before) && (n = id_length(s, len)) > 0)
		put_word(w, "<id>");
	else if ((n = number_length(s, len)) > 0)
		put_word(w, "<n>");
	else
		put(w, s, n = 1);
	return n;
}

size_t
errand_fingerprint(const char *text, size_t len, char *out, size_t size)
{
	Writer w = {out, 0, size};
	size_t at = 0;

	if (size == 0)
		return 0;
	while (at < len && w.n + 1 < size)
		at += put_piece(&w, text + at, len - at, at > 0 ? text[at - 1] : ' ');
	out[w.n] = '\0';
	return w.n;
}
