/*
 * mail_login.c
 *		Reads errand.smtp_user and errand.smtp_password, which may refer to
 *		secrets, and hands them to the mail connections.
 *
 * Runs in worker processes, within a transaction of the chores.  A secret's
 * value must never lie anywhere but in the memory of who logs in.
 */
#include "postgres.h"

#include "base/db.h"
#include "kinds/email.h"
#include "queue/mail_login.h"
#include "queue/secrets.h"
#include "settings.h"
#include "utils/memutils.h"

static char *in_use = NULL; /* "user\npassword", as handed over last */
static bool reread = true;

void
errand_mail_login_changed(void)
{
	reread = true;
}

static void
wipe(char *s)
{
	if (s == NULL)
		return;
	explicit_bzero(s, strlen(s));
	pfree(s);
}

/* Takes note of what is in use; false if it is just that. */
static bool
differs(const char *user, const char *password)
{
	char *now = psprintf("%s\n%s", user, password);
	bool same = in_use != NULL && strcmp(in_use, now) == 0;

	if (!same)
	{
		wipe(in_use);
		in_use = MemoryContextStrdup(TopMemoryContext, now);
	}
	wipe(now);
	return !same;
}

void
errand_config_mail(void)
{
	char *missing = NULL;
	char *user = errand_secret_setting(errand_smtp_user, strlen(errand_smtp_user), &missing);
	char *password = user == NULL ? NULL :
									errand_secret_setting(errand_smtp_secret,
														  strlen(errand_smtp_secret), &missing);
	bool changed = password != NULL ? differs(user, password) : differs("", "");

	if (changed || reread || password == NULL)
		errand_email_configure(user, password, missing);
	reread = false;
	wipe(user);
	wipe(password);
}
