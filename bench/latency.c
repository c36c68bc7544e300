/*
 * latency.c
 *		How long one task takes on an idle worker, as its client sees it.
 *
 *	latency CONNINFO URL COUNT GAP_MS
 *
 * Submits COUNT tasks one after the other, and waits each time until a second
 * session that LISTENs hears of the final state; then a gap, so that the
 * worker is asleep again; then a plain INSERT with its commit, and another gap.
 * Prints a line a task, in microseconds since 1970, and what the INSERT took:
 *
 *		task-id submit-begun submit-committed final-state-heard insert-us
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static int64_t
epoch_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
fail(const char *what, const char *why)
{
	fprintf(stderr, "latency: %s: %s\n", what, why);
	exit(1);
}

static PGconn *
connect_to(const char *conninfo)
{
	PGconn *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		fail("connect", PQerrorMessage(conn));
	return conn;
}

static PGresult *
must(PGconn *conn, PGresult *result, ExecStatusType expected)
{
	if (PQresultStatus(result) != expected)
		fail("statement", PQerrorMessage(conn));
	return result;
}

/* Does this payload say that this task has succeeded?  Any other end is fatal. */
static bool
is_final(const char *payload, const char *id)
{
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "\"id\":%s,", id);
	if (strstr(payload, wanted) == NULL)
		return false;
	if (strstr(payload, "\"state\":\"failed\"") != NULL)
		fail("the task failed", payload);
	return strstr(payload, "\"state\":\"succeeded\"") != NULL;
}

static int64_t
wait_final(PGconn *listener, const char *id)
{
	int64_t give_up = epoch_us() + PATIENCE_MS * 1000;

	for (;;)
	{
		struct pollfd fd = {.fd = PQsocket(listener), .events = POLLIN};
		PGnotify *heard;
		int64_t at = epoch_us();
		bool final = false;

		if (PQconsumeInput(listener) == 0)
			fail("LISTEN", PQerrorMessage(listener));
		while ((heard = PQnotifies(listener)) != NULL)
		{
			final = final || is_final(heard->extra, id);
			PQfreemem(heard);
		}
		if (final)
			return at;
		if (at > give_up)
			fail("nothing was heard of the final state of task", id);
		(void) poll(&fd, 1, PATIENCE_MS);
	}
}

/* Not in step with any timer. */
static void
gap(int ms, int i)
{
	usleep((useconds_t) (ms + i % 7) * 1000);
}

static int64_t
plain_insert(PGconn *client)
{
	int64_t begun = epoch_us();

	PQclear(
		must(client, PQexecPrepared(client, "plain", 0, NULL, NULL, NULL, 0), PGRES_COMMAND_OK));
	return epoch_us() - begun;
}

int
main(int argc, char **argv)
{
	PGconn *client;
	PGconn *listener;
	int count;
	int gap_ms;

	if (argc != 5)
		fail("usage", "latency CONNINFO URL COUNT GAP_MS");
	count = atoi(argv[3]);
	gap_ms = atoi(argv[4]);
	client = connect_to(argv[1]);
	listener = connect_to(argv[1]);
	PQclear(must(listener, PQexec(listener, "LISTEN errand"), PGRES_COMMAND_OK));
	PQclear(must(client, PQprepare(client, "go", "SELECT errand.http_get($1)", 1, NULL),
				 PGRES_COMMAND_OK));
	PQclear(must(client, PQexec(client, "SET client_min_messages = warning"), PGRES_COMMAND_OK));
	PQclear(must(client, PQexec(client, "CREATE TABLE IF NOT EXISTS plain_insert (n integer)"),
				 PGRES_COMMAND_OK));
	PQclear(must(client, PQprepare(client, "plain", "INSERT INTO plain_insert VALUES (1)", 0, NULL),
				 PGRES_COMMAND_OK));
	for (int i = 0; i < count; i++)
	{
		char url[2048];
		const char *values[1] = {url};
		int64_t begun;
		int64_t committed;
		int64_t final;
		PGresult *result;

		snprintf(url, sizeof(url), "%s?n=%d", argv[2], i);
		begun = epoch_us();
		result = must(client, PQexecPrepared(client, "go", 1, values, NULL, NULL, 0),
					  PGRES_TUPLES_OK);
		committed = epoch_us();
		final = wait_final(listener, PQgetvalue(result, 0, 0));
		gap(gap_ms, i);
		printf("%s %lld %lld %lld %lld\n", PQgetvalue(result, 0, 0), (long long) begun,
			   (long long) committed, (long long) final, (long long) plain_insert(client));
		PQclear(result);
		gap(gap_ms, i);
	}
	PQfinish(client);
	PQfinish(listener);
	return 0;
}
