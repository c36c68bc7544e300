/*
 * mail_login.h
 *		Who to log in as at the mail server.
 */
#ifndef ERRAND_MAIL_LOGIN_H
#define ERRAND_MAIL_LOGIN_H

/*
 * Takes over errand.smtp_*, with the values of the secrets that the user and
 * the password refer to.  Within a transaction of ours; replaces the last
 * result of the SQL door.
 */
extern void errand_config_mail(void);

/* The settings were read again: the next errand_config_mail() takes all of them over. */
extern void errand_mail_login_changed(void);

#endif
