/*
 * message.h
 *		The messages of clients, read; and the relay's own, written.
 */
#ifndef ERRAND_RELAY_MESSAGE_H
#define ERRAND_RELAY_MESSAGE_H

#include "postgres.h"

#include "relay/request.h"
#include "relay/text.h"
#include "relay/wish.h"

#define RELAY_MESSAGE_BYTES 65536 /* of a client's message, over its fragments */

typedef enum RelayMessageType
{
	RELAY_MESSAGE_BAD, /* no JSON, no such type, something missing */
	RELAY_MESSAGE_AUTH,
	RELAY_MESSAGE_SUBSCRIBE,
	RELAY_MESSAGE_UNSUBSCRIBE,
	RELAY_MESSAGE_PING
} RelayMessageType;

typedef struct RelayMessage
{
	RelayMessageType type;
	char *token;		 /* of AUTH; malloc'd */
	RelayWish wish;		 /* of SUBSCRIBE; of UNSUBSCRIBE its id alone */
	const char *code;	 /* of a SUBSCRIBE that cannot be: what is wrong, for an error message */
	const char *problem; /* the same in words; of BAD, too */
} RelayMessage;

/* Reads a message; the caller frees it. */
extern void relay_message_read(const char *text, size_t len, RelayMessage *out);
extern void relay_message_free(RelayMessage *m);

/*
 * A subscription as the query of an URL asks for it: key=value pairs, decoded.
 * False: *problem says why.
 */
extern bool
relay_wish_query(RelayWish *w, const char *key, const char *value, const char **problem);

/* Messages, appended to out. */
extern void relay_say_welcome(RelayText *out);
extern void relay_say_subscribed(RelayText *out, const char *id, bool recovered, uint64 number);
extern void
relay_say_error(RelayText *out, const char *id, const char *code, const char *message, bool retry);

/* The error of a subscription to which the database's answer was no. */
extern void relay_say_refused(RelayText *out, const char *id, const RelayAnswer *why);

/* A snapshot without its end: "data":...} follows. */
extern void relay_say_snapshot(RelayText *out, const char *id, uint64 number);

#endif
