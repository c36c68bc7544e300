/*
 * events.c
 *		What the clients got: is it all there, in order, and how late was it.
 *
 * The first client to get an event has its line kept under its number; all
 * others must get the same bytes.  The numbers have no holes when nothing else
 * than events of tasks happens, so each client expects the next one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

#define KEPT_EVENTS 65536
#define MOST_TASKS (1 << 20)
#define BUCKETS 20000 /* of latency: 0.1 ms each, the last one for all above */
#define BUCKET_US 100

typedef struct Kept
{
	uint64_t number;
	int64_t at; /* when it happened, as the event tells */
	char *line;
	size_t length;
	int64_t id; /* of the task */
	bool first; /* nothing was heard of the task before */
} Kept;

/* How far each task has come, by its id, as the first client to hear of it saw. */
typedef struct Task
{
	int64_t id;
	char rank;
} Task;

typedef struct Receipt
{
	int64_t id;
	int64_t when;
} Receipt;

static Kept kept[KEPT_EVENTS];
static Task tasks[MOST_TASKS];
static uint64_t newest; /* the highest number seen */
static uint64_t gaps, twice, different, backwards;
static uint64_t events, deliveries, done_tasks;
static uint64_t late[BUCKETS];
static int64_t late_max;
static int64_t first_receipt, last_receipt;
static Receipt *receipts; /* of the first event of each task, by each client */
static size_t receipt_count, receipt_room;

/* The text after "key": in the line, or NULL. */
static const char *
find_key(const char *line, size_t length, const char *key)
{
	const char *hit = memmem(line, length, key, strlen(key));

	return hit ? hit + strlen(key) : NULL;
}

/* The number behind the colon of "position":"epoch:number". */
static uint64_t
number_of(const char *line, size_t length)
{
	const char *p = find_key(line, length, "\"position\":\"");
	const char *colon = p ? memchr(p, ':', length - (p - line)) : NULL;

	return colon ? strtoull(colon + 1, NULL, 10) : 0;
}

/* 2026-11-27T15:29:09.123456Z in microseconds; it changes its second rarely. */
static int64_t
parse_at(const char *text)
{
	static char known[20];
	static int64_t known_us;
	int64_t us = 0;

	if (memcmp(known, text, 19) != 0)
	{
		struct tm tm = {0};

		memcpy(known, text, 19);
		if (strptime(known, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
			fail("at", known);
		known_us = (int64_t) timegm(&tm) * 1000000;
	}
	if (text[19] == '.')
	{
		int scale = 100000;

		for (const char *p = text + 20; *p >= '0' && *p <= '9' && scale > 0; p++, scale /= 10)
			us += (*p - '0') * scale;
	}
	return known_us + us;
}

static char
rank_of(const char *state)
{
	if (memcmp(state, "run", 3) == 0)
		return 2;
	if (memcmp(state, "suc", 3) == 0)
		return 3;
	return memcmp(state, "rea", 3) == 0 ? 1 : 9;
}

/* A task is ready, runs and succeeds: never the other way round. */
static bool
note_task(int64_t id, const char *state)
{
	Task *t = &tasks[id % MOST_TASKS];
	char rank = rank_of(state);
	bool first = t->id != id;

	if (!first && rank <= t->rank)
		backwards++;
	if (rank == 3)
		done_tasks++;
	t->id = id;
	t->rank = rank;
	return first;
}

/* An event that no client had before. */
static void
keep_event(Kept *k, uint64_t number, const char *line, size_t length)
{
	const char *at = find_key(line, length, "\"at\":\"");
	const char *data = find_key(line, length, "\"data\":{");
	size_t rest = data ? length - (data - line) : 0;
	const char *id = data ? find_key(data, rest, "\"id\":") : NULL;
	const char *state = data ? find_key(data, rest, "\"state\":\"") : NULL;

	if (at == NULL || id == NULL || state == NULL)
		fail("this is no event", line);
	free(k->line);
	*k = (Kept){.number = number, .at = parse_at(at), .length = length};
	k->line = malloc(length);
	if (k->line == NULL)
		fail("malloc", "no memory");
	memcpy(k->line, line, length);
	k->id = strtoll(id, NULL, 10);
	k->first = note_task(k->id, state);
	events++;
	if (number > newest)
		newest = number;
}

static void
note_late(int64_t us)
{
	size_t bucket = us < 0 ? 0 : us / BUCKET_US;

	late[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
	if (us > late_max)
		late_max = us;
}

static void
note_receipt(int64_t id, int64_t when)
{
	if (receipt_count == receipt_room)
	{
		receipt_room = receipt_room ? receipt_room * 2 : 65536;
		receipts = realloc(receipts, receipt_room * sizeof(Receipt));
		if (receipts == NULL)
			fail("realloc", "no memory");
	}
	receipts[receipt_count++] = (Receipt){id, when};
}

void
event_line(Client *c, const char *line, size_t length, int64_t now)
{
	uint64_t number;
	Kept *k;

	if (length < 16 || memcmp(line, "{\"type\":\"event\"", 15) != 0)
		return;
	number = number_of(line, length);
	k = &kept[number % KEPT_EVENTS];
	if (k->number != number)
		keep_event(k, number, line, length);
	else if (k->length != length || memcmp(k->line, line, length) != 0)
		different++;
	if (c->last != 0 && number <= c->last)
		twice++;
	else if (c->last != 0 && number != c->last + 1)
		gaps++;
	c->last = number;
	c->received++;
	deliveries++;
	note_late(now - k->at);
	if (k->first)
		note_receipt(k->id, now);
	if (first_receipt == 0)
		first_receipt = now;
	last_receipt = now;
}

void
events_reset(Load *load)
{
	for (int i = 0; i < load->count; i++)
		load->clients[i].received = 0;
	gaps = twice = different = backwards = events = deliveries = done_tasks = 0;
	memset(late, 0, sizeof(late));
	late_max = first_receipt = last_receipt = 0;
	receipt_count = 0;
	load->frames = load->bytes = 0;
}

bool
events_even(const Load *load, uint64_t *most)
{
	bool even = true;

	*most = 0;
	for (int i = 0; i < load->count; i++)
	{
		uint64_t received = load->clients[i].received;

		if (i > 0 && received != *most)
			even = false;
		if (received > *most)
			*most = received;
	}
	return even;
}

/* Milliseconds below which that share of the deliveries was. */
static double
late_ms(double share)
{
	uint64_t wanted = (uint64_t) (deliveries * share);
	uint64_t seen = 0;

	for (int i = 0; i < BUCKETS; i++)
	{
		seen += late[i];
		if (seen > wanted)
			return (i + 1) * BUCKET_US / 1000.0;
	}
	return late_max / 1000.0;
}

static int
by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

	return x < y ? -1 : x > y;
}

/* From before the submit to each client's receipt of the first event: p50 and p99 in ms. */
static void
submit_ms(double *p50, double *p99)
{
	size_t n = 0;
	int64_t *took = malloc((receipt_count + 1) * sizeof(int64_t));

	*p50 = *p99 = 0;
	if (took == NULL)
		fail("malloc", "no memory");
	for (size_t i = 0; i < receipt_count; i++)
	{
		int64_t began = submit_began(receipts[i].id);

		if (began != 0)
			took[n++] = receipts[i].when - began;
	}
	qsort(took, n, sizeof(int64_t), by_time);
	if (n > 0)
	{
		*p50 = took[n / 2] / 1000.0;
		*p99 = took[(size_t) ((n - 1) * 0.99)] / 1000.0;
	}
	free(took);
}

void
events_report(const Load *load)
{
	double seconds = (last_receipt - first_receipt) / 1e6;
	double p50, p99;
	uint64_t most;
	bool even = events_even(load, &most);

	submit_ms(&p50, &p99);
	printf(
		"events=%lu deliveries=%lu seconds=%.3f frames=%lu bytes=%lu late_p50=%.1f late_p99=%.1f "
		"late_max=%.1f submit_p50=%.2f submit_p99=%.2f tasks=%lu submitted=%lu ready=%d wrong=%lu\n",
		events, deliveries, seconds, load->frames, load->bytes, late_ms(0.5), late_ms(0.99),
		late_max / 1000.0, p50, p99, done_tasks, submit_count(), load->ready,
		gaps + twice + different + backwards + load->closed + !even);
	if (gaps + twice + different + backwards + load->closed + !even > 0)
		fprintf(stderr,
				"load: gaps %lu, twice %lu, different %lu, backwards %lu, closed %d, even %d\n",
				gaps, twice, different, backwards, load->closed, even);
	fflush(stdout);
}
