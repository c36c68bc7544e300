/*
 * poison.h
 *		What becomes of a task that was in flight when its worker fell without a
 *		clean exit: how the one that crashes the server is found without
 *		punishing those that only stood beside it.
 *
 *		 ready --fell twice, or ten restarts--> suspect, in one group
 *		 group of more than one --fell--> two halves, run one after the other
 *		 group of one --fell--> once more alone
 *		 alone twice --fell--> failed ("crashed the server")
 *		 any group --first success--> cleared (the caller's part)
 */
#ifndef ERRAND_CORE_POISON_H
#define ERRAND_CORE_POISON_H

#include <stdbool.h>

/* From so many on a task is suspect; so often it may fall while alone. */
#define ERRAND_FALL_SUSPECT_AFTER 2
#define ERRAND_FALL_RESTARTS_MAX 10
#define ERRAND_FALL_ALONE_MAX 2

/* All counts include the fall that is being judged; negative ones count as 0. */
typedef struct ErrandFall
{
	int falls;		 /* of a worker while the task was in flight */
	int restarts;	 /* of the whole server, likewise */
	int alone_falls; /* falls while it ran as a group of one */
	int group_size;	 /* tasks in its group of suspects */
	bool in_group;	 /* it ran in a group of suspects when it fell */
} ErrandFall;

typedef enum ErrandFallVerdict
{
	ERRAND_FALL_READY,		 /* an innocent bystander: simply again */
	ERRAND_FALL_SUSPECT,	 /* into the group of this fall's suspects */
	ERRAND_FALL_SPLIT,		 /* its group is halved */
	ERRAND_FALL_ALONE_AGAIN, /* as a group of one, once more */
	ERRAND_FALL_FAILED		 /* it crashed the server */
} ErrandFallVerdict;

/* Judge one task after a fall.  f is read only. */
extern ErrandFallVerdict errand_fall_decide(const ErrandFall *f);

/*
 * How many of a group of this size make the first half; the rest make the
 * second.  Both halves of a group of two or more have at least one task.
 */
extern int errand_fall_first_half(int group_size);

#endif /* ERRAND_CORE_POISON_H */
