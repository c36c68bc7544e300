/*
 * load.h
 *		A load of WebSocket clients on one epoll loop: what its files share.
 *
 * load.c       the program: arguments, the loop, what standard input asks for
 * clients.c    connections: handshake, subscription, frames
 * events.c     what the clients got: is it all there, in order, and how late
 * submit.c     a child process that submits tasks at a rate
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ClientState
{
	CLIENT_CONNECTING, /* the handshake is under way */
	CLIENT_WELCOME,	   /* the upgrade is done; the subscription is not confirmed */
	CLIENT_READY,
	CLIENT_CLOSED
} ClientState;

typedef struct Client
{
	int fd;
	int number;
	ClientState state;
	char *kept; /* the bytes of an unfinished frame or handshake, or NULL */
	size_t kept_bytes;
	uint64_t last; /* the number in the position of the last event */
	uint64_t received;
} Client;

typedef struct Load
{
	Client *clients;
	int count;
	int ready;	/* clients in that state */
	int closed; /* clients that lost their connection */
	int epoll;
	int port;
	const char *token;	 /* NULL: a server that sends without being asked */
	const char *channel; /* what to subscribe to */
	bool tee;			 /* write what client 0 gets to standard output */
	uint64_t frames;
	uint64_t bytes;
} Load;

/* Microseconds since 1970. */
extern int64_t epoch_us(void);
extern void fail(const char *what, const char *why);

/* ---- clients.c ---- */

/* Opens the connection of client i and sends its handshake. */
extern void client_open(Load *load, int i);

/* Reads what there is for the client. */
extern void client_read(Load *load, Client *c);

/* ---- events.c ---- */

/*
 * Takes a line that a client got at that time; those that are no events are
 * ignored.  A line must have the number after the client's last one, and be
 * the same to the byte for all clients.
 */
extern void event_line(Client *c, const char *line, size_t length, int64_t now);

/* Forgets what was measured; clients go on where they are. */
extern void events_reset(Load *load);

/* Has every client got as many events as the one that got most, and how many is that? */
extern bool events_even(const Load *load, uint64_t *most);

/* The line that answers "report": see load.c. */
extern void events_report(const Load *load);

/* ---- submit.c ---- */

/*
 * Starts a child that submits RATE tasks a second for SECONDS, each in its own
 * transaction with the statement, which returns the id.  The database is found
 * by the PG* variables.  One at a time.
 */
extern void submit_start(double rate, double seconds, const char *statement);

/* Is it done?  If it failed, the program ends. */
extern bool submit_done(void);

/* When the submit of this task began, 0 if it is not known. */
extern int64_t submit_began(int64_t id);
extern uint64_t submit_count(void);

#endif
