/*
 * ascii.h
 *		Byte-wise ASCII helpers, the only ones the decision core uses.
 *
 * Process: any; pure inline functions.  Must never consult the locale: the
 * <ctype.h>, strtod() and strcasecmp() of libc change their answers with
 * lc_ctype and lc_numeric, and a URL that is refused in one database must be
 * refused in all of them.
 *
 * Every function takes a length; nothing here reads up to a NUL.
 */
#ifndef ERRAND_CORE_ASCII_H
#define ERRAND_CORE_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool
errand_ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char
errand_ascii_lower(char c)
{
	return (c >= 'A' && c <= 'Z') ? (char) (c + ('a' - 'A')) : c;
}

static inline bool
errand_ascii_is_alpha(char c)
{
	char l = errand_ascii_lower(c);

	return l >= 'a' && l <= 'z';
}

static inline bool
errand_ascii_is_alnum(char c)
{
	return errand_ascii_is_digit(c) || errand_ascii_is_alpha(c);
}

/* Blank, tab, newline, carriage return: what separates words in a setting. */
static inline bool
errand_ascii_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* C0 controls and DEL.  Bytes from 0x80 up are not controls here. */
static inline bool
errand_ascii_is_control(char c)
{
	unsigned char u = (unsigned char) c;

	return u < 0x20 || u == 0x7f;
}

/* The value of a hexadecimal digit of either case, or -1. */
static inline int
errand_ascii_hex(char c)
{
	char l = errand_ascii_lower(c);

	if (errand_ascii_is_digit(c))
		return c - '0';
	return (l >= 'a' && l <= 'f') ? l - 'a' + 10 : -1;
}

/* Are the len bytes at s equal to the word, which is lower case, ignoring case? */
static inline bool
errand_ascii_equals(const char *s, size_t len, const char *word)
{
	if (strlen(word) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (errand_ascii_lower(s[i]) != word[i])
			return false;
	return true;
}

/* Narrow [*s, *s + *len) to what lies between leading and trailing spaces. */
static inline void
errand_ascii_trim(const char **s, size_t *len)
{
	while (*len > 0 && errand_ascii_is_space(**s))
	{
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && errand_ascii_is_space((*s)[*len - 1]))
		(*len)--;
}

/*
 * A decimal number of 1..max_digits digits filling all len bytes.  No sign, no
 * blanks.  max_digits is at most 18, so nothing can overflow.
 */
static inline bool
errand_ascii_uint(const char *s, size_t len, size_t max_digits, int64_t *value)
{
	int64_t v = 0;

	if (len == 0 || len > max_digits || len > 18)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (!errand_ascii_is_digit(s[i]))
			return false;
		v = v * 10 + (s[i] - '0');
	}
	*value = v;
	return true;
}

#endif /* ERRAND_CORE_ASCII_H */
