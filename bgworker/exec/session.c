/*
 * session.c
 *		Keeps an executor's session clean: the next task finds nothing of the
 *		last one's.
 *
 * Runs in executors.  What DISCARD ALL does between transactions, piece by
 * piece and cheap where there is nothing to discard.  Settings are not here:
 * each handler runs in a GUC nest level of its own (attempt.c).
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/db.h"
#include "catalog/namespace.h"
#include "commands/async.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "exec/session.h"
#include "storage/lock.h"
#include "utils/portal.h"

static bool temp_used = false;

void
errand_session_clean(void)
{
	PortalHashTableDeleteAll();
	DropAllPreparedStatements();
	LockReleaseSession(USER_LOCKMETHOD);
	ResetSequenceCaches();
	temp_used |= (MyXactFlags & XACT_FLAGS_ACCESSEDTEMPNAMESPACE) != 0;
}

bool
errand_session_dirty(void)
{
	return temp_used;
}

void
errand_session_before_commit(void)
{
	Async_UnlistenAll();
}

void
errand_session_after_commit(void)
{
	if (!temp_used)
		return;
	temp_used = false;
	errand_db_transaction();
	ResetTempTableNamespace();
	errand_db_end();
}
