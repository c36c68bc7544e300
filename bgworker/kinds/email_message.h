/*
 * email_message.h
 *		From the payload of an e-mail task to the message that is sent.
 */
#ifndef ERRAND_EMAIL_MESSAGE_H
#define ERRAND_EMAIL_MESSAGE_H

#include "net/smtp.h"
#include "queue/run.h"

typedef struct ErrandEmailMessage
{
	const char *from; /* addr-spec, for the envelope */
	const char **recipients;
	int n_recipients;
	const char *message_id;
	char *data;
	size_t len;
} ErrandEmailMessage;

/*
 * Fills m from the run's payload, in the current memory context.  Returns NULL,
 * or the reason why it can never be sent.
 */
extern const char *errand_email_build(ErrandRun *run, ErrandEmailMessage *m);

#endif
