/*
 * fuzz_message.c
 *		Messages of the relay's clients: what is read makes sense, and all of it
 *		is freed (the leak sanitizer looks).
 */
#include "fuzz.h"

#include "postgres.h"

#include "core/http_head.h"
#include "memory.h"
#include "relay/message.h"

/* Of a running relay: where its history is. */
uint64
relay_feed_head(void)
{
	return 1;
}

ErrandPosition
relay_feed_position(uint64 number)
{
	return (ErrandPosition){1, number};
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	RelayMessage m;
	char *key;

	/* a frame that is no UTF-8 ends the connection before it is read */
	if (!errand_utf8_ok((const char *) data, size))
		return 0;
	relay_message_read((const char *) data, size, &m);
	if (m.type == RELAY_MESSAGE_BAD)
		MUST(m.problem != NULL);
	if (m.type == RELAY_MESSAGE_AUTH)
		MUST(m.token != NULL);
	if (m.type == RELAY_MESSAGE_SUBSCRIBE && m.code == NULL)
	{
		MUST(m.wish.id != NULL && m.wish.channel != NULL && m.wish.args != NULL);
		key = relay_wish_key(&m.wish);
		MUST(key != NULL);
		free(key);
	}
	relay_message_free(&m);
	fuzz_forget();
	return 0;
}
