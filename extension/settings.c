/*
 * settings.c
 *		Defines the errand.* settings, each with unit, bounds and a check that
 *		refuses nonsense when it is set, not when it is used.
 *
 * Runs in the postmaster (_PG_init) and, for the check hooks, in any process.
 * It must never read a table or wait.
 */
#include "postgres.h"

#include <limits.h>

#include "compat.h"
#include "core/policy.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/guc.h"

int errand_workers = 1;
int errand_executors = 2;
int errand_executor_idle = 30000;
int errand_max_in_flight = 1000;
int errand_host_max_running = 64;
int errand_breaker_failures = 15;
int errand_breaker_open = 1000;
int errand_host_hold_max = 3600000;
int errand_role_quota = 0;
char *errand_allow_networks = "";
int errand_max_response_bytes = 1024 * 1024;
int errand_memory_limit = 256 * 1024;
int errand_lease = 30000;
char *errand_retention = "succeeded=7d,failed=30d";
bool errand_start_paused = false;
int errand_ring_size = 8192;
int errand_max_databases = 16;
int errand_max_keys = 4096;
char *errand_dns_servers = "";
char *errand_ca_file = "";
char *errand_user_agent = "";
bool errand_log_failures = false;
int errand_log_min_task_duration = -1;
bool errand_notify = true;
char *errand_public_url = "";
char *errand_fault = "";

ErrandRetention errand_retention_parsed = {7 * 86400, 30 * 86400};

/* One number with a unit, such as 7d; advances *p; false if it is none. */
static bool
parse_age(const char **p, int64 *seconds)
{
	char *end;
	long n = strtol(*p, &end, 10);
	int64 unit;

	if (end == *p || n < 0 || n > 100000)
		return false;
	switch (*end)
	{
		case 's':
			unit = 1;
			break;
		case 'm':
			unit = 60;
			break;
		case 'h':
			unit = 3600;
			break;
		case 'd':
			unit = 86400;
			break;
		default:
			return false;
	}
	*seconds = n * unit;
	*p = end + 1;
	return true;
}

/* 'succeeded=7d,failed=30d' in any order; what is left out keeps its default. */
static bool
parse_retention(const char *text, ErrandRetention *out)
{
	const char *p = text;

	out->succeeded_s = 7 * 86400;
	out->others_s = 30 * 86400;
	while (*p)
	{
		int64 *target;

		p += strspn(p, " ,");
		if (!*p)
			break;
		if (strncmp(p, "succeeded=", 10) == 0)
		{
			target = &out->succeeded_s;
			p += 10;
		}
		else if (strncmp(p, "failed=", 7) == 0)
		{
			target = &out->others_s;
			p += 7;
		}
		else
			return false;
		if (!parse_age(&p, target))
			return false;
		if (*p && *p != ',' && *p != ' ')
			return false;
	}
	return true;
}

static bool
check_retention(char **newval, void **extra, GucSource source)
{
	ErrandRetention *parsed = errand_guc_malloc(sizeof(ErrandRetention));

	if (parsed == NULL)
		return false;
	if (!parse_retention(*newval, parsed))
	{
		errand_guc_free(parsed);
		GUC_check_errdetail("It is not a list of ages.");
		GUC_check_errhint("Write it as 'succeeded=7d,failed=30d', with s, m, h or d as unit.");
		return false;
	}
	*extra = parsed;
	return true;
}

static void
assign_retention(const char *newval, void *extra)
{
	if (extra)
		errand_retention_parsed = *(ErrandRetention *) extra;
}

static bool
check_allow_networks(char **newval, void **extra, GucSource source)
{
	ErrandCidr *list;
	const char *bad = NULL;
	size_t bad_len = 0;
	int n;

	if (*newval == NULL || (*newval)[0] == '\0')
		return true;
	list = malloc(sizeof(ErrandCidr) * ERRAND_ALLOW_MAX);
	if (list == NULL)
		return false;
	n = errand_policy_parse(*newval, list, ERRAND_ALLOW_MAX, &bad, &bad_len);
	free(list);
	if (n >= 0)
		return true;
	GUC_check_errdetail("\"%.*s\" is not a network.", (int) Min(bad_len, 100), bad ? bad : "");
	GUC_check_errhint("List networks as '127.0.0.1/32:8080, 10.0.0.0/8, ::1/128', at most %d.",
					  ERRAND_ALLOW_MAX);
	return false;
}

static bool
check_public_url(char **newval, void **extra, GucSource source)
{
	const char *url = *newval;

	if (url == NULL || url[0] == '\0' ||
		((strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
		 strpbrk(url, " <>|\"\t\r\n") == NULL))
		return true;
	GUC_check_errdetail("It is not an http or https URL.");
	GUC_check_errhint("Write it as 'https://errand.example.com'.");
	return false;
}

static void
define_int(const char *name, const char *desc, int *var, int boot, int min, int max,
		   GucContext context, int flags)
{
	DefineCustomIntVariable(name, desc, NULL, var, boot, min, max, context, flags, NULL, NULL,
							NULL);
}

static void
define_bool(const char *name, const char *desc, bool *var, bool boot, GucContext context)
{
	DefineCustomBoolVariable(name, desc, NULL, var, boot, context, 0, NULL, NULL, NULL);
}

static void
define_string(const char *name, const char *desc, char **var, const char *boot, GucContext context,
			  int flags)
{
	DefineCustomStringVariable(name, desc, NULL, var, boot, context, flags, NULL, NULL, NULL);
}

static void
define_process_settings(void)
{
	define_int("errand.workers", "Event-loop workers in each database.", &errand_workers, 1, 1, 32,
			   PGC_POSTMASTER, 0);
	define_int("errand.executors", "Most processes that run SQL tasks, in each database.",
			   &errand_executors, 2, 0, 64, PGC_SIGHUP, 0);
	define_int("errand.executor_idle", "An executor without work leaves after this time.",
			   &errand_executor_idle, 30000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("errand.max_in_flight", "Tasks at once in one worker.", &errand_max_in_flight, 1000,
			   1, 100000, PGC_SIGHUP, 0);
	define_int("errand.lease", "A remote worker's silence before its tasks run elsewhere.",
			   &errand_lease, 30000, 1000, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("errand.ring_size", "Events kept in shared memory for listeners.", &errand_ring_size,
			   8192, 256, 1024 * 1024, PGC_POSTMASTER, 0);
	define_int("errand.max_databases", "Most databases with the extension.", &errand_max_databases,
			   16, 1, 1024, PGC_POSTMASTER, 0);
	define_int("errand.max_keys", "Most queues, task types and hosts with counters of their own.",
			   &errand_max_keys, 4096, 64, 1024 * 1024, PGC_POSTMASTER, 0);
}

static void
define_network_settings(void)
{
	define_int("errand.host_max_running",
			   "Requests to one host at once, of all workers, unless define_host() says otherwise.",
			   &errand_host_max_running, 64, 1, 10000, PGC_SIGHUP, 0);
	define_int("errand.breaker_failures",
			   "Failures in a row after which a host is left alone for a while.",
			   &errand_breaker_failures, 15, 0, 1000000, PGC_SIGHUP, 0);
	define_int("errand.breaker_open", "How long for at first; doubles up to half a minute.",
			   &errand_breaker_open, 1000, 1, 30000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("errand.host_hold_max", "Longest time that a Retry-After holds its host back.",
			   &errand_host_hold_max, 3600000, 0, 86400000, PGC_SIGHUP, GUC_UNIT_MS);
	DefineCustomStringVariable("errand.allow_networks",
							   "Networks that tasks may reach beside the public internet.",
							   "Comma-separated CIDRs, each with an optional :port.",
							   &errand_allow_networks, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_allow_networks, NULL, NULL);
	define_int("errand.max_response_bytes",
			   "Largest response body kept, counted after decompression.",
			   &errand_max_response_bytes, 1024 * 1024, 0, 1024 * 1024 * 1023, PGC_SIGHUP,
			   GUC_UNIT_BYTE);
	define_int("errand.memory_limit",
			   "Response bodies held in memory by a worker; past it claiming pauses.",
			   &errand_memory_limit, 256 * 1024, 1024, INT_MAX, PGC_SIGHUP, GUC_UNIT_KB);
	define_string("errand.dns_servers", "Name servers to ask instead of the system's.",
				  &errand_dns_servers, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY);
	define_string("errand.ca_file",
				  "PEM file of the certificate authorities to trust instead of the system's.",
				  &errand_ca_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY);
	define_string("errand.user_agent", "User-Agent of requests that set none.", &errand_user_agent,
				  "", PGC_SIGHUP, 0);
}

static void
define_other_settings(void)
{
	define_int("errand.role_quota",
			   "Most tasks of a role that wait at once; set it with ALTER ROLE.",
			   &errand_role_quota, 0, 0, INT_MAX, PGC_SUSET, 0);
	DefineCustomStringVariable("errand.retention", "How long finished tasks are kept.",
							   "As 'succeeded=7d,failed=30d'; 0d keeps for ever.",
							   &errand_retention, "succeeded=7d,failed=30d", PGC_SIGHUP, 0,
							   check_retention, assign_retention, NULL);
	define_bool("errand.start_paused", "Workers claim nothing until errand.resume_all().",
				&errand_start_paused, false, PGC_SIGHUP);
	define_bool("errand.log_failures", "Logs each task that fails for good.", &errand_log_failures,
				false, PGC_SIGHUP);
	define_int("errand.log_min_task_duration", "Logs each attempt that ran at least this long.",
			   &errand_log_min_task_duration, -1, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
	define_bool("errand.notify", "Sends a NOTIFY on channel errand for each change of state.",
				&errand_notify, true, PGC_SIGHUP);
	DefineCustomStringVariable("errand.public_url", "Where links in notifications lead.",
							   "The address at which people reach the dashboard; empty: no links.",
							   &errand_public_url, "", PGC_SIGHUP, 0, check_public_url, NULL, NULL);
#ifdef ERRAND_FAULTS
	define_string("errand.fault", "Test builds: name=error|pause|kill.", &errand_fault, "",
				  PGC_SIGHUP, GUC_SUPERUSER_ONLY);
#endif
}

void
errand_settings_init(void)
{
	define_process_settings();
	define_network_settings();
	errand_settings_mail_init();
	define_other_settings();
	MarkGUCPrefixReserved("errand");
}
