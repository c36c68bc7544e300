/*
 * fault.c
 *		Makes a process fail at a named point, in test builds.
 *
 * Runs in our processes.  It must never be compiled into a release.
 */
#include "postgres.h"

#include "base/fault.h"

#ifdef ERRAND_FAULTS

#include <signal.h>

#include "base/clock.h"
#include "compat.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "settings.h"
#include "storage/latch.h"

/* Passes over a word; false if the text goes on otherwise. */
static bool
skip(const char **p, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*p, word, len) != 0)
		return false;
	*p += len;
	return true;
}

static bool
armed(const char *name, const char *what, const char **action)
{
	const char *p = errand_fault;

	if (p == NULL || !skip(&p, name))
		return false;
	if (what != NULL && !(skip(&p, ":") && skip(&p, what)))
		return false;
	*action = p + 1;
	return *p == '=';
}

bool
errand_fault_is(const char *name, const char *what, const char *action)
{
	const char *set;

	return armed(name, what, &set) && strcmp(set, action) == 0;
}

int
errand_fault_haste(const char *name)
{
	const char *times;

	return armed(name, NULL, &times) ? Max(1, atoi(times)) : 1;
}

void
errand_fault_point(const char *name, const char *what)
{
	const char *action;
	char text[64];

	if (!armed(name, what, &action))
		return;
	if (strcmp(action, "kill") == 0)
		kill(MyProcPid, SIGKILL);
	if (strcmp(action, "error") == 0)
		ereport(ERROR, (errmsg("fault point %s", name)));
	if (strcmp(action, "full") == 0)
		ereport(ERROR, (errcode(ERRCODE_DISK_FULL), errmsg("fault point %s", name)));
	ereport(LOG, (errmsg("fault point %s: paused", name)));
	snprintf(text, sizeof(text), "fault point %s: paused", name);
	pgstat_report_activity(STATE_RUNNING, text); /* for tests to see */
	while (armed(name, what, &action) && strcmp(action, "pause") == 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 50,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	ereport(LOG, (errmsg("fault point %s: goes on", name)));
	snprintf(text, sizeof(text), "fault point %s: goes on", name);
	pgstat_report_activity(STATE_RUNNING, text);
}

#endif
