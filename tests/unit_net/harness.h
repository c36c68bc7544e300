/*-------------------------------------------------------------------------
 *
 * harness.h
 *	  What every test program of bgworker/net stands on: a loop turned the way
 *	  the worker turns it, results to look at, small servers on loopback.
 *
 *-------------------------------------------------------------------------
 */
#ifndef UNIT_NET_HARNESS_H
#define UNIT_NET_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "net/transfer.h"

/* What became of one transfer: a copy, so that it outlives it. */
typedef struct Result
{
	ErrandTransfer *transfer; /* NULL once it is done and freed */
	int started;
	int done;
	int64_t done_us;
	ErrandResponse r; /* its pointers lead to copies */
	char *head;
	char *body;
	char *content_type;
} Result;

typedef struct Harness
{
	uv_loop_t loop;
	ErrandNet *net;
	ErrandNetConfig config;
	ErrandCidr allow[8];
	int done;					   /* transfers done since the start */
	void (*on_started)(Result *r); /* extra hooks of a test */
	void (*on_done)(Result *r);
} Harness;

extern Harness H;

/* "127.0.0.1/32,::1/128" allowed, 64 in flight, 32 a host, 2 s for DNS. */
extern void harness_open(void);
extern void harness_open_with(const char *allow, int in_flight, int per_host,
							  const char *dns_servers, int dns_ms);
extern void harness_reconfigure(const char *allow);
extern void harness_close(void);
extern void harness_close_loop(void); /* the net was destroyed before */

/* A GET with 40 s, 30 s to connect, 1 MiB, no redirects. */
extern ErrandRequest harness_request(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern Result *harness_start(const ErrandRequest *r);
extern Result *harness_get(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void result_free(Result *r);

/* Turn the loop until the condition holds; fails the test after a minute. */
extern void harness_turn(void);
extern int64_t harness_now_us(void);
#define WAIT_FOR(condition)                                                                        \
	do                                                                                             \
	{                                                                                              \
		int64_t limit = harness_now_us() + 60000000;                                               \
		while (!(condition))                                                                       \
		{                                                                                          \
			if (harness_now_us() > limit)                                                          \
				fail_msg("gave up waiting for %s", #condition);                                    \
			harness_turn();                                                                        \
		}                                                                                          \
	} while (0)

/* Start, wait, and check how it ended. */
extern Result *harness_run(const ErrandRequest *r);
extern void expect_failure(const Result *r, ErrandFailure failure, const char *text);
extern void expect_ok(const Result *r, int status);
extern void expect_idle(void);
extern int thread_count(void);
extern int socket_count(void);
extern long resident_kb(void);
extern bool memory_counts(void);

/*
 * A server on loopback in this very process and loop.  handler is called for
 * each complete request; without one, connections end at their first byte.
 */
typedef struct Server Server;
typedef struct Conn Conn;

typedef struct ServerRequest
{
	const char *method;
	const char *path;
	const char *head; /* the whole head, NUL-terminated */
	const char *body;
	size_t body_len;
} ServerRequest;

typedef void (*ServerHandler)(Conn *c, const ServerRequest *r);

extern Server *server_open(const char *address, int port, ServerHandler handler);
extern int server_port(const Server *s);
extern int server_accepted(const Server *s);
extern int server_requests(const Server *s);
extern int server_connections(const Server *s); /* open now */
extern const char *server_last_head(const Server *s);
extern size_t server_last_body(const Server *s, const char **body);
extern void server_close(Server *s);

extern void conn_send(Conn *c, const void *data, size_t len);
extern void conn_printf(Conn *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern void conn_answer(Conn *c, int status, const char *headers, const char *body);
extern int conn_number(const Conn *c); /* of the request on its connection */
extern void conn_close(Conn *c);	   /* after what was sent */
extern void conn_reset(Conn *c);	   /* RST, at once */
extern void conn_repeat(Conn *c, const void *data, size_t len); /* for ever */
extern void conn_drip(Conn *c, char byte, int every_ms);

/* For server_open: misbehaves as the path says, see hostile_server.c. */
extern void hostile_handle(Conn *c, const ServerRequest *r);
extern void hostile_make_bomb(void);
extern void hostile_free_bomb(void);

/* A DNS server on loopback; see dns_server.c for what names mean. */
typedef struct DnsServer DnsServer;
extern DnsServer *dns_open(void);
extern const char *dns_address(const DnsServer *d); /* "127.0.0.1:port" */
extern int dns_questions(const DnsServer *d);
extern void dns_speak(DnsServer *d);
extern void dns_close(DnsServer *d);

/* A real nginx in a temporary directory; paths in nginx.c. */
extern void nginx_open(void);
extern int nginx_port(void);
extern int nginx_tls_port(void);
extern const char *nginx_ca(void);
extern void nginx_close(void);
extern int free_port(void);

/* A network of our own, where nothing can leave; false without the right. */
extern bool own_network(void);
extern void own_address(const char *address);

#endif /* UNIT_NET_HARNESS_H */
