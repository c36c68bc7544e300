/*
 * conn.c
 *		Connections and their timers: reading, answering, writing.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "counting.h"

#define MAX_REQUEST (64 * 1024 * 1024)

Totals totals;

static int epoll_fd;

static Conn **heap; /* connections with a timer, soonest first */
static int heap_used;
static int heap_size;
static Conn *dead_conns;

static uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* ---- timers: a binary heap of connections by due ---- */

static void
heap_put(int slot, Conn *conn)
{
	heap[slot] = conn;
	conn->heap_slot = slot;
}

/* Move the connection in this slot to where it belongs. */
static void
heap_settle(int slot)
{
	Conn *conn = heap[slot];

	while (slot > 0 && heap[(slot - 1) / 2]->due > conn->due)
	{
		heap_put(slot, heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	for (;;)
	{
		int child = slot * 2 + 1;

		if (child + 1 < heap_used && heap[child + 1]->due < heap[child]->due)
			child++;
		if (child >= heap_used || heap[child]->due >= conn->due)
			break;
		heap_put(slot, heap[child]);
		slot = child;
	}
	heap_put(slot, conn);
}

static void
timer_start(Conn *conn)
{
	if (heap_used == heap_size)
	{
		heap_size = heap_size == 0 ? 1024 : heap_size * 2;
		heap = need_memory(realloc(heap, (size_t) heap_size * sizeof(Conn *)));
	}
	heap_put(heap_used, conn);
	heap_settle(heap_used++);
}

static void
timer_stop(Conn *conn)
{
	int slot = conn->heap_slot;

	if (slot < 0)
		return;
	conn->heap_slot = -1;
	heap_used--;
	if (slot < heap_used)
	{
		heap_put(slot, heap[heap_used]);
		heap_settle(slot);
	}
}

/* ---- connections ---- */

static void
conn_close(Conn *conn)
{
	if (conn->dead)
		return;
	if (conn->answering)
		totals.running--;
	totals.open--;
	timer_stop(conn);
	close(conn->fd);
	conn->dead = true;
	conn->next_dead = dead_conns;
	dead_conns = conn;
}

/* The client has gone: what it did not wait for counts as aborted. */
static void
conn_lost(Conn *conn)
{
	if (!conn->dead && conn->answering)
		totals.aborted++;
	conn_close(conn);
}

static void
watch(Conn *conn, bool write)
{
	struct epoll_event event = {.data.ptr = conn};

	if (conn->wants_write == write)
		return;
	conn->wants_write = write;
	event.events = EPOLLIN | EPOLLRDHUP | (write ? EPOLLOUT : 0);
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
}

/* The answer is out: get ready for the next request, or close. */
static void
conn_answered(Conn *conn)
{
	conn->out.len = conn->out_done = 0;
	conn->answering = false;
	totals.running--;
	if (!conn->close_after)
		return;
	if (conn->reset_after)
	{
		struct linger none = {.l_onoff = 1, .l_linger = 0};

		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	}
	conn_close(conn);
}

/* The next 64 kB of a large body: its bytes are 0, 1, ... 255, 0, ... */
static void
add_large(Conn *conn)
{
	char bytes[65536];
	size_t len = conn->large_left < sizeof(bytes) ? (size_t) conn->large_left : sizeof(bytes);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char) (i & 0xff);
	buffer_add(&conn->out, bytes, len);
	conn->large_left -= len;
}

static void
conn_write(Conn *conn)
{
	static const char chunk[] = "10\r\nforever and ever\r\n";

	while (!conn->dead && conn->pace != PACE_HELD && conn->answering)
	{
		ssize_t sent;

		if (conn->out_done == conn->out.len)
		{
			if (conn->pace == PACE_LARGE && conn->large_left == 0)
				conn->pace = PACE_AT_ONCE;
			if (conn->pace == PACE_AT_ONCE)
				conn_answered(conn);
			if (conn->pace != PACE_ENDLESS && conn->pace != PACE_LARGE)
				break; /* a drip waits for its timer */
			conn->out.len = conn->out_done = 0;
			if (conn->pace == PACE_LARGE)
				add_large(conn);
			for (int i = 0; conn->pace == PACE_ENDLESS && i < 512; i++)
				buffer_add(&conn->out, chunk, sizeof(chunk) - 1);
		}
		sent = send(conn->fd, conn->out.data + conn->out_done, conn->out.len - conn->out_done,
					MSG_NOSIGNAL);
		if (sent < 0)
		{
			if (errno == EINTR)
				continue;
			if (errno != EAGAIN)
				conn_lost(conn);
			else
				watch(conn, true);
			return;
		}
		conn->out_done += (size_t) sent;
		if (conn->pace == PACE_ENDLESS || conn->pace == PACE_LARGE)
		{
			watch(conn, true); /* one turn a round, so that others get theirs */
			return;
		}
	}
	if (!conn->dead)
		watch(conn, false);
}

/* ---- requests ---- */

static void
begin_answer(Conn *conn)
{
	conn->answering = true;
	if (++totals.running > totals.most_running)
		totals.most_running = totals.running;
}

static void
refuse(Conn *conn, const char *status)
{
	buffer_printf(&conn->out, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
				  status);
	conn->close_after = true;
	begin_answer(conn);
	conn_write(conn);
}

/* Answer the first request in the buffer; false if it is not whole yet. */
static bool
conn_process(Conn *conn)
{
	Request request;
	char *end = conn->in.len == 0 ? NULL : memmem(conn->in.data, conn->in.len, "\r\n\r\n", 4);
	size_t head;

	if (end == NULL)
	{
		if (conn->in.len > 1024 * 1024)
			refuse(conn, "431 Request Header Fields Too Large");
		return false;
	}
	head = (size_t) (end - conn->in.data) + 4;
	if (!parse_head(&request, conn->in.data, end))
	{
		refuse(conn, "400 Bad Request");
		return false;
	}
	if (request.chunked || request.content_length > MAX_REQUEST)
	{
		refuse(conn, request.chunked ? "411 Length Required" : "413 Content Too Large");
		return false;
	}
	if (conn->in.len < head + request.content_length)
	{
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

		if (request.expect_continue && !conn->continued &&
			send(conn->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL) > 0)
			conn->continued = true;
		return false;
	}
	request.body = (Slice){conn->in.data + head, request.content_length};
	conn->continued = false;
	begin_answer(conn);
	if (!request.keep_alive)
		conn->close_after = true;
	route_request(conn, &request);

	head += request.content_length;
	memmove(conn->in.data, conn->in.data + head, conn->in.len - head);
	conn->in.len -= head;
	if (conn->due > 0)
	{
		conn->due += now_us(); /* the route said how long from now */
		timer_start(conn);
	}
	conn_write(conn);
	return true;
}

static void
conn_process_all(Conn *conn)
{
	while (!conn->dead && !conn->answering && conn_process(conn))
		;
}

static void
conn_read(Conn *conn)
{
	for (;;)
	{
		ssize_t got;

		buffer_reserve(&conn->in, 4096);
		got = recv(conn->fd, conn->in.data + conn->in.len, conn->in.size - conn->in.len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0)
		{
			conn_lost(conn);
			return;
		}
		conn->in.len += (size_t) got;
		if (conn->in.len < conn->in.size || conn->in.len > MAX_REQUEST + 1024 * 1024)
			break;
	}
	conn_process_all(conn);
}

static void
conn_timer(Conn *conn)
{
	timer_stop(conn);
	if (conn->pace == PACE_DRIP)
	{
		buffer_add(&conn->out, ".", 1);
		conn->due = now_us() + conn->drip_every;
		timer_start(conn);
	}
	else
	{
		conn->pace = PACE_AT_ONCE;
		conn->due = 0;
	}
	conn_write(conn);
	conn_process_all(conn);
}

/* ---- what the loop calls ---- */

void
conns_init(int fd)
{
	epoll_fd = fd;
}

void
conn_new(int fd)
{
	Conn *conn = need_memory(calloc(1, sizeof(Conn)));
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = conn};
	int on = 1;

	conn->fd = fd;
	conn->heap_slot = -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
	totals.connections++;
	if (++totals.open > totals.most_open)
		totals.most_open = totals.open;
}

void
conn_event(Conn *conn, uint32_t events)
{
	if (!conn->dead && (events & EPOLLIN))
		conn_read(conn);
	if (!conn->dead && (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)))
		conn_lost(conn);
	if (!conn->dead && (events & EPOLLOUT))
	{
		conn_write(conn);
		conn_process_all(conn);
	}
}

/* Fire what is due; returns the milliseconds until the next timer, or -1. */
int
timers_run(void)
{
	uint64_t now = now_us();

	while (heap_used > 0 && heap[0]->due <= now)
		conn_timer(heap[0]);
	return heap_used == 0 ? -1 : (int) ((heap[0]->due - now) / 1000 + 1);
}

/* Free what was closed in this round: events of it may have been waiting. */
void
conns_sweep(void)
{
	while (dead_conns != NULL)
	{
		Conn *conn = dead_conns;

		dead_conns = conn->next_dead;
		free(conn->in.data);
		free(conn->out.data);
		free(conn);
	}
}
