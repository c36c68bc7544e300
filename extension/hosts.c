/*
 * hosts.c
 *		define_host(), drop_host(), and holds and circuits for stat_hosts.
 *
 * Runs in every backend, in the caller's transaction.  It looks at no network:
 * a host is a name here.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "core/proxy.h"
#include "core/rate.h"
#include "core/url.h"
#include "events.h"
#include "funcapi.h"
#include "limit_table.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "wait_look.h"

PG_FUNCTION_INFO_V1(errand_define_host);
PG_FUNCTION_INFO_V1(errand_drop_host);
PG_FUNCTION_INFO_V1(errand_host_limits_srf);

static void
refuse_host(const char *text, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not a host: %s", text, why),
					errhint("Hosts look like 'api.example.com', 'api.example.com:8080' or '[2001:db8::1]:80'.")));
}

/* The host as workers name it: lower case; with a port, or for each of its ports. */
static char *
host_arg(FunctionCallInfo fcinfo)
{
	ErrandUrlCheck check;
	ErrandUrlParts parts;
	char *host;
	char *url;
	bool with_port;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the host must not be NULL")));
	host = text_to_cstring(PG_GETARG_TEXT_PP(0));
	url = psprintf("http://%s/", host);
	check = errand_url_check(url, strlen(url));
	if (check != ERRAND_URL_OK)
		refuse_host(host, errand_url_reason(check));
	if (!errand_url_split(url, strlen(url), &parts) || parts.path_len != 1 ||
		strpbrk(host, "/?#") != NULL)
		refuse_host(host, "there is more than a name and a port");
	with_port = strchr(parts.host + parts.host_len, ':') != NULL;
	host = psprintf(parts.ipv6_literal ? "[%.*s]" : "%.*s", (int) parts.host_len, parts.host);
	for (char *p = host; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	return with_port ? psprintf("%s:%d", host, parts.port) : host;
}

static void
check_proxy(const char *proxy)
{
	ErrandProxyParts parts;

	if (proxy != NULL && !errand_proxy_split(proxy, strlen(proxy), &parts))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the proxy is not valid"),
						errhint("Such as 'http://proxy.internal:3128' or 'socks5h://secret://proxy_login@10.0.0.1:1080'.")));
}

#define NO_LIMIT (-1) /* takes a limit of a host away */

static void
announce(void)
{
	ErrandEvent e = {.kind = ERRAND_EVENT_CONFIG};

	errand_event_add(&e);
}

Datum
errand_define_host(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	char *rate = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	char *proxy = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	bool keep = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	double per_second;
	bool isnull;

	errand_enter();
	errand_require("admin");
	errand_arg_text(&a, host_arg(fcinfo));
	if (!PG_ARGISNULL(1) && PG_GETARG_INT32(1) < 1 && !(keep && PG_GETARG_INT32(1) == NO_LIMIT))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_running must be at least 1"),
						errhint("Leave it out, or give NULL, for errand.host_max_running.")));
	if (rate != NULL && !(keep && rate[0] == '\0') &&
		!errand_rate_parse(rate, strlen(rate), &per_second))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"%s\" is not a rate", rate),
						errhint("Rates look like '50/s', '10/m', '1000/h' or '5/d'.")));
	if (!keep || proxy == NULL || proxy[0] != '\0')
		check_proxy(proxy);
	for (int i = 1; i <= 3; i++)
	{
		if (PG_ARGISNULL(i))
			errand_arg_null(&a);
		else
			errand_arg(&a, PG_GETARG_DATUM(i));
	}
	errand_arg(&a, BoolGetDatum(keep));
	(void) errand_call("_host_define", &a, &isnull);
	announce();
	PG_RETURN_VOID();
}

Datum
errand_drop_host(PG_FUNCTION_ARGS)
{
	ErrandArgs a = {0};
	bool isnull;
	char *name;

	errand_enter();
	errand_require("admin");
	name = host_arg(fcinfo);
	errand_arg_text(&a, name);
	if (!DatumGetBool(errand_call("_host_drop", &a, &isnull)))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no host \"%s\"", name),
						errhint("errand.stat_hosts shows those that define_host() made.")));
	announce();
	PG_RETURN_VOID();
}

static void
put_row(ReturnSetInfo *rsinfo, const ErrandLimit *e, int64 now)
{
	int64 held = e->breaker.held_until_us;
	Datum v[3];
	bool n[3] = {false};

	v[0] = CStringGetTextDatum(e->key.name);
	v[1] = CStringGetTextDatum(errand_breaker_state_name(e->breaker.state));
	n[2] = held <= now;
	v[2] = TimestampTzGetDatum(GetCurrentTimestamp() + (held - now));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, v, n);
}

Datum
errand_host_limits_srf(PG_FUNCTION_ARGS)
{
	int64 now = errand_limits_clock();
	ErrandLimit *copy;
	int n;

	errand_shared_require();
	errand_init_materialized(fcinfo);
	if (!errand_may("monitor"))
		return (Datum) 0;
	copy = errand_limits_copy(ERRAND_COUNT_HOST, &n);
	for (int i = 0; i < n; i++)
		put_row((ReturnSetInfo *) fcinfo->resultinfo, &copy[i], now);
	return (Datum) 0;
}
