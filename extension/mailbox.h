/*
 * mailbox.h
 *		Requests to a database's leader that take effect whether or not the
 *		requesting transaction commits.  Bounded: a full box says so.
 */
#ifndef ERRAND_MAILBOX_H
#define ERRAND_MAILBOX_H

#include "postgres.h"

#include "contract.h"

#define ERRAND_MAILBOX_SIZE 256

typedef enum ErrandMailKind
{
	ERRAND_MAIL_NONE = 0,
	ERRAND_MAIL_CANCEL, /* cancel task id, as far as role may */
	ERRAND_MAIL_DRAIN,	/* set the queue's drain mark */
	ERRAND_MAIL_DIED	/* an executor ended in the middle of task id */
} ErrandMailKind;

typedef struct ErrandMail
{
	ErrandMailKind kind;
	Oid database;
	int64 id;
	Oid role;
	bool all;					   /* the role may touch tasks of others */
	char queue[ERRAND_NAME_BYTES]; /* to drain; of CANCEL the reason, empty: the usual one */
} ErrandMail;

/* Size of the box in shared memory, for shared.c. */
extern Size errand_mailbox_bytes(void);
extern void errand_mailbox_attach(void *memory);

/* Leaves a request and wakes the leader; false if the box is full. */
extern bool
errand_mailbox_put(ErrandMailKind kind, int64 id, Oid role, bool all, const char *queue);

/* Whether there may be a request for this database. */
extern bool errand_mailbox_any(void);

/* Takes one request for this database; false if there is none. */
extern bool errand_mailbox_take(ErrandMail *out);

#endif
