/*
 * settings_relay.c
 *		Defines errand.token_secret, the key of the relay's tokens.
 *
 * Runs in the postmaster (_PG_init) and, for the hooks, in any process.  The
 * key must never be in the variable: PostgreSQL logs what changed at a reload,
 * and shows it.  It goes to the hook's extra data, and the variable stays empty.
 */
#include "postgres.h"

#include "settings.h"
#include "settings_secret.h"
#include "utils/guc.h"

char *errand_token_key = "";
static char *token_secret = "";

static bool
check_secret(char **newval, void **extra, GucSource source)
{
	size_t len = *newval != NULL ? strlen(*newval) : 0;

	if (len > 0 && len < ERRAND_TOKEN_SECRET_MIN)
	{
		GUC_check_errdetail("It has less than %d bytes.", ERRAND_TOKEN_SECRET_MIN);
		GUC_check_errhint("Take what this prints: openssl rand -hex 32");
		return false;
	}
	return errand_secret_take(newval, extra);
}

static void
assign_secret(const char *newval, void *extra)
{
	errand_token_key = extra != NULL ? (char *) extra : "";
}

static const char *
show_secret(void)
{
	return errand_secret_shown(errand_token_key);
}

void
errand_settings_relay_init(void)
{
	DefineCustomStringVariable("errand.token_secret",
							   "The key by which the relay's tokens are signed.",
							   "At least 32 bytes; it is not shown.", &token_secret, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, check_secret, assign_secret, show_secret);
}
