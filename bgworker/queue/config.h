/*
 * config.h
 *		What tables say of the queues and of this installation, and requests
 *		from the mailbox.  Each is called within a transaction.
 */
#ifndef ERRAND_CONFIG_H
#define ERRAND_CONFIG_H

#include "postgres.h"

/* Reads which queues are paused, and all limits. */
extern void errand_config_queues(void);

/* Stops those of our runs that somebody asked to cancel. */
extern void errand_cancels_read(void);

/* Reads whether the engine rests; and the secret of request keys, if secret is given. */
extern void errand_config_instance(char *secret, size_t size);

/* Whether that found this database to be a copy, which nobody has resumed. */
extern bool errand_config_copied(void);

/* Cancels tasks that were asked to stop and went back to waiting meanwhile. */
extern void errand_cancel_waiting(void);

/* Carries out the requests in the mailbox; the leader. */
extern void errand_mail_read(void);

#endif
