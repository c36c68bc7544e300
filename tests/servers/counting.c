/*
 * counting.c
 *		The counting server's main program.  See counting.h for what it is.
 *
 *	counting [--port N] [--address A] [--port-file FILE] [--ledger FILE]
 *			 [--die-with-parent]
 *
 * Port 0, the default, takes a free one and writes it to the port file.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "counting.h"

#define EVENTS_A_ROUND 512

static void
fail(const char *what)
{
	fprintf(stderr, "counting: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
listen_on(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
							 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found;
	int on = 1;
	int fd;

	if (getaddrinfo(address, port, &hints, &found) != 0)
	{
		fprintf(stderr, "counting: not a numeric address and port: %s %s\n", address, port);
		exit(1);
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, found->ai_addr, found->ai_addrlen) != 0)
		fail("bind");
	if (listen(fd, 4096) != 0)
		fail("listen");
	freeaddrinfo(found);
	return fd;
}

/* Whoever waits for the file sees the whole number or no file. */
static void
write_port_file(const char *path, int listen_fd)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char port[NI_MAXSERV];
	char temporary[4096];
	FILE *file;

	if (getsockname(listen_fd, (struct sockaddr *) &address, &len) != 0 ||
		getnameinfo((struct sockaddr *) &address, len, NULL, 0, port, sizeof(port),
					NI_NUMERICSERV) != 0)
		fail("getsockname");
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	if (file == NULL || fprintf(file, "%s\n", port) < 0 || fclose(file) != 0 ||
		rename(temporary, path) != 0)
		fail(path);
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
serve(int listen_fd)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	struct epoll_event events[EVENTS_A_ROUND];

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event) != 0)
		fail("epoll");
	conns_init(epoll_fd);
	for (;;)
	{
		int count = epoll_wait(epoll_fd, events, EVENTS_A_ROUND, timers_run());

		if (count < 0 && errno != EINTR)
			fail("epoll_wait");
		for (int i = 0; i < count; i++)
		{
			int fd;

			if (events[i].data.ptr != NULL)
				conn_event(events[i].data.ptr, events[i].events);
			else
				while ((fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
					conn_new(fd);
		}
		conns_sweep();
	}
}

int
main(int argc, char **argv)
{
	const char *port = "0";
	const char *address = "127.0.0.1";
	const char *port_file = NULL;
	int listen_fd;

	for (int i = 1; i < argc; i++)
	{
		if (strcmp(argv[i], "--die-with-parent") == 0)
			prctl(PR_SET_PDEATHSIG, SIGTERM);
		else if (i + 1 < argc && strcmp(argv[i], "--port") == 0)
			port = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--address") == 0)
			address = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--port-file") == 0)
			port_file = argv[++i];
		else if (i + 1 < argc && strcmp(argv[i], "--ledger") == 0)
			ledger_open(argv[++i]);
		else
		{
			fprintf(stderr, "usage: counting [--port N] [--address A] [--port-file FILE]"
							" [--ledger FILE] [--die-with-parent]\n");
			return 1;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	raise_descriptor_limit();
	listen_fd = listen_on(address, port);
	if (port_file != NULL)
		write_port_file(port_file, listen_fd);
	serve(listen_fd);
}
