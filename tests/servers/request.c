/*
 * request.c
 *		Growing buffers, taking a request apart, writing it down again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "counting.h"

void *
need_memory(void *memory)
{
	if (memory == NULL)
	{
		fputs("counting: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

void
buffer_reserve(Buffer *buffer, size_t more)
{
	if (buffer->len + more <= buffer->size)
		return;
	while (buffer->len + more > buffer->size)
		buffer->size = buffer->size == 0 ? 2048 : buffer->size * 2;
	buffer->data = need_memory(realloc(buffer->data, buffer->size));
}

void
buffer_add(Buffer *buffer, const void *data, size_t len)
{
	buffer_reserve(buffer, len);
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
}

void
buffer_printf(Buffer *buffer, const char *format, ...)
{
	va_list args;
	int len;

	buffer_reserve(buffer, 1024);
	va_start(args, format);
	len = vsnprintf(buffer->data + buffer->len, 1024, format, args);
	va_end(args);
	if (len < 0 || len >= 1024)
	{
		fprintf(stderr, "counting: too long for buffer_printf: %s\n", format);
		exit(1);
	}
	buffer->len += (size_t) len;
}

static bool
slice_is(Slice slice, const char *text)
{
	return slice.len == strlen(text) && strncasecmp(slice.data, text, slice.len) == 0;
}

static void
take_header(Request *request, Slice name, Slice value)
{
	if (slice_is(name, "content-length"))
		request->content_length = strtoull(value.data, NULL, 10);
	else if (slice_is(name, "connection"))
		request->keep_alive = !slice_is(value, "close");
	else if (slice_is(name, "expect"))
		request->expect_continue = slice_is(value, "100-continue");
	else if (slice_is(name, "transfer-encoding"))
		request->chunked = true;
	else if (slice_is(name, "x-errand-attempt"))
		request->attempt = value;
	else if (slice_is(name, "x-errand-task"))
		request->task = value;
	else if (slice_is(name, "idempotency-key"))
	{
		if (value.len >= 2 && value.data[0] == '"')
			value = (Slice){value.data + 1, value.len - 2};
		request->key = value;
	}
}

/* Parse the head that ends before "end"; false if it is no HTTP. */
bool
parse_head(Request *request, const char *data, const char *end)
{
	const char *line_end = memchr(data, '\r', (size_t) (end - data) + 1);
	const char *blank = memchr(data, ' ', (size_t) (line_end - data));
	const char *blank2 = NULL;

	memset(request, 0, sizeof(*request));
	request->keep_alive = true;
	if (blank != NULL)
		blank2 = memchr(blank + 1, ' ', (size_t) (line_end - blank - 1));
	if (blank2 == NULL || strncmp(blank2 + 1, "HTTP/1.", 7) != 0)
		return false;
	request->method = (Slice){data, (size_t) (blank - data)};
	request->target = (Slice){blank + 1, (size_t) (blank2 - blank - 1)};
	if (line_end == end)
		return true;
	request->headers = (Slice){line_end + 2, (size_t) (end - line_end - 2)};
	for (const char *line = line_end + 2; line < end; line = line_end + 2)
	{
		const char *colon;
		Slice value;

		line_end = memchr(line, '\r', (size_t) (end - line) + 1);
		colon = memchr(line, ':', (size_t) (line_end - line));
		if (colon == NULL)
			return false;
		value = (Slice){colon + 1, (size_t) (line_end - colon - 1)};
		while (value.len > 0 && (*value.data == ' ' || *value.data == '\t'))
			value = (Slice){value.data + 1, value.len - 1};
		take_header(request, (Slice){line, (size_t) (colon - line)}, value);
	}
	return true;
}

/* Bytes that are not ASCII come out as if they were Latin-1. */
void
add_json_string(Buffer *buffer, Slice text)
{
	buffer_add(buffer, "\"", 1);
	for (size_t i = 0; i < text.len; i++)
	{
		unsigned char byte = (unsigned char) text.data[i];

		if (byte == '"' || byte == '\\')
			buffer_printf(buffer, "\\%c", byte);
		else if (byte < ' ' || byte > '~')
			buffer_printf(buffer, "\\u%04x", byte);
		else
			buffer_add(buffer, &byte, 1);
	}
	buffer_add(buffer, "\"", 1);
}

void
add_base64(Buffer *buffer, Slice bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *data = (const unsigned char *) bytes.data;

	for (size_t i = 0; i < bytes.len; i += 3)
	{
		uint32_t group = (uint32_t) data[i] << 16;
		char text[4];

		if (i + 1 < bytes.len)
			group |= (uint32_t) data[i + 1] << 8;
		if (i + 2 < bytes.len)
			group |= data[i + 2];
		text[0] = digits[group >> 18];
		text[1] = digits[group >> 12 & 63];
		text[2] = digits[group >> 6 & 63];
		text[3] = digits[group & 63];
		if (i + 1 >= bytes.len)
			text[2] = '=';
		if (i + 2 >= bytes.len)
			text[3] = '=';
		buffer_add(buffer, text, 4);
	}
}
