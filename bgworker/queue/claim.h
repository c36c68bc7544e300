/*
 * claim.h
 *		Taking tasks from the queue.
 */
#ifndef ERRAND_CLAIM_H
#define ERRAND_CLAIM_H

#include "postgres.h"

/* How many tasks could be started, or soon could: 0 while nothing may be claimed. */
extern int errand_claim_capacity(void);

/* Whether a claim is worth a transaction now. */
extern bool errand_claim_wanted(void);

/* Claims up to capacity, within the open transaction. */
extern void errand_claim(int capacity);

/* The transaction committed: the runs begin.  Or it did not: they are forgotten. */
extern void errand_claim_committed(void);
extern void errand_claim_aborted(void);

/* Goes on with claimed runs that wait for a token or a place of a limit; once a turn. */
extern void errand_claim_paced(void);

/* Milliseconds until a token is there for a queue, or for a claimed run that waits for it; an hour if none waits. */
extern long errand_claim_wait_ms(void);

/* Looks into the index for pairs that no event told us of. */
extern void errand_claim_poll(void);

/*
 * Claims the next group of suspects, if it is the role's, with nothing else in
 * hand anywhere; at most most.  True if there was one.
 */
extern bool errand_claim_suspects(int most, Oid role);

/* Commits the marks of at_most_once runs that may start: within a transaction, and after it. */
extern bool errand_marks_wanted(void);
extern void errand_marks_write(void);
extern void errand_marks_committed(void);

/* Tells how the network kept up since the last claim, to size the next. */
extern void errand_claim_tune(int finished);

extern void errand_claim_pause(bool paused);

#endif
