/*
 * usage.c
 *		What a process uses, as /proc tells it where there is one.
 *
 * Runs in every backend, for errand.stat_workers.
 */
#include "postgres.h"

#include <unistd.h>

#include "usage.h"

/*
 * Resident bytes that are a process's own: without shared memory, of which each
 * sees as much as it has touched.  -1: not known.
 */
static int64
process_memory(int pid)
{
	char path[64];
	FILE *f;
	long resident;
	long shared;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return -1;
	n = fscanf(f, "%*d %ld %ld", &resident, &shared);
	fclose(f);
	return n == 2 ? (int64) (resident - shared) * sysconf(_SC_PAGESIZE) : -1;
}

void
errand_process_usage(int pid, double *cpu, int64 *rss)
{
	char path[64];
	char line[1024];
	FILE *f;
	char *p = NULL;
	unsigned long user;
	unsigned long sys;

	*cpu = -1;
	*rss = process_memory(pid);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) != NULL)
		p = strrchr(line, ')');
	fclose(f);
	if (p != NULL &&
		sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) == 2)
		*cpu = (double) (user + sys) / sysconf(_SC_CLK_TCK);
}
