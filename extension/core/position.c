/*
 * position.c
 *		Positions as text.
 *
 * Process: the relay; pure functions.  Must never take a text for a position
 * that it would not have written itself.
 */
#include "ascii.h"
#include "position.h"

static size_t
number_write(uint64_t n, unsigned base, char *out)
{
	char digits[24];
	size_t len = 0;

	do
	{
		digits[len++] = "0123456789abcdefghijklmnopqrstuvwxyz"[n % base];
		n /= base;
	} while (n > 0);
	for (size_t i = 0; i < len; i++)
		out[i] = digits[len - 1 - i];
	return len;
}

size_t
errand_position_write(ErrandPosition p, char out[ERRAND_POSITION_BYTES])
{
	size_t len = 0;

	out[len++] = 'k';
	len += number_write(p.epoch, 36, out + len);
	out[len++] = ':';
	len += number_write(p.number, 10, out + len);
	out[len] = '\0';
	return len;
}

/* Digits up to the end; no leading zero, no overflow. */
static bool
number_read(const char *text, size_t len, unsigned base, uint64_t *out)
{
	uint64_t n = 0;

	if (len == 0 || (len > 1 && text[0] == '0'))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		unsigned digit;

		if (errand_ascii_is_digit(text[i]))
			digit = (unsigned) (text[i] - '0');
		else if (text[i] >= 'a' && text[i] <= 'z')
			digit = (unsigned) (text[i] - 'a') + 10;
		else
			return false;
		if (digit >= base || n > (UINT64_MAX - digit) / base)
			return false;
		n = n * base + digit;
	}
	*out = n;
	return true;
}

bool
errand_position_read(const char *text, size_t len, ErrandPosition *out)
{
	const char *colon = len > 0 ? memchr(text, ':', len) : NULL;
	size_t head;

	if (colon == NULL || text[0] != 'k')
		return false;
	head = (size_t) (colon - text);
	return number_read(text + 1, head - 1, 36, &out->epoch) &&
		   number_read(colon + 1, len - head - 1, 10, &out->number);
}
