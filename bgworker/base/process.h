/*
 * process.h
 *		What every process of ours does at its start and at its end.
 */
#ifndef ERRAND_PROCESS_H
#define ERRAND_PROCESS_H

#include "postgres.h"

#include "shared.h"

/* This process's slot, or NULL (launcher). */
extern ErrandSlot *errand_my_slot;

/*
 * Signals, connection, settings, slot: to be called first by every main but
 * the launcher's.  Exits if the slot was given to somebody else meanwhile.
 */
extern void errand_process_start(Datum main_arg, ErrandKindOfProcess kind);

/*
 * Executors: the settings that our own statements depend on, until the GUC nest
 * level in force ends.
 */
extern void errand_process_settings_local(void);

/* Installs the signal handlers and lets signals in. */
extern void errand_process_signals(void);

/* SIGTERM came: leave in good order. */
extern bool errand_process_must_leave(void);

/* While true, SIGTERM cancels the statement at once: it may wait for long. */
extern void errand_process_in_statement(bool in);

/* From now on SIGTERM interrupts nothing: this process settles what it has, and goes. */
extern void errand_process_leaving(void);

/* Becomes the database's leader if there is none; tells whether it is. */
extern bool errand_process_lead(void);

/* Identities of the live workers and executors of this database; palloc'd. */
extern int64 *errand_process_live(int *n);

/* Whether nothing of this database is in flight: mine here, nor in another process. */
extern bool errand_process_all_at_rest(int mine);

/*
 * Interrupts the executor that has the task in hand; with id 0, all whose
 * task's time was over before if_until_before.  False if there is none.
 */
extern bool errand_process_cancel_task(int64 id, TimestampTz if_until_before);

/* Executors: the task in hand from now on, and when its time is over; 0: none. */
extern void errand_process_task(int64 id, int32 attempt, TimestampTz until);

/* Takes a changed configuration in; true if there was one. */
extern bool errand_process_reload(void);

/* What pg_stat_activity shows. */
extern void errand_process_report(bool busy, const char *what);

#endif
