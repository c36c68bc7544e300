/*
 * load.c
 *		Many WebSocket clients that check what they get, for the benchmark.
 *
 *	load PORT CLIENTS CHANNEL TOKEN [--tee]
 *
 * Opens the connections, subscribes each to the channel with "batch" and
 * prints "ready CONNECTS-A-SECOND" when all have their snapshot.  With TOKEN
 * "-" the server sends without being asked.  --tee writes what the first
 * client gets to standard output and nothing else.  Then it obeys standard
 * input, a line at a time, and ends with it:
 *
 *	submit RATE SECONDS STATEMENT	tasks at that rate by a process of its own
 *	events COUNT					wait until each client has that many events
 *	quiet							wait until nothing came for half a second
 *	reset							forget what was measured
 *	report							a line of NAME=VALUE, times in ms:
 *		late_*      from when the event says it happened to its receipt
 *		submit_*    from before the submit to the receipt of a task's first event
 *		wrong       events missing, twice, out of order, not the same for all,
 *		            tasks that went backwards, lost connections; 0 is right
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define EVENTS_A_ROUND 512
#define HANDSHAKES_AT_ONCE 64
#define PATIENCE_US (60 * 1000000LL)
#define QUIET_US 500000

int64_t
epoch_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
fail(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(1);
}

/* What came within the time; false if it was nothing. *input tells of standard input. */
static bool
serve(Load *load, int timeout_ms, bool *input)
{
	struct epoll_event events[EVENTS_A_ROUND];
	int n = epoll_wait(load->epoll, events, EVENTS_A_ROUND, timeout_ms);
	bool any = false;

	if (n < 0 && errno != EINTR)
		fail("epoll_wait", strerror(errno));
	for (int i = 0; i < n; i++)
	{
		if (events[i].data.ptr == NULL)
			*input = true;
		else
		{
			client_read(load, events[i].data.ptr);
			any = true;
		}
	}
	return any;
}

/* The same for those who expect no order: whoever gave one waits for its answer. */
static bool
serve_clients(Load *load, int timeout_ms)
{
	bool ignored;

	return serve(load, timeout_ms, &ignored);
}

static void
open_all(Load *load)
{
	int64_t began = epoch_us();

	for (int i = 0; i < load->count; i++)
	{
		client_open(load, i);
		while (i - load->ready >= HANDSHAKES_AT_ONCE && load->closed == 0)
			serve_clients(load, 100);
	}
	while (load->ready < load->count)
	{
		if (load->closed > 0 || epoch_us() - began > PATIENCE_US)
			fail("not all clients came in", "see above");
		serve_clients(load, 100);
	}
	if (!load->tee)
		printf("ready %.0f\n", load->count * 1e6 / (epoch_us() - began));
	fflush(stdout);
}

static void
do_submit(Load *load, const char *arguments)
{
	double rate, seconds;
	int used;

	if (sscanf(arguments, "%lf %lf %n", &rate, &seconds, &used) < 2)
		fail("submit", "wants RATE SECONDS STATEMENT");
	submit_start(rate, seconds, arguments + used);
	while (!submit_done())
		serve_clients(load, 20);
}

static void
do_events(Load *load, uint64_t wanted)
{
	int64_t end = epoch_us() + PATIENCE_US;
	uint64_t most = 0;

	while (epoch_us() < end && load->closed == 0 && (!events_even(load, &most) || most < wanted))
		serve_clients(load, 100);
}

static void
do_quiet(Load *load)
{
	int64_t last = epoch_us();
	int64_t end = last + PATIENCE_US;

	while (epoch_us() < end && epoch_us() - last < QUIET_US)
		if (serve_clients(load, 50))
			last = epoch_us();
}

static void
obey(Load *load, char *line)
{
	line[strcspn(line, "\n")] = 0;
	if (strncmp(line, "submit ", 7) == 0)
		do_submit(load, line + 7);
	else if (strncmp(line, "events ", 7) == 0)
		do_events(load, strtoull(line + 7, NULL, 10));
	else if (strcmp(line, "quiet") == 0)
		do_quiet(load);
	else if (strcmp(line, "reset") == 0)
		events_reset(load);
	else if (strcmp(line, "report") == 0)
		events_report(load);
	else
		fail("I do not know", line);
	if (strcmp(line, "report") != 0)
	{
		puts("done");
		fflush(stdout);
	}
}

/* With --tee it serves until it is killed. */
static void
serve_for_ever(Load *load)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	if (!load->tee)
		epoll_ctl(load->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	for (;;)
	{
		bool input = false;
		char line[8192];

		serve(load, -1, &input);
		if (!input)
			continue;
		if (fgets(line, sizeof(line), stdin) == NULL)
			exit(0);
		obey(load, line);
	}
}

int
main(int argc, char **argv)
{
	static Load load;
	struct rlimit files;

	if (argc < 5)
		fail("usage", "load PORT CLIENTS CHANNEL TOKEN [--tee]");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	load.port = atoi(argv[1]);
	load.count = atoi(argv[2]);
	load.channel = argv[3];
	load.token = strcmp(argv[4], "-") == 0 ? NULL : argv[4];
	load.tee = argc > 5;
	load.clients = calloc(load.count, sizeof(Client));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.clients == NULL || load.epoll < 0)
		fail("no memory", "or no epoll");
	open_all(&load);
	serve_for_ever(&load);
}
