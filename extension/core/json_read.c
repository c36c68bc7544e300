/*
 * json_read.c
 *		A strict reader of small JSON texts.
 *
 * Process: the relay; pure functions, no memory of their own.  Must never read
 * past len, and never go deeper than its bound.
 */
#include "ascii.h"
#include "json_read.h"

typedef struct Reader
{
	const char *p;
	const char *end;
	ErrandJson *out;
} Reader;

static bool value_read(Reader *r, int depth);

static void
skip_blanks(Reader *r)
{
	while (r->p < r->end && errand_ascii_is_space(*r->p))
		r->p++;
}

/* Is this the next byte?  Then it is taken. */
static bool
take(Reader *r, char c)
{
	skip_blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* A new piece; -1 if there are too many. */
static int
piece_add(Reader *r, ErrandJsonType type)
{
	int i = r->out->n;

	if (i == ERRAND_JSON_PIECES)
		return -1;
	r->out->n++;
	r->out->piece[i] = (ErrandJsonPiece){.type = type, .text = r->p, .next = i + 1};
	return i;
}

/* Four hexadecimal digits, or -1. */
static int
hex4(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int digit = errand_ascii_hex(p[i]);

		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/*
 * The character that an escape stands for, *p behind its backslash and moved
 * behind all of it; -1 if it is none, or a NUL, or half a surrogate pair.
 */
static long
escape_read(const char **p, const char *end)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int high;
	int low;

	if (*p == end)
		return -1;
	if (**p != 'u')
	{
		at = **p != '\0' ? strchr(letters, **p) : NULL;
		(*p)++;
		return at != NULL ? meant[at - letters] : -1;
	}
	high = hex4(*p + 1, end);
	if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff))
		return -1;
	*p += 5;
	if (high < 0xd800 || high > 0xdbff)
		return high;
	low = end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*p += 6;
	return 0x10000 + ((long) (high - 0xd800) << 10) + (low - 0xdc00);
}

static bool
string_read(Reader *r)
{
	int i;

	if (!take(r, '"'))
		return false;
	i = piece_add(r, ERRAND_JSON_STRING);
	if (i < 0)
		return false;
	while (r->p < r->end && *r->p != '"')
	{
		if (errand_ascii_is_control(*r->p) && *r->p != 0x7f)
			return false;
		if (*r->p++ == '\\' && escape_read(&r->p, r->end) < 0)
			return false;
	}
	r->out->piece[i].len = (size_t) (r->p - r->out->piece[i].text);
	return take(r, '"');
}

static bool
digits(Reader *r)
{
	const char *start = r->p;

	while (r->p < r->end && errand_ascii_is_digit(*r->p))
		r->p++;
	return r->p > start;
}

static bool
number_read(Reader *r)
{
	int i = piece_add(r, ERRAND_JSON_NUMBER);
	const char *first;

	if (i < 0)
		return false;
	if (*r->p == '-')
		r->p++;
	first = r->p;
	if (!digits(r) || (*first == '0' && r->p - first > 1))
		return false;
	if (r->p < r->end && *r->p == '.')
	{
		r->p++;
		if (!digits(r))
			return false;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E'))
	{
		r->p++;
		if (r->p < r->end && (*r->p == '+' || *r->p == '-'))
			r->p++;
		if (!digits(r))
			return false;
	}
	r->out->piece[i].len = (size_t) (r->p - r->out->piece[i].text);
	return true;
}

static bool
word_read(Reader *r, const char *word, ErrandJsonType type)
{
	size_t len = strlen(word);

	if ((size_t) (r->end - r->p) < len || memcmp(r->p, word, len) != 0 || piece_add(r, type) < 0)
		return false;
	r->p += len;
	return true;
}

/* Did the key that was read last stand in the object before? */
static bool
key_is_new(const Reader *r, int object, int key)
{
	char mine[256];
	char other[256];

	if (!errand_json_string(r->out, key, mine, sizeof(mine)))
		return true; /* too long for any that is asked for */
	for (int k = object + 1; k < key; k = r->out->piece[r->out->piece[k].next].next)
	{
		if (errand_json_string(r->out, k, other, sizeof(other)) && strcmp(mine, other) == 0)
			return false;
	}
	return true;
}

static bool
object_read(Reader *r, int depth)
{
	int i = piece_add(r, ERRAND_JSON_OBJECT);

	if (i < 0 || !take(r, '{'))
		return false;
	if (!take(r, '}'))
	{
		do
		{
			int key = r->out->n;

			if (!string_read(r) || !key_is_new(r, i, key) || !take(r, ':') ||
				!value_read(r, depth + 1))
				return false;
			r->out->piece[i].n++;
		} while (take(r, ','));
		if (!take(r, '}'))
			return false;
	}
	r->out->piece[i].next = r->out->n;
	return true;
}

static bool
array_read(Reader *r, int depth)
{
	int i = piece_add(r, ERRAND_JSON_ARRAY);

	if (i < 0 || !take(r, '['))
		return false;
	if (!take(r, ']'))
	{
		do
		{
			if (!value_read(r, depth + 1))
				return false;
			r->out->piece[i].n++;
		} while (take(r, ','));
		if (!take(r, ']'))
			return false;
	}
	r->out->piece[i].next = r->out->n;
	return true;
}

static bool
value_read(Reader *r, int depth)
{
	skip_blanks(r);
	if (r->p == r->end || depth >= ERRAND_JSON_DEPTH)
		return false;
	switch (*r->p)
	{
		case '{':
			return object_read(r, depth);
		case '[':
			return array_read(r, depth);
		case '"':
			return string_read(r);
		case 't':
			return word_read(r, "true", ERRAND_JSON_TRUE);
		case 'f':
			return word_read(r, "false", ERRAND_JSON_FALSE);
		case 'n':
			return word_read(r, "null", ERRAND_JSON_NULL);
		default:
			return (*r->p == '-' || errand_ascii_is_digit(*r->p)) && number_read(r);
	}
}

bool
errand_json_read(const char *text, size_t len, ErrandJson *out)
{
	Reader r = {text, text + len, out};

	out->n = 0;
	if (!value_read(&r, 0))
		return false;
	skip_blanks(&r);
	return r.p == r.end;
}

int
errand_json_member(const ErrandJson *j, int object, const char *key)
{
	char name[256];
	int k = object + 1;

	if (object < 0 || j->piece[object].type != ERRAND_JSON_OBJECT)
		return -1;
	for (int i = 0; i < j->piece[object].n; i++)
	{
		if (errand_json_string(j, k, name, sizeof(name)) && strcmp(name, key) == 0)
			return k + 1;
		k = j->piece[k + 1].next;
	}
	return -1;
}

/* Appends a character as UTF-8; false if there is no room. */
static bool
utf8_add(long c, char *out, size_t size, size_t *n)
{
	unsigned char bytes[4];
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	if (*n + len >= size)
		return false;
	for (size_t i = len - 1; i > 0; i--)
	{
		bytes[i] = (unsigned char) (0x80 | (c & 0x3f));
		c >>= 6;
	}
	bytes[0] = (unsigned char) (len == 1 ? c : (0xf00 >> len) | c);
	memcpy(out + *n, bytes, len);
	*n += len;
	return true;
}

bool
errand_json_string(const ErrandJson *j, int piece, char *out, size_t size)
{
	const char *p;
	const char *end;
	size_t n = 0;

	if (piece < 0 || j->piece[piece].type != ERRAND_JSON_STRING || size == 0)
		return false;
	p = j->piece[piece].text;
	end = p + j->piece[piece].len;
	while (p < end)
	{
		if (*p != '\\')
		{
			if (n + 1 >= size)
				return false;
			out[n++] = *p++;
			continue;
		}
		p++;
		if (!utf8_add(escape_read(&p, end), out, size, &n))
			return false;
	}
	out[n] = '\0';
	return true;
}

bool
errand_json_int(const ErrandJson *j, int piece, long long *out)
{
	const ErrandJsonPiece *x;
	bool negative;
	int64_t value;

	if (piece < 0 || j->piece[piece].type != ERRAND_JSON_NUMBER)
		return false;
	x = &j->piece[piece];
	negative = x->text[0] == '-';
	if (!errand_ascii_uint(x->text + negative, x->len - negative, 18, &value))
		return false;
	*out = negative ? -value : value;
	return true;
}
