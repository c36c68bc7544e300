/*
 * counting.h
 *		The counting server: a small HTTP/1.1 server for tests and the demo.
 *
 * One process, one epoll loop, no dependency.  It outlives every crash of the
 * database it serves, so its ledger says what was really sent.
 *
 *	counting.c	options, listening, the loop
 *	conn.c		connections and timers
 *	request.c	taking a request apart
 *	routes.c	what each route answers
 *	sources.c	what sources fetch
 *	ledger.c	the ledger file and the count of hits for each key
 */
#ifndef COUNTING_H
#define COUNTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
typedef struct Buffer
{
	char *data;
	size_t len;
	size_t size;
} Buffer;

/* A piece of the request, not terminated by a NUL. */
typedef struct Slice
{
	const char *data;
	size_t len;
} Slice;

typedef struct Request
{
	Slice method;
	Slice target;
	Slice headers; /* all header lines, as received */
	Slice body;
	Slice key;	   /* Idempotency-Key without its quotes */
	Slice attempt; /* X-Errand-Attempt */
	Slice task;	   /* X-Errand-Task */
	size_t content_length;
	bool keep_alive;
	bool expect_continue;
	bool chunked;
} Request;

/* How an answer that is not simply written at once goes on. */
typedef enum Pace
{
	PACE_AT_ONCE,
	PACE_HELD,	 /* wait for the timer, or for ever without one */
	PACE_DRIP,	 /* one byte each time the timer fires */
	PACE_LARGE,	 /* as fast as the client reads, so many bytes */
	PACE_ENDLESS /* as fast as the client reads, for ever */
} Pace;

typedef struct Conn
{
	int fd;
	Buffer in;
	Buffer out;
	size_t out_done; /* bytes of out that are written */
	Pace pace;
	uint64_t due; /* microseconds, monotonic */
	uint64_t drip_every;
	uint64_t large_left;
	int heap_slot;	  /* place among the timers, or -1 */
	bool answering;	  /* a request has not had its whole answer */
	bool close_after; /* close once out is written */
	bool reset_after; /* and do so with a TCP reset */
	bool wants_write; /* EPOLLOUT is asked for */
	bool continued;	  /* 100 Continue was sent for this request */
	bool dead;		  /* closed, to be freed after this round */
	struct Conn *next_dead;
} Conn;

/* What GET /_count tells. */
typedef struct Totals
{
	uint64_t requests;
	uint64_t connections; /* ever accepted */
	uint64_t open;
	uint64_t most_open;
	uint64_t running; /* requests without their whole answer */
	uint64_t most_running;
	uint64_t aborted;	/* the client left before the end of the answer */
	uint64_t keys;		/* different Idempotency-Keys */
	uint64_t most_hits; /* of one key */
} Totals;

extern Totals totals;

/* conn.c */
extern void conns_init(int epoll_fd);
extern void conn_new(int fd);
extern void conn_event(Conn *conn, uint32_t events);
extern int timers_run(void);
extern void conns_sweep(void);

/* request.c */
extern void buffer_reserve(Buffer *buffer, size_t more);
extern void buffer_add(Buffer *buffer, const void *data, size_t len);
extern void
buffer_printf(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void *need_memory(void *memory);
extern void add_json_string(Buffer *buffer, Slice text);
extern void add_base64(Buffer *buffer, Slice bytes);
extern bool parse_head(Request *request, const char *data, const char *end);

/* routes.c */
extern void route_request(Conn *conn, const Request *request);

/* ledger.c */
extern void ledger_open(const char *path);
extern void ledger_add(const Request *request, int status);
extern uint64_t key_hit(const Request *request);
extern uint64_t key_hits(Slice key);
extern void keys_forget(void);

#endif /* COUNTING_H */
