/*
 * submit.c
 *		A child process that submits tasks at a rate, each in its own transaction.
 *
 * It tells in shared memory when it began the submit of which task.  Being
 * late it catches up, so that the rate holds on average.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define MOST (1 << 20)

typedef struct Submitted
{
	int64_t id;
	int64_t began;
} Submitted;

typedef struct Shared
{
	uint64_t count;
	Submitted by_id[MOST];
} Shared;

static Shared *shared;
static pid_t child;

static void
wait_until(int64_t when)
{
	int64_t left = when - epoch_us();

	if (left > 0)
	{
		struct timespec t = {left / 1000000, left % 1000000 * 1000};

		nanosleep(&t, NULL);
	}
}

static void
submit_all(double rate, double seconds, const char *statement)
{
	PGconn *conn = PQconnectdb("");
	uint64_t count = (uint64_t) (rate * seconds);
	int64_t start;

	if (PQstatus(conn) != CONNECTION_OK)
		fail("connect", PQerrorMessage(conn));
	PQclear(PQprepare(conn, "submit", statement, 0, NULL));
	start = epoch_us();
	for (uint64_t i = 0; i < count; i++)
	{
		PGresult *result;
		int64_t began, id;

		wait_until(start + (int64_t) (i * 1e6 / rate));
		began = epoch_us();
		result = PQexecPrepared(conn, "submit", 0, NULL, NULL, NULL, 0);
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			fail("submit", PQerrorMessage(conn));
		id = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
		PQclear(result);
		shared->by_id[id % MOST] = (Submitted){id, began};
		shared->count++;
	}
	PQfinish(conn);
}

void
submit_start(double rate, double seconds, const char *statement)
{
	if (shared == NULL)
		shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
					  0);
	if (shared == MAP_FAILED)
		fail("mmap", strerror(errno));
	memset(shared, 0, sizeof(Shared));
	child = fork();
	if (child < 0)
		fail("fork", strerror(errno));
	if (child == 0)
	{
		submit_all(rate, seconds, statement);
		_exit(0);
	}
}

bool
submit_done(void)
{
	int status;

	if (child == 0)
		return true;
	if (waitpid(child, &status, WNOHANG) != child)
		return false;
	child = 0;
	if (status != 0)
		fail("the submitting process", "failed");
	return true;
}

int64_t
submit_began(int64_t id)
{
	if (shared == NULL || shared->by_id[id % MOST].id != id)
		return 0;
	return shared->by_id[id % MOST].began;
}

uint64_t
submit_count(void)
{
	return shared ? shared->count : 0;
}
