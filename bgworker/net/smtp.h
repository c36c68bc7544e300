/*-------------------------------------------------------------------------
 *
 * smtp.h
 *	  E-mail over SMTP on a libuv loop: one server, a few kept connections.
 *
 * Runs in the errand worker.  As with transfer.h: no PostgreSQL, memory from
 * malloc, failures are values, nothing throws, blocks or starts a thread, and
 * both callbacks come from the loop with no frames of curl or c-ares below.
 *
 * libcurl opens the connection (TCP, TLS or STARTTLS, EHLO, AUTH) on a multi
 * handle of this file's own, and the dialogue after that is ours: libcurl
 * waits for the answer to a message, and for the one to QUIT, without
 * returning, which would stop the whole worker.
 *
 * The server is the administrator's, so the egress policy is not asked.  Its
 * name is looked up by c-ares and pinned, as everywhere.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_SMTP_H
#define ERRAND_NET_SMTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "core/retry.h" /* ErrandFailure */

typedef struct ErrandSmtp ErrandSmtp;		  /* one a process */
typedef struct ErrandSmtpMail ErrandSmtpMail; /* one message on its way */

/* What the administrator set.  Everything is copied. */
typedef struct ErrandSmtpConfig
{
	const char *host; /* without brackets; NULL or "": there is none yet */
	bool ipv6_literal;
	int port;
	bool tls;			  /* from the first byte on; else STARTTLS where offered */
	const char *helo;	  /* NULL or "": the machine's name */
	const char *user;	  /* NULL or "": no AUTH */
	const char *password; /* goes over TLS or to this very machine only */
	const char *ca_file;  /* NULL or "": the system's */
	const char *dns_servers;
	int dns_timeout_ms;
	int max_connections;
} ErrandSmtpConfig;

/*
 * What to send.  What it points to must stay until the done callback, or until
 * errand_smtp_cancel returned.  Addresses are addr-specs that were checked, as
 * was data with errand_mail_wire_ok().
 */
typedef struct ErrandSmtpRequest
{
	const char *from;
	const char *const *recipients;
	int n_recipients;
	const char *data;
	size_t len;
	int64_t timeout_ms; /* from started on */
	int64_t connect_timeout_ms;
	void *owner;
} ErrandSmtpRequest;

/* What became of it.  Valid from the done callback until errand_smtp_free. */
typedef struct ErrandSmtpResult
{
	ErrandFailure failure; /* NONE: the server took the message for all recipients */
	int code;			   /* of the last reply; 0: none that matters */
	char reply[800];	   /* "250 2.0.0 queued", printable ASCII, one line */
	char error[1200];
	bool bytes_sent; /* a byte of the message may have left */
	bool timed_out;
} ErrandSmtpResult;

typedef void (*ErrandSmtpStarted)(void *owner);
typedef void (*ErrandSmtpDone)(void *owner, ErrandSmtpMail *m, const ErrandSmtpResult *r);

/* NULL with *why set to a constant text if it fails. */
extern ErrandSmtp *
errand_smtp_create(uv_loop_t *loop, const ErrandSmtpConfig *c, ErrandSmtpStarted started,
				   ErrandSmtpDone done, const char **why);

/* Messages under way end where they are; what starts from now on is as said here. */
extern void errand_smtp_configure(ErrandSmtp *s, const ErrandSmtpConfig *c);

/* As errand_net_destroy(): drops everything, the memory goes as the loop turns. */
extern void errand_smtp_destroy(ErrandSmtp *s);

/* Queue a message; NULL if memory is out.  Both callbacks come later. */
extern ErrandSmtpMail *errand_smtp_send(ErrandSmtp *s, const ErrandSmtpRequest *r);

/* Cut it off at once; done follows with CANCELLED.  No effect once done was called. */
extern void errand_smtp_cancel(ErrandSmtpMail *m);

/* Give it back, from inside its done callback or later. */
extern void errand_smtp_free(ErrandSmtpMail *m);

typedef struct ErrandSmtpStat
{
	int running;
	int queued;
	int max_running;
	size_t bytes; /* of messages queued and running */
	uint64_t requests;
	uint64_t errors; /* connections, time-outs and 4xx; a 5xx is an answer */
} ErrandSmtpStat;

extern void errand_smtp_stat(const ErrandSmtp *s, ErrandSmtpStat *out);

#endif /* ERRAND_NET_SMTP_H */
