/*
 * settings_relay.c
 *		Defines the settings of the relay: where it listens, who may come, and
 *		the key of tokens.
 *
 * Runs in the postmaster (_PG_init) and, for the hooks, in any process.  All
 * of them can be set for a database (ALTER DATABASE).  The key must never be
 * in the variable: PostgreSQL logs what changed at a reload, and shows it.  It
 * goes to the hook's extra data, and the variable stays empty.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "compat.h"
#include "core/origin.h"
#include "settings.h"
#include "settings_secret.h"
#include "utils/guc.h"

int errand_port = 0;
int errand_max_clients = 10000;
bool errand_metrics_public = false;
char *errand_listen_address = "127.0.0.1";
char *errand_allowed_origins = "";
char *errand_relay_channels = "";
char *errand_tls_cert = "";
char *errand_tls_key = "";
char *errand_token_key = "";
static char *token_secret = "";

static bool
check_listen_address(char **newval, void **extra, GucSource source)
{
	if (*newval != NULL && errand_listen_list_ok(*newval))
		return true;
	GUC_check_errdetail("It is not a list of addresses.");
	GUC_check_errhint(
		"Write addresses as '127.0.0.1, ::1', 'localhost', or '*' for all of this machine.");
	return false;
}

static bool
check_allowed_origins(char **newval, void **extra, GucSource source)
{
	if (*newval == NULL || errand_origin_list_ok(*newval))
		return true;
	GUC_check_errdetail("It is not a list of origins.");
	GUC_check_errhint(
		"Write them as 'https://errand.example.com, http://10.0.0.5:8080', without a path.");
	return false;
}

/* Names of channels, separated by commas. */
static bool
check_relay_channels(char **newval, void **extra, GucSource source)
{
	const char *p = *newval;

	while (p != NULL && *p)
	{
		size_t len = strcspn(p, ",");
		const char *name = p;

		p += len + (p[len] == ',');
		errand_ascii_trim(&name, &len);
		if (len >= 1 && len < NAMEDATALEN)
			continue;
		GUC_check_errdetail("The name of a channel has 1 to %d bytes.", NAMEDATALEN - 1);
		return false;
	}
	return true;
}

static bool
check_token_secret(char **newval, void **extra, GucSource source)
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
assign_token_secret(const char *newval, void *extra)
{
	errand_token_key = extra != NULL ? (char *) extra : "";
}

static const char *
show_token_secret(void)
{
	return errand_secret_shown(errand_token_key);
}

static void
define_text(const char *name, const char *desc, const char *more, char **var, const char *boot,
			GucStringCheckHook check)
{
	DefineCustomStringVariable(name, desc, more, var, boot, PGC_SUSET, GUC_SUPERUSER_ONLY, check,
							   NULL, NULL);
}

void
errand_settings_relay_init(void)
{
	DefineCustomIntVariable("errand.port", "The port of the relay and its dashboard; 0: none.",
							NULL, &errand_port, 0, 0, 65535, PGC_SUSET, GUC_SUPERUSER_ONLY, NULL,
							NULL, NULL);
	DefineCustomIntVariable("errand.max_clients", "Most connections to the relay at once.", NULL,
							&errand_max_clients, 10000, 1, 1000000, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("errand.metrics_public", "Whether /metrics asks for no token.", NULL,
							 &errand_metrics_public, false, PGC_SUSET, 0, NULL, NULL, NULL);
	define_text("errand.listen_address", "The addresses that the relay listens on.",
				"Comma-separated addresses, localhost, or * for all.", &errand_listen_address,
				"127.0.0.1", check_listen_address);
	define_text("errand.allowed_origins", "Origins of web pages that may use the relay.",
				"Comma-separated, beside the relay's own; their hosts may be asked for, too.",
				&errand_allowed_origins, "", check_allowed_origins);
	define_text("errand.relay_channels", "NOTIFY channels that clients of the relay may follow.",
				"Comma-separated names.", &errand_relay_channels, "", check_relay_channels);
	define_text("errand.tls_cert", "File with the relay's certificate; empty: no TLS.", NULL,
				&errand_tls_cert, "", NULL);
	define_text("errand.tls_key", "File with the key of the relay's certificate.", NULL,
				&errand_tls_key, "", NULL);
	/* Not for ALTER DATABASE: everybody reads pg_db_role_setting. */
	DefineCustomStringVariable("errand.token_secret", "The key that tokens are signed with.",
							   "At least 32 bytes; it is not shown.", &token_secret, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, check_token_secret, assign_token_secret,
							   show_token_secret);
}

static uint64
mix(uint64 hash, const char *text)
{
	return hash_bytes_extended((const unsigned char *) text, (int) strlen(text), hash);
}

uint64
errand_relay_settings_hash(void)
{
	char numbers[64];
	uint64 hash = 1;

	snprintf(numbers, sizeof(numbers), "%d %d %d", errand_port, errand_max_clients,
			 errand_metrics_public);
	hash = mix(hash, numbers);
	hash = mix(hash, errand_listen_address);
	hash = mix(hash, errand_allowed_origins);
	hash = mix(hash, errand_relay_channels);
	hash = mix(hash, errand_tls_cert);
	hash = mix(hash, errand_tls_key);
	hash = mix(hash, errand_public_url);
	return mix(hash, errand_token_key);
}
