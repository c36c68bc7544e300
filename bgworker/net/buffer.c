/*-------------------------------------------------------------------------
 *
 * buffer.c
 *	  Growing byte buffers and the few text helpers of bgworker/net.
 *
 * Runs in the errand worker, also inside curl's callbacks.  Must never throw:
 * running out of memory is a false.
 *
 *-------------------------------------------------------------------------
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ascii.h"
#include "net/internal.h"

/* Room for size bytes and a NUL beyond them. */
bool
errand_netbuf_reserve(ErrandBuffer *b, size_t size)
{
	char *data;
	size_t grown = b->size < 1024 ? 1024 : b->size;

	if (size < b->size)
		return true;
	if (size > SIZE_MAX / 4)
		return false;
	while (grown <= size)
		grown *= 2;
	data = realloc(b->data, grown);
	if (data == NULL)
		return false;
	b->data = data;
	b->size = grown;
	return true;
}

bool
errand_netbuf_append(ErrandBuffer *b, const void *data, size_t len)
{
	if (!errand_netbuf_reserve(b, b->len + len))
		return false;
	memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
	return true;
}

/* Empty it for the next transfer; what grew large goes back to malloc. */
void
errand_netbuf_recycle(ErrandBuffer *b)
{
	if (b->size > ERRAND_BUFFER_KEPT)
		errand_netbuf_free(b);
	b->len = 0;
}

void
errand_netbuf_free(ErrandBuffer *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

uint32_t
errand_net_hash(const char *s)
{
	uint32_t h = 2166136261u; /* FNV-1a */

	while (*s)
		h = (h ^ (unsigned char) *s++) * 16777619u;
	return h;
}

void
errand_net_lower(char *s)
{
	for (; *s; s++)
		*s = errand_ascii_lower(*s);
}

/*
 * The value of the first header line of that (lower-case) name, without blanks
 * around it, or NULL.  head: lines as errand_receive_head keeps them.
 */
const char *
errand_net_find_header(const ErrandBuffer *head, const char *name, size_t *len)
{
	const char *line = head->data;
	const char *end = head->data + head->len;
	size_t name_len = strlen(name);

	while (head->len > 0 && line < end)
	{
		const char *eol = memchr(line, '\n', (size_t) (end - line));

		if (eol == NULL)
			eol = end;
		if ((size_t) (eol - line) > name_len && line[name_len] == ':' &&
			errand_ascii_lower(line[0]) == name[0] && errand_ascii_equals(line, name_len, name))
		{
			const char *value = line + name_len + 1;

			*len = (size_t) (eol - value);
			errand_ascii_trim(&value, len);
			return value;
		}
		line = eol + 1;
	}
	return NULL;
}

/* "250 ms", "1.5 s", "30 s". */
void
errand_net_format_ms(char *buf, size_t size, int64_t ms)
{
	if (ms < 1000)
		snprintf(buf, size, "%" PRId64 " ms", ms);
	else if (ms % 1000 == 0)
		snprintf(buf, size, "%" PRId64 " s", ms / 1000);
	else
		snprintf(buf, size, "%" PRId64 ".%" PRId64 " s", ms / 1000, ms % 1000 / 100);
}
