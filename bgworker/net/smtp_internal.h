/*-------------------------------------------------------------------------
 *
 * smtp_internal.h
 *	  What the files of SMTP share: smtp.c turns the crank and holds the queue,
 *	  smtp_line.c opens connections with curl, smtp_socket.c connects them with
 *	  libuv, smtp_talk.c speaks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_SMTP_INTERNAL_H
#define ERRAND_NET_SMTP_INTERNAL_H

#include <curl/curl.h>

#include "net/handles.h"
#include "net/list.h"
#include "net/resolver.h"
#include "net/smtp.h"

#define ERRAND_SMTP_IDLE_US INT64_C(10000000) /* a kept connection */

/* States of a line, a connection: RESOLVING -> CONNECTING -> TALKING <-> IDLE. */
typedef enum ErrandSmtpLineState
{
	ERRAND_LINE_RESOLVING,
	ERRAND_LINE_CONNECTING, /* in curl */
	ERRAND_LINE_TALKING,
	ERRAND_LINE_IDLE
} ErrandSmtpLineState;

/* What was said last and is not answered. */
typedef enum ErrandSmtpStep
{
	ERRAND_STEP_MAIL,
	ERRAND_STEP_RCPT,
	ERRAND_STEP_DATA,
	ERRAND_STEP_BODY, /* being sent */
	ERRAND_STEP_END
} ErrandSmtpStep;

/* A reply, as its lines come. */
typedef struct ErrandSmtpReply
{
	int code;
	int lines;
	bool complete;
	size_t len;
	char text[800]; /* code and text of all lines, printable */
} ErrandSmtpReply;

struct ErrandSmtpMail
{
	ErrandLink link; /* queued or finished */
	ErrandSmtp *smtp;
	struct ErrandSmtpLine *line; /* NULL: not under way */
	ErrandSmtpRequest req;
	ErrandSmtpResult result;
	bool announced; /* started was called */
	bool finished;
	bool delivered;
	bool again; /* a kept connection was dead: this is the second try */
	int64_t deadline_us;
};

typedef struct ErrandSmtpLine
{
	ErrandLink link; /* in smtp->lines */
	ErrandSmtp *smtp;
	ErrandSmtpLineState state;
	ErrandSmtpMail *mail; /* NULL if IDLE */
	unsigned generation;  /* of the configuration */
	bool resolved;
	bool reused;
	ErrandWaiter waiter;
	CURL *easy;
	bool in_curl;
	bool tripped; /* curl wanted to look up a name */
	struct curl_slist pin;
	char *pin_text;
	char curl_error[CURL_ERROR_SIZE];
	struct ErrandSmtpSocket *socket; /* TALKING, IDLE */
	int64_t idle_us;
	ErrandSmtpStep step;
	int recipient; /* asked for last */
	ErrandSmtpReply reply;
	char command[400];
	const char *out; /* what is still to be sent */
	size_t out_left;
	char in[4096];
	size_t in_len;
} ErrandSmtpLine;

typedef struct ErrandSmtpSocket
{
	ErrandLink link;
	uv_poll_t poll;
	ErrandSmtp *smtp;
	ErrandHandles *handles;
	int fd;
	int wanted;
	int polled;
	ErrandSmtpLine *line; /* who speaks on it; NULL: curl */
} ErrandSmtpSocket;

struct ErrandSmtp
{
	uv_loop_t *loop;
	ErrandHandles handles;
	ErrandNames *names;
	CURLM *multi;
	uv_timer_t curl_timer;
	bool curl_now;
	uv_timer_t timer; /* the next deadline */
	uv_idle_t idle;	  /* active: a turn is due */
	uv_check_t check;
	bool closing;
	ErrandSmtpStarted started;
	ErrandSmtpDone done;
	ErrandLink queue;
	ErrandLink finished;
	ErrandLink lines;
	ErrandLink sockets;
	int n_lines;
	int running;
	int queued;
	size_t bytes;
	uint64_t requests;
	uint64_t errors;
	unsigned generation;

	/* the configuration */
	char *host; /* NULL: none */
	char *host_port;
	char *url;
	char *user;
	char *password;
	char *ca_file;
	int port;
	bool numeric;
	ErrandAddress address; /* if numeric */
	bool tls;
	int max_connections;
};

static inline int64_t
errand_smtp_now_us(void)
{
	return (int64_t) (uv_hrtime() / 1000);
}

/* smtp.c */
extern void errand_smtp_turn(ErrandSmtp *s);
extern void errand_smtp_wake(ErrandSmtp *s);
extern void errand_smtp_finish(ErrandSmtpMail *m, ErrandFailure failure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
extern void errand_smtp_requeue(ErrandSmtpMail *m);

/* smtp_line.c */
extern void errand_smtp_line_open(ErrandSmtp *s, ErrandSmtpMail *m);
extern void errand_smtp_line_resolved(ErrandSmtpLine *l);
extern void errand_smtp_line_connected(ErrandSmtpLine *l, CURLcode code);
extern void errand_smtp_line_drop(ErrandSmtpLine *l);
extern void errand_smtp_lines_drop_idle(ErrandSmtp *s);

/* smtp_talk.c */
extern void errand_smtp_talk_begin(ErrandSmtpLine *l, ErrandSmtpMail *m);
extern void errand_smtp_talk(ErrandSmtpLine *l);
extern void errand_smtp_goodbye(ErrandSmtpLine *l);
extern bool errand_smtp_reply_line(ErrandSmtpReply *r, const char *line, size_t len);

/* smtp_socket.c */
extern bool errand_smtp_sockets_create(ErrandSmtp *s);
extern bool errand_smtp_sockets_kick(ErrandSmtp *s);
extern void errand_smtp_sockets_close(ErrandSmtp *s);
extern curl_socket_t
errand_smtp_socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
extern int errand_smtp_socket_close(void *arg, curl_socket_t fd);
extern ErrandSmtpSocket *errand_smtp_socket_adopt(ErrandSmtpLine *l, int fd);
extern void errand_smtp_socket_watch(ErrandSmtpSocket *k, int events);
extern void errand_smtp_socket_drop(ErrandSmtpSocket *k);

#endif /* ERRAND_NET_SMTP_INTERNAL_H */
