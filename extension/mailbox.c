/*
 * mailbox.c
 *		A small box in shared memory for requests that must outlive a rollback.
 *
 * Runs in every backend (put) and in the leader (take).  Under event_lock,
 * for the time of a copy.
 */
#include "postgres.h"

#include "mailbox.h"
#include "compat.h"
#include "shared.h"

static ErrandMail *box = NULL; /* [ERRAND_MAILBOX_SIZE], event_lock */

Size
errand_mailbox_bytes(void)
{
	return sizeof(ErrandMail) * ERRAND_MAILBOX_SIZE;
}

void
errand_mailbox_attach(void *memory)
{
	box = memory;
}

bool
errand_mailbox_put(ErrandMailKind kind, int64 id, Oid role, bool all, const char *queue)
{
	bool done = false;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAILBOX_SIZE && !done; i++)
	{
		ErrandMail *m = &box[i];

		if (m->kind != ERRAND_MAIL_NONE)
			continue;
		m->kind = kind;
		m->database = MyDatabaseId;
		m->id = id;
		m->role = role;
		m->all = all;
		strlcpy(m->queue, queue ? queue : "", sizeof(m->queue));
		done = true;
	}
	LWLockRelease(errand_shared->event_lock);
	if (done)
		errand_wake_workers(MyDatabaseId);
	return done;
}

bool
errand_mailbox_any(void)
{
	bool any = false;

	/* Without the lock: a request that is just being written wakes us again. */
	for (int i = 0; i < ERRAND_MAILBOX_SIZE && !any; i++)
		any = box[i].kind != ERRAND_MAIL_NONE && box[i].database == MyDatabaseId;
	return any;
}

bool
errand_mailbox_take(ErrandMail *out)
{
	bool found = false;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_MAILBOX_SIZE && !found; i++)
	{
		if (box[i].kind == ERRAND_MAIL_NONE || box[i].database != MyDatabaseId)
			continue;
		*out = box[i];
		box[i].kind = ERRAND_MAIL_NONE;
		found = true;
	}
	LWLockRelease(errand_shared->event_lock);
	return found;
}
