/*
 * kind.h
 *		What a task can be: one driver a kind, one line in registry.c.
 */
#ifndef ERRAND_KIND_H
#define ERRAND_KIND_H

#include "queue/run.h"

typedef struct ErrandKind
{
	const char *name; /* as in task.kind */

	/*
	 * MUST.  Begins the attempt.  Returns NULL if it is under way: then
	 * errand_run_over() is called later, from the loop.  Otherwise the reason
	 * why it can never succeed.  May allocate in the run's memory.
	 */
	const char *(*start)(ErrandRun *run);

	/* MUST.  Cuts the attempt off; errand_run_over() still follows. */
	void (*cancel)(ErrandRun *run);

	/*
	 * MAY, both or none.  The host that the run talks to, as name:port; and
	 * how many more runs of it could start now, or minus how many wait there.
	 */
	bool (*host)(const ErrandRun *run, char *name, size_t size);
	int (*room)(const ErrandRun *run);

	/*
	 * MAY.  The attempt is over and not yet decided: fills in run->result.  Out
	 * of the loop, so it may allocate in the run's memory.
	 */
	void (*finish)(ErrandRun *run);

	/*
	 * MAY.  Asked of runs with steps when they are over, before the decision
	 * and out of the loop: true if the attempt goes on with another step, and
	 * errand_run_over() follows again.  May allocate in the run's memory.
	 */
	bool (*more)(ErrandRun *run);

	/* MUST.  Frees what the kind holds of a run that is over. */
	void (*release)(ErrandRun *run);
} ErrandKind;

/* The driver of a kind, or NULL. */
extern const ErrandKind *errand_kind_find(const char *name);

#endif
