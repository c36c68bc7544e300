/*
 * letter.c
 *		Texts handed to a database's leader by value.
 *
 * Runs in every backend (post, answer, end) and in the leader (take, reply).
 * Under event_lock, for the time of a copy.  The box is the poster's until he
 * ends it; one whose poster died is taken again after a while.
 */
#include "postgres.h"

#include "compat.h"
#include "letter.h"
#include "miscadmin.h"
#include "shared.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#define FORGOTTEN_MS 7200000 /* longer than any test may take */

typedef enum LetterState
{
	LETTER_FREE = 0,
	LETTER_POSTED,
	LETTER_TAKEN,
	LETTER_ANSWERED
} LetterState;

typedef struct Letter
{
	LetterState state;
	Oid database;
	int procno; /* of the poster, for his latch */
	uint32 serial;
	int64 answer;
	TimestampTz posted_at;
	int len;
	char text[ERRAND_LETTER_BYTES];
} Letter;

static Letter *box = NULL; /* [ERRAND_LETTERS], event_lock */
static uint32 taken_serial[ERRAND_LETTERS];

Size
errand_letters_bytes(void)
{
	return sizeof(Letter) * ERRAND_LETTERS;
}

void
errand_letters_attach(void *memory)
{
	box = memory;
}

int
errand_letter_post(const char *text)
{
	size_t len = strlen(text);
	TimestampTz now = GetCurrentTimestamp();
	int found = -1;

	if (len >= ERRAND_LETTER_BYTES)
		return -1;
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_LETTERS && found < 0; i++)
	{
		Letter *l = &box[i];

		if (l->state != LETTER_FREE && !TimestampDifferenceExceeds(l->posted_at, now, FORGOTTEN_MS))
			continue;
		l->state = LETTER_POSTED;
		l->database = MyDatabaseId;
		l->procno = ERRAND_MY_PROCNO;
		l->serial++;
		l->answer = 0;
		l->posted_at = now;
		l->len = (int) len;
		memcpy(l->text, text, len);
		found = i;
	}
	LWLockRelease(errand_shared->event_lock);
	if (found >= 0)
		errand_wake_workers(MyDatabaseId);
	return found;
}

int64
errand_letter_answer(int n)
{
	int64 answer;

	LWLockAcquire(errand_shared->event_lock, LW_SHARED);
	answer = box[n].state == LETTER_ANSWERED ? box[n].answer : 0;
	LWLockRelease(errand_shared->event_lock);
	return answer;
}

void
errand_letter_end(int n)
{
	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	box[n].state = LETTER_FREE;
	LWLockRelease(errand_shared->event_lock);
}

bool
errand_letters_any(void)
{
	bool any = false;

	/* Without the lock: a letter that is just being written wakes us again. */
	for (int i = 0; i < ERRAND_LETTERS && !any; i++)
		any = box[i].state == LETTER_POSTED && box[i].database == MyDatabaseId;
	return any;
}

char *
errand_letter_take(int *n)
{
	char *text = palloc(ERRAND_LETTER_BYTES);
	int len = -1;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	for (int i = 0; i < ERRAND_LETTERS && len < 0; i++)
	{
		Letter *l = &box[i];

		if (l->state != LETTER_POSTED || l->database != MyDatabaseId)
			continue;
		len = l->len;
		memcpy(text, l->text, len);
		l->state = LETTER_TAKEN;
		taken_serial[i] = l->serial;
		*n = i;
	}
	LWLockRelease(errand_shared->event_lock);
	if (len < 0)
		return NULL;
	text[len] = '\0';
	return text;
}

void
errand_letter_reply(int n, int64 answer)
{
	int procno = -1;

	LWLockAcquire(errand_shared->event_lock, LW_EXCLUSIVE);
	if (box[n].state == LETTER_TAKEN && box[n].serial == taken_serial[n])
	{
		box[n].state = LETTER_ANSWERED;
		box[n].answer = answer;
		procno = box[n].procno;
	}
	LWLockRelease(errand_shared->event_lock);
	errand_latch_set(procno);
}
