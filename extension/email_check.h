/*
 * email_check.h
 *		Is this JSON an e-mail that can be sent?
 */
#ifndef ERRAND_EMAIL_CHECK_H
#define ERRAND_EMAIL_CHECK_H

#include "options.h"

/*
 * Raises 22023 with a hint unless the payload of a task of kind email is one
 * that the engine can send: known keys, right types, addresses and headers
 * that cannot be abused; 55000 if no mail server is set.  complete is false
 * for a task type's template, which needs no recipient and no server.
 */
extern void errand_email_check(Jsonb *payload, bool complete);

/*
 * Takes out of a payload the options that say how to run its task, and puts
 * the rest in its place.  Options that are given as arguments win.
 */
extern void errand_email_lift(Jsonb *payload, ErrandOptions *o);

/* The payload that the options of errand.email() come to. */
extern Jsonb *errand_email_payload(const ErrandOptions *o);

#endif
