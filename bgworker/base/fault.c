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
#include "postmaster/interrupt.h"
#include "settings.h"
#include "storage/latch.h"

static bool
armed(const char *name, const char **action)
{
	size_t len = strlen(name);

	if (errand_fault == NULL || strncmp(errand_fault, name, len) != 0 || errand_fault[len] != '=')
		return false;
	*action = errand_fault + len + 1;
	return true;
}

void
errand_fault_point(const char *name)
{
	const char *action;

	if (!armed(name, &action))
		return;
	if (strcmp(action, "kill") == 0)
		kill(MyProcPid, SIGKILL);
	if (strcmp(action, "error") == 0)
		ereport(ERROR, (errmsg("fault point %s", name)));
	ereport(LOG, (errmsg("fault point %s: paused", name)));
	while (armed(name, &action) && strcmp(action, "pause") == 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 50, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
	}
	ereport(LOG, (errmsg("fault point %s: goes on", name)));
}

#endif
