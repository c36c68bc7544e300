/*
 * ledger.c
 *		The ledger file, and how often each Idempotency-Key was seen.
 *
 * A line is written with one write(2) when the request is complete, before
 * its answer: what is in the ledger did arrive.
 *
 *		epoch_us method path key attempt task status
 *
 * A field that the request did not have is a "-"; status 0 means that no
 * whole answer was meant to follow.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counting.h"

typedef struct KeyEntry
{
	uint64_t hash;
	uint64_t hits;
	size_t len;
	char *key;
} KeyEntry;

static int ledger_fd = -1;

/* open addressing, a power of two, at most half full */
static KeyEntry *table;
static size_t table_size;
static size_t table_used;

void
ledger_open(const char *path)
{
	ledger_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (ledger_fd < 0)
	{
		fprintf(stderr, "counting: cannot open ledger \"%s\": %s\n", path, strerror(errno));
		exit(1);
	}
}

static void
add_field(Buffer *line, Slice field)
{
	size_t start = line->len;

	buffer_add(line, " ", 1);
	if (field.len == 0)
		buffer_add(line, "-", 1);
	else
		buffer_add(line, field.data, field.len);
	for (size_t i = start + 1; i < line->len; i++)
		if ((unsigned char) line->data[i] <= ' ')
			line->data[i] = '_';
}

void
ledger_add(const Request *request, int status)
{
	static Buffer line;
	struct timespec now;

	if (ledger_fd < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	line.len = 0;
	buffer_printf(&line, "%lld", (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000);
	add_field(&line, request->method);
	add_field(&line, request->target);
	add_field(&line, request->key);
	add_field(&line, request->attempt);
	add_field(&line, request->task);
	buffer_printf(&line, " %d\n", status);
	if (write(ledger_fd, line.data, line.len) != (ssize_t) line.len)
	{
		fprintf(stderr, "counting: cannot write the ledger: %s\n", strerror(errno));
		exit(1);
	}
}

static uint64_t
hash_bytes(Slice key)
{
	uint64_t hash = 1469598103934665603u; /* FNV-1a */

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char) key.data[i]) * 1099511628211u;
	return hash;
}

/* The entry of this key, or the empty one where it belongs. */
static KeyEntry *
find_entry(Slice key, uint64_t hash)
{
	size_t at = hash & (table_size - 1);

	while (table[at].key != NULL && (table[at].hash != hash || table[at].len != key.len ||
									 memcmp(table[at].key, key.data, key.len) != 0))
		at = (at + 1) & (table_size - 1);
	return &table[at];
}

static void
grow_table(void)
{
	KeyEntry *old = table;
	size_t old_size = table_size;

	table_size = old_size == 0 ? 1024 : old_size * 2;
	table = need_memory(calloc(table_size, sizeof(KeyEntry)));
	for (size_t i = 0; i < old_size; i++)
		if (old[i].key != NULL)
			*find_entry((Slice){old[i].key, old[i].len}, old[i].hash) = old[i];
	free(old);
}

/* Count one hit, and return how many there are now.  Without a key the path stands in. */
uint64_t
key_hit(const Request *request)
{
	Slice key = request->key.len > 0 ? request->key : request->target;
	uint64_t hash = hash_bytes(key);
	KeyEntry *entry;

	if (table_used * 2 >= table_size)
		grow_table();
	entry = find_entry(key, hash);
	if (entry->key == NULL)
	{
		entry->key = need_memory(malloc(key.len + 1));
		memcpy(entry->key, key.data, key.len);
		entry->len = key.len;
		entry->hash = hash;
		table_used++;
		if (request->key.len > 0)
			totals.keys++;
	}
	entry->hits++;
	if (request->key.len > 0 && entry->hits > totals.most_hits)
		totals.most_hits = entry->hits;
	return entry->hits;
}

uint64_t
key_hits(Slice key)
{
	return table_size == 0 ? 0 : find_entry(key, hash_bytes(key))->hits;
}

void
keys_forget(void)
{
	for (size_t i = 0; i < table_size; i++)
		free(table[i].key);
	free(table);
	table = NULL;
	table_size = table_used = 0;
}
