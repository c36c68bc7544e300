/*
 * class.c
 *		Subscriptions that are alike, and what is written to all of them.
 *
 * Runs in the relay, also in callbacks: it must never throw.  An event is
 * encoded once a class, not once a client.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "core/ws_frame.h"
#include "relay/class.h"

#define BUCKETS 4096
#define CHUNK_BYTES 65536
#define KEPT_BYTES (256 * 1024) /* of a class's chunks */

static ErrandLink buckets[BUCKETS];
static ErrandLink classes = {&classes, &classes};

ErrandLink *
relay_classes(void)
{
	return &classes;
}

static ErrandLink *
bucket_of(const char *key)
{
	ErrandLink *b = &buckets[hash_bytes((const unsigned char *) key, (int) strlen(key)) % BUCKETS];

	if (b->next == NULL)
		errand_list_init(b);
	return b;
}

/* Everything that tells one class from another. */
static char *
key_make(const RelayWish *wish, RelayFormat format, Oid role, ErrandLevel level)
{
	char *key = relay_wish_key(wish);
	RelayText t = {0};

	if (key == NULL)
		return NULL;
	relay_text_format(&t, "%c %u %d ", format, role, (int) level);
	relay_text(&t, key);
	free(key);
	if (t.failed)
		relay_text_free(&t);
	return t.b.data;
}

static void
class_free(RelayClass *c)
{
	relay_class_clear(c);
	relay_text_free(&c->stats);
	relay_wish_free(&c->wish);
	free(c->id_json);
	free(c->key);
	free(c);
}

static RelayClass *
class_make(char *key, RelayWish *wish, RelayFormat format, Oid role, ErrandLevel level)
{
	RelayClass *c = calloc(1, sizeof(RelayClass));
	RelayText id = {0};

	relay_text_json(&id, wish->id, strlen(wish->id));
	if (c == NULL || id.failed)
	{
		free(c);
		free(key);
		relay_text_free(&id);
		return NULL;
	}
	c->key = key;
	c->id_json = id.b.data;
	c->wish = *wish;
	memset(wish, 0, sizeof(*wish));
	c->format = format;
	c->role = role;
	c->level = level;
	c->sees_all = errand_level_includes(level, ERRAND_LEVEL_MONITOR);
	errand_list_init(&c->members);
	errand_list_push(bucket_of(key), &c->bucket);
	errand_list_push(&classes, &c->node);
	return c;
}

RelayClass *
relay_class_get(RelayWish *wish, RelayFormat format, Oid role, ErrandLevel level)
{
	char *key = key_make(wish, format, role, level);
	ErrandLink *b;

	if (key == NULL)
		return NULL;
	b = bucket_of(key);
	for (ErrandLink *l = b->next; l != b; l = l->next)
	{
		RelayClass *c = errand_container(l, RelayClass, bucket);

		if (strcmp(c->key, key) != 0)
			continue;
		free(key);
		return c;
	}
	return class_make(key, wish, format, role, level);
}

void
relay_class_leave(RelayClass *c)
{
	if (c->n_members > 0)
		return;
	if (c->request != NULL)
		relay_request_forget(c->request);
	errand_list_remove(&c->bucket);
	errand_list_remove(&c->node);
	class_free(c);
}

bool
relay_class_matches(const RelayClass *c, const RelayEntry *e)
{
	if (e->kind != RELAY_ENTRY_NOTIFY && !c->sees_all && e->submitter != c->role)
		return false;
	return relay_wish_matches(&c->wish, e);
}

/* One message, as JSON. */
static void
message_write(const RelayClass *c, uint64 number, const RelayEntry *e, RelayText *out)
{
	char position[ERRAND_POSITION_BYTES];

	relay_text(out, e->kind == RELAY_ENTRY_NOTIFY ? "{\"type\":\"notify\",\"id\":" :
													"{\"type\":\"event\",\"id\":");
	relay_text(out, c->id_json);
	relay_text(out, ",\"position\":\"");
	relay_text_bytes(out, position, errand_position_write(relay_feed_position(number), position));
	relay_text(out, "\",");
	relay_text_bytes(out, e->tail, e->tail_len);
}

/* A frame's head goes in front of what was written behind it. */
static void
frame_close(RelayText *out, size_t start)
{
	char head[ERRAND_WS_HEAD];
	size_t payload = start + ERRAND_WS_HEAD;
	size_t len;
	size_t n;

	if (out->failed)
		return;
	len = out->b.len - payload;
	n = errand_ws_head(head, ERRAND_WS_OP_TEXT, len);
	memcpy(out->b.data + start, head, n);
	memmove(out->b.data + start + n, out->b.data + payload, len);
	out->b.len = start + n + len;
}

static size_t
frame_open(RelayText *out)
{
	static const char room[ERRAND_WS_HEAD];
	size_t start = out->b.len;

	relay_text_bytes(out, room, sizeof(room));
	return start;
}

static void
sse_write(const RelayClass *c, uint64 number, const RelayEntry *e, RelayText *out)
{
	char position[ERRAND_POSITION_BYTES];

	relay_text(out, "id: ");
	relay_text_bytes(out, position, errand_position_write(relay_feed_position(number), position));
	relay_text(out, "\ndata: ");
	message_write(c, number, e, out);
	relay_text(out, "\n\n");
}

uint64
relay_class_encode(const RelayClass *c, uint64 from, uint64 to, RelayText *out, uint32 *messages)
{
	size_t frame = 0;

	out->b.len = 0;
	out->failed = false;
	*messages = 0;
	while (from < to && out->b.len < CHUNK_BYTES)
	{
		const RelayEntry *e = relay_feed_entry(++from);

		if (!relay_class_matches(c, e))
			continue;
		if (c->format == RELAY_SSE)
			sse_write(c, from, e, out);
		else
		{
			if (c->format == RELAY_FRAMES || *messages == 0)
				frame = frame_open(out);
			else
				relay_text(out, "\n");
			message_write(c, from, e, out);
			if (c->format == RELAY_FRAMES)
				frame_close(out, frame);
		}
		(*messages)++;
	}
	if (c->format == RELAY_BATCH && *messages > 0)
		frame_close(out, frame);
	return from;
}

static void
chunk_free(RelayChunk *k)
{
	errand_netbuf_free(&k->bytes);
	memset(k, 0, sizeof(*k));
}

void
relay_class_clear(RelayClass *c)
{
	for (int i = 0; i < RELAY_CHUNKS; i++)
		chunk_free(&c->chunks[i]);
	c->n_chunks = 0;
}

static size_t
kept_bytes(const RelayClass *c)
{
	size_t n = 0;

	for (int i = 0; i < RELAY_CHUNKS; i++)
		n += c->chunks[i].bytes.len;
	return n;
}

static const RelayChunk *
chunk_at(const RelayClass *c, uint64 from)
{
	for (int i = 0; i < RELAY_CHUNKS; i++)
	{
		if (c->chunks[i].bytes.len > 0 && c->chunks[i].from == from)
			return &c->chunks[i];
	}
	return NULL;
}

const RelayChunk *
relay_class_chunk(RelayClass *c, uint64 from, uint64 to)
{
	const RelayChunk *kept = chunk_at(c, from);
	RelayText text = {0};
	RelayChunk *k;
	uint32 messages;

	if (kept != NULL)
		return kept;
	to = relay_class_encode(c, from, to, &text, &messages);
	if (text.failed || messages == 0)
	{
		relay_text_free(&text);
		return NULL;
	}
	for (uint64 i = 0; i < RELAY_CHUNKS && kept_bytes(c) > KEPT_BYTES; i++)
		chunk_free(&c->chunks[(c->n_chunks + i) % RELAY_CHUNKS]);
	k = &c->chunks[c->n_chunks++ % RELAY_CHUNKS];
	chunk_free(k);
	k->from = from;
	k->to = to;
	k->messages = messages;
	k->bytes = text.b;
	return k;
}

void
relay_class_stats(RelayClass *c, const char *json)
{
	char position[ERRAND_POSITION_BYTES];
	RelayText *out = &c->stats;
	size_t frame = 0;

	out->b.len = 0;
	out->failed = false;
	if (c->format == RELAY_SSE)
		relay_text(out, "data: ");
	else
		frame = frame_open(out);
	relay_text(out, "{\"type\":\"snapshot\",\"id\":");
	relay_text(out, c->id_json);
	relay_text(out, ",\"position\":\"");
	relay_text_bytes(out, position,
					 errand_position_write(relay_feed_position(relay_feed_head()), position));
	relay_text(out, "\",\"data\":");
	relay_text(out, json);
	relay_text(out, "}");
	if (c->format == RELAY_SSE)
		relay_text(out, "\n\n");
	else
		frame_close(out, frame);
	c->stats_seq++;
}
