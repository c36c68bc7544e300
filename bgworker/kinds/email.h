/*
 * email.h
 *		Kind email: what worker.c and queue/ need of it.
 */
#ifndef ERRAND_KIND_EMAIL_H
#define ERRAND_KIND_EMAIL_H

#include "kinds/kind.h"
#include "net/smtp.h"

extern const ErrandKind errand_kind_email;

/* Makes the connections' state on the loop; once a process, and without a login yet. */
extern void errand_email_init(uv_loop_t *loop);

/*
 * Takes over changed settings, with the login in clear; copies both texts.
 * If a secret is missing its name is given instead, and mail fails with it.
 */
extern void errand_email_configure(const char *user, const char *password, const char *missing);

/* What of it runs, and for how many bytes of messages. */
extern void errand_email_stat(ErrandSmtpStat *stat);

/* The mail server as name:port; false if none is set. */
extern bool errand_email_host(char *name, size_t size);

#endif
