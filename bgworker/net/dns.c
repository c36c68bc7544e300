/*-------------------------------------------------------------------------
 *
 * dns.c
 *	  One c-ares channel, its sockets and its timer on the libuv loop.
 *
 * Runs in the errand worker.  Must never block, start a thread, or call
 * anything but recorders from inside c-ares.
 *
 *-------------------------------------------------------------------------
 */
#include <ares.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "net/resolver.h"

/* 1.24 gave the one what only the other could, and deprecated the other. */
#if ARES_VERSION < 0x011800
#define set_servers ares_set_servers_ports_csv
#else
#define set_servers ares_set_servers_csv
#endif

struct ErrandDns
{
	ErrandNames *names;
	uv_loop_t *loop;
	ErrandHandles *handles;
	ares_channel channel;
	uv_timer_t timer;	/* c-ares wants to be called by then */
	ErrandLink sockets; /* a few: one or two a server */
};

typedef struct DnsSocket
{
	uv_poll_t poll;
	ErrandLink link;
	ErrandDns *dns;
	ErrandHandles *handles;
	ares_socket_t fd;
} DnsSocket;

static void
on_socket_closed(uv_handle_t *handle)
{
	DnsSocket *s = handle->data;
	ErrandHandles *handles = s->handles;

	free(s);
	errand_handle_closed(handles);
}

static void
on_dns_closed(uv_handle_t *handle)
{
	ErrandDns *dns = handle->data;
	ErrandHandles *handles = dns->handles;

	free(dns);
	errand_handle_closed(handles);
}

static void on_timer(uv_timer_t *timer);

/* Sleep no longer than c-ares wants to. */
static void
set_timer(ErrandDns *dns)
{
	struct timeval tv;

	if (ares_timeout(dns->channel, NULL, &tv) == NULL)
		uv_timer_stop(&dns->timer);
	else
		uv_timer_start(&dns->timer, on_timer,
					   (uint64_t) tv.tv_sec * 1000 + (uint64_t) tv.tv_usec / 1000 + 1, 0);
}

/* Let c-ares work on one socket, then put to it what waited for room. */
static void
process(ErrandDns *dns, ares_socket_t in, ares_socket_t out)
{
	ares_process_fd(dns->channel, in, out);
	errand_names_ask_more(dns->names);
	set_timer(dns);
}

static void
on_timer(uv_timer_t *timer)
{
	process(timer->data, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	DnsSocket *s = poll->data;
	bool in = status < 0 || (events & UV_READABLE);
	bool out = status < 0 || (events & UV_WRITABLE);

	process(s->dns, in ? s->fd : ARES_SOCKET_BAD, out ? s->fd : ARES_SOCKET_BAD);
}

static DnsSocket *
find_socket(ErrandDns *dns, ares_socket_t fd)
{
	ErrandLink *l;

	for (l = dns->sockets.next; l != &dns->sockets; l = l->next)
	{
		DnsSocket *s = errand_container(l, DnsSocket, link);

		if (s->fd == fd)
			return s;
	}
	return NULL;
}

static DnsSocket *
add_socket(ErrandDns *dns, ares_socket_t fd)
{
	DnsSocket *s = calloc(1, sizeof(DnsSocket));

	if (s == NULL || uv_poll_init(dns->loop, &s->poll, fd) != 0)
	{
		free(s); /* its questions will time out */
		return NULL;
	}
	s->poll.data = s;
	s->dns = dns;
	s->handles = dns->handles;
	s->fd = fd;
	errand_list_push(&dns->sockets, &s->link);
	errand_handle_opened(s->handles);
	return s;
}

/* From c-ares: what it waits for on a socket; nothing just before it closes. */
static void
on_socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	ErrandDns *dns = arg;
	DnsSocket *s = find_socket(dns, fd);

	if (readable || writable)
	{
		if (s == NULL)
			s = add_socket(dns, fd);
		if (s != NULL)
			uv_poll_start(&s->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
						  on_poll);
	}
	else if (s != NULL)
	{
		errand_list_remove(&s->link);
		uv_poll_stop(&s->poll);
		uv_close((uv_handle_t *) &s->poll, on_socket_closed);
	}
}

/*
 * A quarter of the whole time for the first try: with one server and two
 * tries, the second lasting twice as long, c-ares comes to an end (and hands
 * over what did arrive, A without AAAA) before names.c gives up.
 */
static int
open_channel(ErrandDns *dns, const char *servers, int timeout_ms)
{
	struct ares_options options;
	int status;

	memset(&options, 0, sizeof(options));
	options.flags = ARES_FLAG_NOALIASES;
	options.timeout = timeout_ms / 4 > 1 ? timeout_ms / 4 : 1;
	options.tries = 2;
	options.lookups = (char *) "fb"; /* /etc/hosts, then DNS */
	options.sock_state_cb = on_socket_state;
	options.sock_state_cb_data = dns;
	status = ares_init_options(&dns->channel, &options,
							   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
								   ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
	if (status != ARES_SUCCESS)
		return status;
	if (servers != NULL && servers[0] != '\0')
		status = set_servers(dns->channel, servers);
	if (status != ARES_SUCCESS)
		ares_destroy(dns->channel);
	return status;
}

ErrandDns *
errand_dns_create(ErrandNames *names, uv_loop_t *loop, ErrandHandles *handles, const char *servers,
				  int timeout_ms, const char **why)
{
	ErrandDns *dns = calloc(1, sizeof(ErrandDns));
	int status;

	if (dns == NULL)
	{
		*why = "out of memory";
		return NULL;
	}
	dns->names = names;
	dns->loop = loop;
	dns->handles = handles;
	errand_list_init(&dns->sockets);
	status = open_channel(dns, servers, timeout_ms);
	if (status != ARES_SUCCESS)
	{
		*why = ares_strerror(status);
		free(dns);
		return NULL;
	}
	uv_timer_init(loop, &dns->timer);
	dns->timer.data = dns;
	errand_handle_opened(handles);
	return dns;
}

/* What c-ares says, in words that tell whose fault it is. */
static void
explain(int status, ErrandAnswer *answer)
{
	static const struct
	{
		int status;
		ErrandFailure failure;
		const char *reason;
	} table[] = {
		{ARES_ENOTFOUND, ERRAND_FAIL_DNS_NOT_FOUND, "no such host"},
		{ARES_ENODATA, ERRAND_FAIL_DNS_NOT_FOUND, "the name has no address"},
		{ARES_EBADNAME, ERRAND_FAIL_DNS_NOT_FOUND, "not a host name"},
		{ARES_ETIMEOUT, ERRAND_FAIL_DNS, "no answer from the DNS server"},
		{ARES_ECONNREFUSED, ERRAND_FAIL_DNS, "the DNS server failed or cannot be reached"},
		{ARES_ESERVFAIL, ERRAND_FAIL_DNS, "the DNS server failed"},
		{ARES_EREFUSED, ERRAND_FAIL_DNS, "the DNS server refused to answer"},
		{ARES_ENOMEM, ERRAND_FAIL_DNS, "out of memory"},
	};

	answer->failure = ERRAND_FAIL_DNS;
	answer->reason = "the DNS server's answer makes no sense";
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == status)
		{
			answer->failure = table[i].failure;
			answer->reason = table[i].reason;
		}
}

/* Append the addresses of one family. */
static void
take_addresses(ErrandAnswer *answer, const struct ares_addrinfo *info, int family)
{
	const struct ares_addrinfo_node *node;

	for (node = info->nodes; node != NULL; node = node->ai_next)
	{
		ErrandAddress *a = &answer->addresses[answer->n_addresses];

		if (node->ai_family != family || node->ai_addrlen > (ares_socklen_t) sizeof(a->u) ||
			answer->n_addresses >= ERRAND_NAME_MAX_ADDRESSES)
			continue;
		memcpy(&a->u, node->ai_addr, node->ai_addrlen);
		a->len = node->ai_addrlen;
		answer->n_addresses++;
		if (node->ai_ttl < answer->ttl)
			answer->ttl = node->ai_ttl;
	}
}

/*
 * IPv4 goes first: it works nearly everywhere, and curl tries the other family
 * after 200 ms anyway.
 */
static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	ErrandAnswer answer;

	(void) timeouts;
	memset(&answer, 0, sizeof(answer));
	answer.ttl = ERRAND_NAME_MAX_TTL;
	answer.aborted = status == ARES_EDESTRUCTION;
	if (status == ARES_SUCCESS && info != NULL)
	{
		take_addresses(&answer, info, AF_INET);
		take_addresses(&answer, info, AF_INET6);
		if (answer.n_addresses == 0)
			status = ARES_ENODATA;
	}
	if (status != ARES_SUCCESS)
		explain(status, &answer);
	errand_names_answer(arg, &answer);
	if (info != NULL)
		ares_freeaddrinfo(info);
}

void
errand_dns_ask(ErrandDns *dns, const char *host, ErrandQuery *q)
{
	struct ares_addrinfo_hints hints;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_flags = ARES_AI_NOSORT; /* sorting would open sockets */
	ares_getaddrinfo(dns->channel, host, NULL, &hints, on_answer, q);
	set_timer(dns);
}

void
errand_dns_close(ErrandDns *dns)
{
	ares_destroy(dns->channel);
	uv_close((uv_handle_t *) &dns->timer, on_dns_closed);
}
