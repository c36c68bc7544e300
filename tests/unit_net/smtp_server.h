/*-------------------------------------------------------------------------
 *
 * smtp_server.h
 *	  A mail server in the test's own loop that says what the test wants.
 *
 *-------------------------------------------------------------------------
 */
#ifndef UNIT_NET_SMTP_SERVER_H
#define UNIT_NET_SMTP_SERVER_H

#include "harness.h"

#define LINES 64

/* What the server says instead: to a command that begins so, n times. */
typedef struct Script
{
	const char *command;
	const char *answer; /* NULL: closes; "": says nothing */
	int times;
} Script;

typedef struct Peer
{
	uv_tcp_t tcp;
	char in[65536];
	size_t len;
	bool data;
} Peer;

typedef struct SmtpServer
{
	uv_tcp_t listener;
	int port;
	int connections;
	int messages;
	int commands;
	char seen[LINES][128];
	size_t body;
	const char *greeting;
	Script script;
	Peer *last;
} SmtpServer;

extern SmtpServer S;

extern void smtp_server_open(void);
extern void smtp_server_hang_up(void);
extern void smtp_server_close(void);

#endif /* UNIT_NET_SMTP_SERVER_H */
