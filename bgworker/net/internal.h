/*-------------------------------------------------------------------------
 *
 * internal.h
 *	  What the files of bgworker/net share with each other and nobody else.
 *
 * Who calls whom: net.c turns the crank.  It takes finished transfers out of
 * curl and hands them to the owner, and starts waiting ones (hosts.c says
 * whose turn it is).  transfer.c moves a transfer through its states, with the
 * help of urls.c, pins.c (which addresses), request.c (what curl is told),
 * receive.c (what curl tells), redirect.c and outcome.c.  sockets.c connects
 * curl with libuv.
 *
 * Three kinds of code, and what each may do:
 *	- called by curl or c-ares (receive.c, most of sockets.c, on_ready of
 *	  transfer.c): record in the transfer or the net; malloc at most;
 *	- called by libuv: record, and drive curl or c-ares;
 *	- the turn in net.c: everything, and alone in calling the owner back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef ERRAND_NET_INTERNAL_H
#define ERRAND_NET_INTERNAL_H

#include <curl/curl.h>

#include "net/handles.h"
#include "net/buffer.h"
#include "net/list.h"
#include "net/resolver.h"
#include "net/transfer.h"

#define ERRAND_HOST_BUCKETS 8192
#define ERRAND_HOSTS_KEPT 4096
#define ERRAND_HOST_IDLE_US INT64_C(600000000)
#define ERRAND_URLS_KEPT 256
#define ERRAND_HEAD_MAX_BYTES 65536
#define ERRAND_HEAD_MAX_LINES 200
#define ERRAND_BUFFER_KEPT 65536   /* larger ones are not pooled */
#define ERRAND_REDIRECT_BODY 65536 /* read to keep the connection */
#ifndef ERRAND_STALL_SECONDS	   /* the tests have less patience */
#define ERRAND_STALL_SECONDS 60
#endif

/*
 * The addresses that curl may connect to for a name, as CURLOPT_RESOLVE wants
 * them.  Shared by the transfers that were started with it.
 */
typedef struct ErrandPins
{
	int refs;
	struct curl_slist list;
	char text[];
} ErrandPins;

/* A proxy for a host.  Shared by the transfers that go through it. */
typedef struct ErrandProxy
{
	int refs;
	char *host; /* whose proxy it is, as in ErrandProxyRule */
	char *url;	/* as curl takes it, without credentials */
	char *name;
	int port;
	bool numeric; /* the name is an address */
	char *user;
	char *password;
	char *unusable;
} ErrandProxy;

/* A URL, checked and parsed once.  Shared by the transfers to it. */
typedef struct ErrandUrl
{
	int refs;
	bool wipe; /* it holds a secret: nobody else's */
	uint32_t hash;
	char *text;
	CURLU *parsed;
	char *key;	/* "name:port", "[v6]:port", lower case */
	char *name; /* the host without brackets */
	int port;
	bool https;
	bool numeric; /* the host is an address: */
	ErrandAddress address;
} ErrandUrl;

/*
 * Connections without TLS or proxy to the hosts of a bucket, so that libcurl need
 * not look for an idle one where there is none: it would look at all that the host
 * has.  An idle one may be missed while others open or close; then one is opened.
 */
typedef struct ErrandConns
{
	int open; /* sockets that we opened */
	int busy; /* transfers in curl that have one, or will look for one */
} ErrandConns;

/* A host and port: its queue, its limit, its statistics. */
typedef struct ErrandHost
{
	ErrandLink link; /* in hosts_ready, hosts_idle, or neither */
	bool in_turn;	 /* in hosts_ready */
	struct ErrandHost *chain;
	int index; /* in net->hosts */
	uint32_t hash;
	char *key;
	char *name;
	int port;
	ErrandLink queue; /* transfers, in order */
	int queued;
	int running;
	int max_running; /* 0: the net's */
	uint64_t requests;
	uint64_t errors;
	uint64_t connections;
	int64_t last_us;
	int last_status;
	ErrandPins *pins; /* NULL, or valid until */
	int64_t pins_until_us;
	unsigned pins_version; /* and under this configuration */
} ErrandHost;

/* A socket of curl's, from its opensocket to its closesocket callback. */
typedef struct ErrandSocket
{
	uv_poll_t poll;
	ErrandNet *net;
	ErrandHandles *handles;
	int fd;
	ino_t inode;
	int wanted;			   /* what curl waits for, UV_READABLE... */
	int polled;			   /* what libuv waits for */
	ErrandAddress address; /* len 0: not one that we opened */
	bool exempt;		   /* it leads to a proxy */
	ErrandConns *conns;	   /* where it is counted, or NULL */
} ErrandSocket;

typedef enum ErrandTransferState
{
	ERRAND_T_POOLED,
	ERRAND_T_QUEUED,	/* in its host's queue */
	ERRAND_T_STARTING,	/* has its place, goes on at once */
	ERRAND_T_RESOLVING, /* waits for a name */
	ERRAND_T_WAITING,	/* has addresses, waits for a place in curl */
	ERRAND_T_RUNNING,	/* in curl */
	ERRAND_T_FINISHED,	/* in net->finished */
	ERRAND_T_DELIVERED	/* done was called */
} ErrandTransferState;

/* Why a callback made curl stop. */
typedef enum ErrandStop
{
	ERRAND_STOP_NONE,
	ERRAND_STOP_BODY, /* larger than allowed */
	ERRAND_STOP_HEAD_BYTES,
	ERRAND_STOP_HEAD_LINES,
	ERRAND_STOP_MEMORY,
	ERRAND_STOP_REDIRECTED, /* seen enough of a body nobody wants */
	ERRAND_STOP_RESOLVER	/* curl wanted to look a name up itself */
} ErrandStop;

typedef enum ErrandHeadState
{
	ERRAND_HEAD_NONE, /* before a status line */
	ERRAND_HEAD_OPEN,
	ERRAND_HEAD_COMPLETE
} ErrandHeadState;

struct ErrandTransfer
{
	ErrandLink link; /* in the one list its state names */
	ErrandLink all;
	ErrandNet *net;
	ErrandTransferState state;
	ErrandRequest req;
	ErrandUrl *url;	  /* of this hop */
	ErrandUrl *last;  /* of the last hop, once finished */
	ErrandHost *host; /* of this hop; NULL once finished */
	bool holds_place; /* counted in host->running */
	bool announced;	  /* started was called */
	uv_timer_t timer; /* the deadline, while not in curl */
	int64_t deadline_us;
	int64_t hop_us; /* when this hop's look-up began */
	ErrandWaiter waiter;
	ErrandPins *pins;
	ErrandProxy *proxy; /* of this hop, or NULL */

	/* what this hop sends */
	const char *method;
	bool send_body;
	bool changed_method;	  /* became GET: no Content-* headers */
	bool left_origin;		  /* no credentials any more */
	struct curl_slist *lines; /* points into text */
	int lines_size;
	ErrandBuffer text;

	/* what curl reports */
	CURL *easy;
	ErrandConns *conns; /* of this hop; NULL: TLS or a proxy */
	bool fresh;			/* must open a connection */
	bool busy;			/* counted in conns */
	ErrandStop stop;
	ErrandHeadState head_state;
	int head_lines; /* interim responses included */
	size_t head_bytes;
	bool discard; /* a redirect's body */
	size_t discarded;
	bool body_began;
	ErrandBuffer head;
	ErrandBuffer body;
	size_t counted;		  /* of body, in net->buffered */
	size_t consumed;	  /* of a streamed body, no longer in body */
	bool paused;		  /* until some of it is consumed */
	ErrandAddress opened; /* the last address a socket was asked for */
	int refusals;		  /* sockets that the policy refused */
	ErrandAddress refused;
	ErrandEgress refused_as;
	int socket_errno;
	char curl_error[CURL_ERROR_SIZE];

	ErrandResponse resp;
};

struct ErrandNet
{
	uv_loop_t *loop;
	ErrandTransferStarted started;
	ErrandTransferDone done;
	ErrandHandles handles;
	bool closing;

	int max_in_flight;
	int host_max_running;
	ErrandCidr allow[ERRAND_ALLOW_MAX];
	int n_allow;
	unsigned config_version;
	char *user_agent;
	char *ca_file; /* NULL: curl's own */
	const char *warning;

	CURLM *multi;
	uv_timer_t curl_timer;
	bool curl_now;	/* curl wants to be called at once */
	uv_idle_t idle; /* active: a turn is due without waiting */
	uv_check_t check;
	ErrandSocket **sockets; /* by descriptor */
	int n_sockets;
	CURL **easy; /* the pool, room for all that were made */
	int n_easy;
	int easy_made;

	ErrandLink all;		 /* transfers not given back */
	ErrandLink resolved; /* RESOLVING, their names are known */
	ErrandLink waiting;	 /* WAITING */
	ErrandLink finished; /* FINISHED */
	ErrandLink pool;
	int n_pool;
	int in_curl;
	int resolving;
	int running;
	int queued;
	size_t buffered;

	ErrandHost **buckets;
	ErrandConns *conns; /* by bucket */
	ErrandHost **hosts; /* all, in no order */
	int n_hosts;
	int hosts_size;
	ErrandLink hosts_ready; /* have a queue and may start more */
	ErrandLink hosts_idle;	/* nothing queued or running, longest first */
	ErrandUrl *urls[ERRAND_URLS_KEPT];
	ErrandProxy **proxies;
	int n_proxies;
	ErrandNames *names;
};

static inline int64_t
errand_now_us(void)
{
	return (int64_t) (uv_hrtime() / 1000);
}

/* buffer.c */
extern uint32_t errand_net_hash(const char *s);
extern void errand_net_lower(char *s);
extern const char *errand_net_find_header(const ErrandBuffer *head, const char *name, size_t *len);
extern void errand_net_format_ms(char *buf, size_t size, int64_t ms);

/* net.c: have a turn soon; curl said when it wants to be called */
extern void errand_net_wake(ErrandNet *n);

/* sockets.c */
extern bool errand_netsockets_create(ErrandNet *n);
extern void errand_netsockets_recheck(ErrandNet *n);
extern bool errand_netsockets_kick(ErrandNet *n);
extern void errand_netsockets_close(ErrandNet *n);
extern curl_socket_t
errand_netsocket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
extern int errand_netsocket_close(void *arg, curl_socket_t fd);

/* hosts.c */
extern ErrandHost *errand_nethost_get(ErrandNet *n, const ErrandUrl *url);
extern ErrandHost *errand_nethost_find(const ErrandNet *n, const char *key);
extern void errand_nethost_enqueue(ErrandHost *h, ErrandTransfer *t, bool first);
extern void errand_nethost_dequeue(ErrandTransfer *t);
extern ErrandTransfer *errand_nethost_next(ErrandNet *n);
extern void errand_nethost_take_place(ErrandTransfer *t);
extern void errand_nethost_leave(ErrandTransfer *t);
extern void errand_nethost_look(ErrandTransfer *t); /* sets t->conns, t->fresh */
extern void errand_nethost_busy(ErrandTransfer *t);
extern void errand_nethost_unbusy(ErrandTransfer *t);
extern int errand_nethost_most(const ErrandHost *h, const ErrandNet *n);
extern void errand_nethosts_limit_changed(ErrandNet *n);
extern bool errand_nethosts_create(ErrandNet *n);
extern void errand_nethosts_free(ErrandNet *n);

/* urls.c */
extern ErrandUrl *
errand_neturl_get(ErrandNet *n, const char *text, bool secret, char *error, size_t error_size);
extern ErrandUrl *errand_neturl_resolve(ErrandNet *n, const ErrandUrl *base, const char *reference,
										size_t len, bool secret, char *error, size_t error_size);
extern bool errand_neturl_same_host(const ErrandUrl *a, const ErrandUrl *b);
extern void errand_neturl_release(ErrandUrl *url);
extern void errand_neturls_free(ErrandNet *n);

/* pins.c */
typedef enum ErrandPinResult
{
	ERRAND_PIN_READY, /* t->pins is set if the name needs it */
	ERRAND_PIN_WAIT,  /* t->waiter waits */
	ERRAND_PIN_FAILED /* t->resp says why */
} ErrandPinResult;
extern ErrandPinResult errand_pins_find(ErrandTransfer *t);
extern void errand_pins_release(ErrandPins *pins);
extern void errand_pins_refused(ErrandTransfer *t, const ErrandAddress *a, ErrandEgress egress);

/* proxies.c */
extern void errand_netproxy_choose(ErrandTransfer *t); /* sets t->proxy for this hop */
extern void errand_netproxy_release(ErrandProxy *p);
extern CURLcode errand_netproxy_set(CURL *easy, const ErrandProxy *p);
extern void errand_netproxies_free(ErrandNet *n);

/* pool.c */
extern ErrandTransfer *errand_transfer_make(ErrandNet *n, const ErrandRequest *r);
extern void errand_transfer_destroy(ErrandTransfer *t);

/* transfer.c */
extern void errand_transfer_begin(ErrandTransfer *t);
extern void errand_transfer_hop(ErrandTransfer *t);
extern void errand_transfer_run(ErrandTransfer *t);
extern void errand_transfer_ended(ErrandTransfer *t, CURLcode code);
extern void errand_transfer_finish(ErrandTransfer *t);
extern void errand_transfer_leave_curl(ErrandTransfer *t);
extern int errand_transfer_timeout_left_ms(const ErrandTransfer *t);

/* request.c: false with t->resp saying why */
extern bool errand_transfer_prepare(ErrandTransfer *t);

/* receive.c: curl's callbacks */
extern int errand_resolver_start(void *resolver, void *reserved, void *arg);
extern size_t errand_receive_head(char *data, size_t size, size_t n, void *arg);
extern size_t errand_receive_body(char *data, size_t size, size_t n, void *arg);
extern void errand_receive_reset(ErrandTransfer *t);

/* redirect.c */
extern bool errand_redirect_wanted(const ErrandTransfer *t);
extern bool errand_redirect_follow(ErrandTransfer *t); /* t->url is next */

/* outcome.c */
extern void errand_outcome_measure(ErrandTransfer *t);
extern void errand_outcome_complete(ErrandTransfer *t);

/* failure.c */
extern void errand_net_fail(ErrandTransfer *t, ErrandFailure failure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
extern void errand_net_fail_from_curl(ErrandTransfer *t, CURLcode code);

#endif /* ERRAND_NET_INTERNAL_H */
