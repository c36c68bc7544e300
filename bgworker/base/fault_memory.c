/*
 * fault_memory.c
 *		Memory that runs out, in test builds: while errand.fault is
 *		memory:PROCESS=walk, an allocation fails, then the first after it, the
 *		second after that one, the third, and so on to the longest gap, and again.
 *		A way of a few allocations that is gone many times fails at each of them.
 *		With memory:PROCESS=chance the gaps are by chance, so that longer ways end, too.
 *
 * Runs in the processes that begin it (the relay, the stream process), for what
 * our objects allocate with malloc (the linker sends it here) and, in the relay,
 * for libwebsockets: as a client it calls abort() where it has no memory for
 * frames.  Each failure is a line in the server's log.  It must never be compiled
 * into a release, and never raise: libwebsockets and libuv are on the stack.
 */
#include "postgres.h"

#include "base/fault.h"

#ifdef ERRAND_FAULTS

#include <unistd.h>

#define LONGEST_GAP 150

extern void *__real_malloc(size_t size);
extern void *__real_calloc(size_t n, size_t size);
extern void *__real_realloc(void *p, size_t size);
extern char *__real_strdup(const char *s);
extern void *__wrap_malloc(size_t size);
extern void *__wrap_calloc(size_t n, size_t size);
extern void *__wrap_realloc(void *p, size_t size);
extern char *__wrap_strdup(const char *s);

static const char *process = NULL;
static long gap = 1;
static long left = 1; /* allocations until the one that fails */

static long
next_gap(bool by_chance)
{
	static uint32 seed = 1;

	seed = seed * 1664525 + 1013904223;
	return by_chance ? (long) (seed >> 16) % LONGEST_GAP + 1 : gap % LONGEST_GAP + 1;
}

static bool
fails(size_t size, const char *whose)
{
	char line[160];
	bool by_chance;
	int len;

	if (process == NULL || size == 0)
		return false;
	by_chance = errand_fault_is("memory", process, "chance");
	if ((!by_chance && !errand_fault_is("memory", process, "walk")) || --left > 0)
		return false;
	len = snprintf(line, sizeof(line), "fault point memory: %zu bytes of %.80s, gap %ld\n", size,
				   whose, gap);
	left = gap = next_gap(by_chance);
	return write(STDERR_FILENO, line, (size_t) len) > 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails(size, "ours") ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails(n * size, "ours") ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails(size, "ours") ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *s)
{
	return fails(strlen(s) + 1, "ours") ? NULL : __real_strdup(s);
}

/* As libwebsockets' own: no size frees. */
void *
errand_fault_realloc(void *p, size_t size, const char *reason)
{
	if (size == 0)
	{
		free(p);
		return NULL;
	}
	return fails(size, reason != NULL ? reason : "libwebsockets") ? NULL : __real_realloc(p, size);
}

void
errand_fault_memory(const char *which)
{
	process = which;
}

#endif
