/*
 * loop.c
 *		The event loop's one wait.
 *
 * Runs in worker, relay and stream processes.  Nothing else in these processes
 * may block: a wait that does not hear the latch holds up DROP DATABASE of any
 * database.
 */
#include "postgres.h"

#include "base/clock.h"
#include "base/loop.h"
#include "compat.h"
#include "miscadmin.h"
#include "storage/latch.h"

#define TURN_US INT64CONST(10000) /* a turn that takes longer was away */

static uv_loop_t loop;
static WaitEventSet *wait_set = NULL;
static uint32 wait_event = 0;
static int64 turn_began = 0; /* monotonic */
static int64 away = 0;		 /* before this turn, in all */

uv_loop_t *
errand_loop_create(void)
{
	int rc;

	setenv("UV_USE_IO_URING", "0", 1); /* its threads and signals are not for a backend */
	rc = uv_loop_init(&loop);
	if (rc != 0)
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not make an event loop: %s", uv_strerror(rc))));
	wait_event = ERRAND_WAIT_EVENT("ErrandMain");
	wait_set = ERRAND_CREATE_WAIT_EVENT_SET(3);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	AddWaitEventToSet(wait_set, WL_SOCKET_READABLE, uv_backend_fd(&loop), NULL, NULL);
	return &loop;
}

void
errand_loop_turn(void)
{
	uv_update_time(&loop);
	uv_run(&loop, UV_RUN_NOWAIT);
}

static int64
away_this_turn(int64 now)
{
	return turn_began == 0 ? 0 : Max(0, now - turn_began - TURN_US);
}

int64
errand_loop_clock(void)
{
	int64 now = errand_clock_monotonic();

	return now - away - away_this_turn(now);
}

void
errand_loop_wait(long most_ms)
{
	WaitEvent event;
	int uv_ms;

	away += away_this_turn(errand_clock_monotonic());
	uv_update_time(&loop);
	uv_ms = uv_backend_timeout(&loop);
	if (uv_ms >= 0)
		most_ms = Min(most_ms, uv_ms);
	(void) WaitEventSetWait(wait_set, most_ms, &event, 1, wait_event);
	ResetLatch(MyLatch);
	turn_began = errand_clock_monotonic();
}
