/*
 * settings_mail.c
 *		Defines errand.smtp_*: the mail server, and how to log in there.
 *
 * Runs in the postmaster (_PG_init) and, for the hooks, in any process.  The
 * password must never be in the variable: PostgreSQL logs what changed at a
 * reload, and shows it.  It goes to the hook's extra data, and the variable
 * stays empty.
 */
#include "postgres.h"

#include "compat.h"
#include "core/mail.h"
#include "settings.h"
#include "settings_secret.h"
#include "utils/guc.h"

char *errand_smtp_url = "";
char *errand_smtp_from = "";
char *errand_smtp_user = "";
char *errand_smtp_secret = "";
char *errand_smtp_ca_file = "";
static char *smtp_password = "";

static bool
check_url(char **newval, void **extra, GucSource source)
{
	ErrandMailServer server;

	if (*newval == NULL || (*newval)[0] == '\0' || errand_mail_server(*newval, &server))
		return true;
	GUC_check_errdetail("It does not name a mail server.");
	GUC_check_errhint(
		"Write smtp://host[:port] or smtps://host[:port]; the user goes to errand.smtp_user.");
	return false;
}

static bool
check_from(char **newval, void **extra, GucSource source)
{
	ErrandMailAddress a;

	if (*newval == NULL || (*newval)[0] == '\0' ||
		errand_mail_address(*newval, strlen(*newval), &a))
		return true;
	GUC_check_errdetail("It is not one address.");
	GUC_check_errhint("Write database@example.com or Our Database <database@example.com>.");
	return false;
}

static bool
check_user(char **newval, void **extra, GucSource source)
{
	return *newval == NULL || errand_mail_line_ok(*newval, strlen(*newval), 255);
}

bool
errand_secret_take(char **newval, void **extra)
{
	size_t size = *newval != NULL ? strlen(*newval) + 1 : 1;
	char *copy = errand_guc_malloc(size);

	if (copy == NULL)
		return false;
	strlcpy(copy, *newval != NULL ? *newval : "", size);
	if (*newval != NULL)
		memset(*newval, 0, size);
	*extra = copy;
	return true;
}

const char *
errand_secret_shown(const char *secret)
{
	return secret[0] != '\0' ? "********" : "";
}

/* Takes the password out of what PostgreSQL keeps. */
static bool
check_password(char **newval, void **extra, GucSource source)
{
	return errand_secret_take(newval, extra);
}

static void
assign_password(const char *newval, void *extra)
{
	errand_smtp_secret = extra != NULL ? (char *) extra : "";
}

static const char *
show_password(void)
{
	return errand_secret_shown(errand_smtp_secret);
}

void
errand_settings_mail_init(void)
{
	DefineCustomStringVariable("errand.smtp_url", "The mail server of e-mail tasks.",
							   "As smtp://host:25, with STARTTLS where offered, or smtps://host.",
							   &errand_smtp_url, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_url,
							   NULL, NULL);
	DefineCustomStringVariable("errand.smtp_from", "The sender of e-mails that name none.", NULL,
							   &errand_smtp_from, "", PGC_SIGHUP, 0, check_from, NULL, NULL);
	DefineCustomStringVariable("errand.smtp_user", "Who to log in as at the mail server.", NULL,
							   &errand_smtp_user, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_user,
							   NULL, NULL);
	DefineCustomStringVariable("errand.smtp_password", "The password of errand.smtp_user.",
							   "It is not shown.", &smtp_password, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, check_password, assign_password, show_password);
	DefineCustomStringVariable("errand.smtp_ca_file",
							   "Certificates that the mail server's is checked against.",
							   "A PEM file; the system's if empty.", &errand_smtp_ca_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}
