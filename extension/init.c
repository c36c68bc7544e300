/*
 * init.c
 *		_PG_init: settings, shared memory, hooks and the launcher.
 *
 * Runs in the postmaster, and in a backend when the library was not preloaded:
 * then it does nothing, and the functions say what to add.  No library that
 * the engine links is initialised here: that is after the fork.
 */
#include "postgres.h"

#include "compat.h"
#include "contract.h"
#include "events.h"
#include "fmgr.h"
#include "hooks.h"
#include "postmaster/bgworker.h"
#include "settings.h"
#include "shared.h"
#include "storage/ipc.h"

PG_MODULE_MAGIC;

void _PG_init(void);

static void
register_launcher(void)
{
	BackgroundWorker w;

	memset(&w, 0, sizeof(w));
	w.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	w.bgw_start_time = BgWorkerStart_RecoveryFinished;
	w.bgw_restart_time = 1;
	strlcpy(w.bgw_library_name, ERRAND_EXTENSION, sizeof(w.bgw_library_name));
	strlcpy(w.bgw_function_name, "errand_launcher_main", sizeof(w.bgw_function_name));
	strlcpy(w.bgw_name, "errand launcher", sizeof(w.bgw_name));
	strlcpy(w.bgw_type, "errand launcher", sizeof(w.bgw_type));
	RegisterBackgroundWorker(&w);
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	errand_settings_init();
	errand_shared_init();
	errand_events_init();
	errand_hooks_init();
	if (!IsBinaryUpgrade)
		register_launcher();
}
