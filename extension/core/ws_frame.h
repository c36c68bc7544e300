/*
 * ws_frame.h
 *		Frames of WebSocket (RFC 6455): clients' read strictly, ours written.
 */
#ifndef ERRAND_CORE_WS_FRAME_H
#define ERRAND_CORE_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRAND_WS_CONTROL 125 /* bytes of a control frame, at most */
#define ERRAND_WS_HEAD 10	  /* bytes of a head of ours, at most */

/* Opcodes. */
#define ERRAND_WS_OP_TEXT 1
#define ERRAND_WS_OP_BINARY 2
#define ERRAND_WS_OP_CLOSE 8
#define ERRAND_WS_OP_PING 9
#define ERRAND_WS_OP_PONG 10

/* What a client can be closed with, of RFC 6455. */
#define ERRAND_WS_PROTOCOL_ERROR 1002
#define ERRAND_WS_NO_UTF8 1007

typedef enum ErrandWsEvent
{
	ERRAND_WS_MORE, /* more must come */
	ERRAND_WS_DATA, /* a piece of a message */
	ERRAND_WS_PING, /* these three: a whole control frame */
	ERRAND_WS_PONG,
	ERRAND_WS_CLOSE,
	ERRAND_WS_BROKEN, /* no frame that a client may send: 1002; nothing is read any more */
} ErrandWsEvent;

/* Where in the stream of frames a connection is.  Zero-filled it is at its beginning. */
typedef struct ErrandWsReader
{
	uint64_t left; /* bytes of the payload that have not come */
	uint8_t head[14];
	uint8_t have;	 /* bytes of the head */
	uint8_t message; /* opcode of the message under way; 0: none */
	uint8_t turn;	 /* of the mask */
	uint8_t payload; /* the head is read: its payload comes */
	uint8_t broken;
	uint8_t control_len;
	char control[ERRAND_WS_CONTROL];
} ErrandWsReader;

/* What was read. */
typedef struct ErrandWsPiece
{
	const char *data; /* of a message: in what was given; of a control frame: in the reader */
	size_t len;
	uint64_t left; /* bytes of this frame that follow */
	bool final;	   /* the message ends here */
	bool binary;
} ErrandWsPiece;

/*
 * Reads up to the end of a frame, or of what has come: data, len bytes, which
 * are unmasked in place.  *used of them are done with, never 0 if len is not;
 * call again with the rest.  A message is bounded by the caller.
 */
extern ErrandWsEvent
errand_ws_read(ErrandWsReader *r, char *data, size_t len, size_t *used, ErrandWsPiece *piece);

/*
 * The code with which a client's close frame is answered: its own, 0 if it has
 * none, ERRAND_WS_PROTOCOL_ERROR if it must not be sent, ERRAND_WS_NO_UTF8 if
 * its reason is none.
 */
extern int errand_ws_close_code(const char *payload, size_t len);

/* Puts the head of a frame of ours at out, a whole message of this length; returns its length. */
extern size_t errand_ws_head(char out[ERRAND_WS_HEAD], int opcode, size_t len);

/* Puts a close frame of ours at out, its reason cut if need be; returns its length. */
extern size_t errand_ws_close(char out[2 + ERRAND_WS_CONTROL], int code, const char *reason);

/* Is this UTF-8?  Unlike errand_utf8_ok() it takes NUL for a character. */
extern bool errand_ws_utf8(const char *text, size_t len);

#endif /* ERRAND_CORE_WS_FRAME_H */
