/*
 * ws_frame.c
 *		Frames of WebSocket.
 *
 * Process: the relay; pure functions.  Must never take a frame that RFC 6455
 * forbids a client to send, nor trust a length.
 */
#include "ws_frame.h"

#include <string.h>

#include "http_head.h"

#define FIN 0x80
#define RESERVED 0x70
#define MASKED 0x80

static int
opcode(const ErrandWsReader *r)
{
	return r->head[0] & 0x0f;
}

static bool
is_control(const ErrandWsReader *r)
{
	return opcode(r) >= ERRAND_WS_OP_CLOSE;
}

/* Bytes of the length that follow the first two bytes. */
static size_t
length_bytes(const ErrandWsReader *r)
{
	int length = r->head[1] & 0x7f;

	return length == 126 ? 2 : length == 127 ? 8 : 0;
}

static size_t
head_bytes(const ErrandWsReader *r)
{
	return r->have < 2 ? 2 : 2 + length_bytes(r) + 4;
}

/* Is what the first two bytes say allowed here? */
static bool
start_ok(const ErrandWsReader *r)
{
	int op = opcode(r);

	if ((r->head[0] & RESERVED) != 0 || (r->head[1] & MASKED) == 0)
		return false;
	if (is_control(r))
		return op <= ERRAND_WS_OP_PONG && (r->head[0] & FIN) != 0 && length_bytes(r) == 0;
	return r->message != 0 ? op == 0 : op == ERRAND_WS_OP_TEXT || op == ERRAND_WS_OP_BINARY;
}

/* The head is there: what it says of the payload.  False: not in the shortest way, or too much. */
static bool
head_read(ErrandWsReader *r)
{
	size_t n = length_bytes(r);

	r->left = n == 0 ? r->head[1] & 0x7f : 0;
	for (size_t i = 0; i < n; i++)
		r->left = r->left << 8 | r->head[2 + i];
	if (r->left >> 63 != 0 || (n == 2 && r->left < 126) || (n == 8 && r->left < 65536))
		return false;
	if (!is_control(r) && r->message == 0)
		r->message = (uint8_t) opcode(r);
	r->turn = 0;
	r->control_len = 0;
	r->payload = true;
	return true;
}

/* Takes bytes of a head; false if it is none. */
static bool
head_next(ErrandWsReader *r, const char *data, size_t len, size_t *at)
{
	while (*at < len && r->have < head_bytes(r))
	{
		r->head[r->have++] = (uint8_t) data[(*at)++];
		if (r->have == 2 && !start_ok(r))
			return false;
	}
	return r->have < head_bytes(r) || head_read(r);
}

static void
unmask(ErrandWsReader *r, char *data, size_t len)
{
	const uint8_t *mask = r->head + 2 + length_bytes(r);

	for (size_t i = 0; i < len; i++)
		data[i] = (char) ((uint8_t) data[i] ^ mask[(r->turn + i) & 3]);
	r->turn = (uint8_t) ((r->turn + len) & 3);
	r->left -= len;
}

/* The frame has ended: the next one begins. */
static void
frame_end(ErrandWsReader *r)
{
	if (!is_control(r) && (r->head[0] & FIN) != 0)
		r->message = 0;
	r->payload = false;
	r->have = 0;
}

static ErrandWsEvent
control_next(ErrandWsReader *r, const char *data, size_t len, ErrandWsPiece *piece)
{
	int op = opcode(r);

	memcpy(r->control + r->control_len, data, len);
	r->control_len = (uint8_t) (r->control_len + len);
	if (r->left > 0)
		return ERRAND_WS_MORE;
	frame_end(r);
	piece->data = r->control;
	piece->len = r->control_len;
	return op == ERRAND_WS_OP_PING ? ERRAND_WS_PING :
		   op == ERRAND_WS_OP_PONG ? ERRAND_WS_PONG :
									 ERRAND_WS_CLOSE;
}

static ErrandWsEvent
data_next(ErrandWsReader *r, const char *data, size_t len, ErrandWsPiece *piece)
{
	if (len == 0 && r->left > 0)
		return ERRAND_WS_MORE;
	piece->data = data;
	piece->len = len;
	piece->left = r->left;
	piece->binary = r->message == ERRAND_WS_OP_BINARY;
	piece->final = r->left == 0 && (r->head[0] & FIN) != 0;
	if (r->left == 0)
		frame_end(r);
	return ERRAND_WS_DATA;
}

ErrandWsEvent
errand_ws_read(ErrandWsReader *r, char *data, size_t len, size_t *used, ErrandWsPiece *piece)
{
	size_t at = 0;
	size_t n;

	memset(piece, 0, sizeof(*piece));
	*used = len;
	if (r->broken)
		return ERRAND_WS_BROKEN;
	if (!r->payload && !head_next(r, data, len, &at))
	{
		r->broken = true;
		return ERRAND_WS_BROKEN;
	}
	if (!r->payload)
		return ERRAND_WS_MORE;
	n = len - at < r->left ? len - at : (size_t) r->left;
	*used = at + n;
	unmask(r, data + at, n);
	return is_control(r) ? control_next(r, data + at, n, piece) : data_next(r, data + at, n, piece);
}

int
errand_ws_close_code(const char *payload, size_t len)
{
	int code;

	if (len == 0)
		return 0;
	if (len == 1)
		return ERRAND_WS_PROTOCOL_ERROR;
	code = (uint8_t) payload[0] << 8 | (uint8_t) payload[1];
	if (!((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
		  (code >= 3000 && code <= 4999)))
		return ERRAND_WS_PROTOCOL_ERROR;
	return errand_ws_utf8(payload + 2, len - 2) ? code : ERRAND_WS_NO_UTF8;
}

size_t
errand_ws_head(char out[ERRAND_WS_HEAD], int opcode, size_t len)
{
	int bytes = len < 126 ? 0 : len < 65536 ? 2 : 8;

	out[0] = (char) (FIN | opcode);
	out[1] = (char) (bytes == 0 ? (int) len : bytes == 2 ? 126 : 127);
	for (int i = 0; i < bytes; i++)
		out[2 + i] = (char) ((uint64_t) len >> (8 * (bytes - 1 - i)));
	return 2 + (size_t) bytes;
}

size_t
errand_ws_close(char out[2 + ERRAND_WS_CONTROL], int code, const char *reason)
{
	size_t len = 0;

	if (code == 0)
		return errand_ws_head(out, ERRAND_WS_OP_CLOSE, 0);
	for (; len < ERRAND_WS_CONTROL - 2 && reason[len] != '\0'; len++)
		out[4 + len] = reason[len];
	(void) errand_ws_head(out, ERRAND_WS_OP_CLOSE, 2 + len);
	out[2] = (char) (code >> 8);
	out[3] = (char) code;
	return 4 + len;
}

bool
errand_ws_utf8(const char *text, size_t len)
{
	while (len > 0)
	{
		const char *nul = memchr(text, '\0', len);
		size_t n = nul != NULL ? (size_t) (nul - text) : len;

		if (!errand_utf8_ok(text, n))
			return false;
		n += nul != NULL;
		text += n;
		len -= n;
	}
	return true;
}
