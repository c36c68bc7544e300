/*
 * letter.h
 *		Texts handed to a database's leader by value: for what a transaction
 *		wants done before it commits.  Few at a time; a full box says so.
 */
#ifndef ERRAND_LETTER_H
#define ERRAND_LETTER_H

#include "postgres.h"

#define ERRAND_LETTERS 8
#define ERRAND_LETTER_BYTES 16384

/* Size of the box in shared memory, for shared.c. */
extern Size errand_letters_bytes(void);
extern void errand_letters_attach(void *memory);

/* Posts a text and wakes the leader: the letter's number, or -1 if all are taken or it is too long. */
extern int errand_letter_post(const char *text);

/* The answer to one's letter, 0 as long as there is none; and giving it up, answered or not. */
extern int64 errand_letter_answer(int n);
extern void errand_letter_end(int n);

/* For the leader: whether there are letters, the next one (palloc'd; NULL: none), and answering it. */
extern bool errand_letters_any(void);
extern char *errand_letter_take(int *n);
extern void errand_letter_reply(int n, int64 answer);

#endif
