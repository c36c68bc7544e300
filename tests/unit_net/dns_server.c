/*-------------------------------------------------------------------------
 *
 * dns_server.c
 *	  A DNS server on loopback whose answers lie in the question.
 *
 *	silent...            no answer at all, 127.0.0.1 once it was told to speak
 *	nx...                there is no such name
 *	fail...              the server failed
 *	empty...             the name exists, without an address
 *	a-1-2-3-4-5-6-7-8... the addresses 1.2.3.4 and 5.6.7.8
 *	flip...              8.8.8.8 and 127.0.0.1 in turn, to live 1 s
 *	dual...              127.0.0.1 and ::1
 *	half...              127.0.0.1, and silence about AAAA
 *
 * Other AAAA questions get an empty answer.
 *
 *-------------------------------------------------------------------------
 */
#include "harness.h"

#include <arpa/inet.h>

struct DnsServer
{
	uv_udp_t udp;
	char address[32];
	int questions;
	int flips;
	bool speaks; /* for "silent..." too */
	bool closed;
};

typedef struct Reply
{
	uv_udp_send_t req;
	unsigned char data[512];
	size_t len;
} Reply;

static void
on_sent(uv_udp_send_t *req, int status)
{
	(void) status;
	free(req);
}

static void
add_record(Reply *r, int type, const unsigned char *ip, int len, int ttl)
{
	unsigned char record[12] = {0xc0, 12, 0, (unsigned char) type, 0, 1,
								0,	  0,  0, (unsigned char) ttl,  0, (unsigned char) len};

	memcpy(r->data + r->len, record, sizeof(record));
	memcpy(r->data + r->len + sizeof(record), ip, (size_t) len);
	r->len += sizeof(record) + (size_t) len;
	r->data[7]++; /* answers */
}

/* "a-1-2-3-4-...": four numbers an address. */
static void
add_listed(Reply *r, const char *name)
{
	unsigned char ip[4];
	int n = 0;

	while (*name == '-')
	{
		ip[n++ % 4] = (unsigned char) strtol(name + 1, (char **) &name, 10);
		if (n % 4 == 0)
			add_record(r, 1, ip, 4, 60);
	}
}

static void
answer(DnsServer *d, Reply *r, const char *name, int type)
{
	static const unsigned char public[4] = {8, 8, 8, 8};
	static const unsigned char loop[4] = {127, 0, 0, 1};
	static const unsigned char loop6[16] = {[15] = 1};

	if (strncmp(name, "nx", 2) == 0)
		r->data[3] |= 3;
	else if (strncmp(name, "fail", 4) == 0)
		r->data[3] |= 2;
	else if (type == 1 && strncmp(name, "a-", 2) == 0)
		add_listed(r, name + 1);
	else if (type == 1 && strncmp(name, "flip", 4) == 0)
		add_record(r, 1, d->flips++ % 2 == 0 ? public : loop, 4, 1);
	else if (type == 1 && (strncmp(name, "dual", 4) == 0 || strncmp(name, "half", 4) == 0 ||
						   strncmp(name, "silent", 6) == 0))
		add_record(r, 1, loop, 4, 60);
	else if (type == 28 && strncmp(name, "dual", 4) == 0)
		add_record(r, 28, loop6, 16, 60);
}

static void
on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	static char space[4096];

	(void) h;
	(void) suggested;
	*buf = uv_buf_init(space, sizeof(space));
}

static void
on_question(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned flags)
{
	DnsServer *d = udp->data;
	const unsigned char *q = (const unsigned char *) buf->base;
	char name[256] = "";
	size_t at = 12;
	Reply *r;
	uv_buf_t out;

	(void) flags;
	if (n < 17 || from == NULL)
		return;
	while (at < (size_t) n && q[at] != 0)
	{
		strncat(name, (const char *) q + at + 1, q[at]);
		strcat(name, ".");
		at += q[at] + 1u;
	}
	at += 5; /* the root, type and class */
	d->questions++;
	if ((strncmp(name, "silent", 6) == 0 && !d->speaks) ||
		(strncmp(name, "half", 4) == 0 && q[at - 3] == 28))
		return;
	r = calloc(1, sizeof(Reply));
	memcpy(r->data, q, at);
	r->data[2] = 0x85; /* a response, authoritative */
	r->data[3] = 0x80;
	memset(r->data + 6, 0, 6);
	r->len = at;
	answer(d, r, name, q[at - 3]);
	out = uv_buf_init((char *) r->data, (unsigned) r->len);
	if (uv_udp_send(&r->req, udp, &out, 1, from, on_sent) != 0)
		free(r);
}

DnsServer *
dns_open(void)
{
	DnsServer *d = calloc(1, sizeof(DnsServer));
	struct sockaddr_in sa;
	int len = sizeof(sa);

	uv_udp_init(&H.loop, &d->udp);
	d->udp.data = d;
	uv_ip4_addr("127.0.0.1", 0, &sa);
	assert_int_equal(uv_udp_bind(&d->udp, (struct sockaddr *) &sa, 0), 0);
	uv_udp_getsockname(&d->udp, (struct sockaddr *) &sa, &len);
	snprintf(d->address, sizeof(d->address), "127.0.0.1:%d", ntohs(sa.sin_port));
	uv_udp_recv_start(&d->udp, on_alloc, on_question);
	return d;
}

const char *
dns_address(const DnsServer *d)
{
	return d->address;
}

void
dns_speak(DnsServer *d)
{
	d->speaks = true;
}

int
dns_questions(const DnsServer *d)
{
	return d->questions;
}

static void
on_closed(uv_handle_t *h)
{
	((DnsServer *) h->data)->closed = true;
}

void
dns_close(DnsServer *d)
{
	uv_close((uv_handle_t *) &d->udp, on_closed);
	WAIT_FOR(d->closed);
	free(d);
}
