/*
 * proxies.c
 *		Reads the proxies of hosts and hands them to the network.
 *
 * Runs in worker processes, within a transaction of the chores.  A proxy that
 * cannot be used must never mean that its host is reached without one.
 */
#include "postgres.h"

#include "base/db.h"
#include "core/proxy.h"
#include "kinds/http.h"
#include "queue/proxies.h"
#include "queue/secrets.h"

/* A part of the credentials with its secrets, or NULL and the rule unusable. */
static char *
reveal(ErrandProxyRule *rule, const char *text, size_t len)
{
	char *missing = NULL;
	char *value = errand_secret_setting(text, len, &missing);

	if (value == NULL)
		rule->unusable = psprintf("there is no secret \"%s\" that an administrator shares",
								  missing);
	return value;
}

/* A lone secret is user:password. */
static void
take_credentials(ErrandProxyRule *rule, const ErrandProxyParts *parts)
{
	char *user = reveal(rule, parts->user, parts->user_len);
	char *colon;

	rule->user = user;
	if (parts->password != NULL)
		rule->password = reveal(rule, parts->password, parts->password_len);
	else if (user != NULL && (colon = strchr(user, ':')) != NULL)
	{
		*colon = '\0';
		rule->password = colon + 1;
	}
}

static void
read_rule(ErrandProxyRule *rule, const char *host, const char *proxy)
{
	ErrandProxyParts parts;

	memset(rule, 0, sizeof(*rule));
	rule->host = host;
	if (!errand_proxy_split(proxy, strlen(proxy), &parts))
	{
		rule->unusable = "it does not look like http://host:port or socks5h://host:port";
		return;
	}
	rule->socks = parts.socks;
	rule->name = pnstrdup(parts.host, parts.host_len);
	rule->port = parts.port;
	if (parts.user != NULL)
		take_credentials(rule, &parts);
}

static void
wipe(const char *s)
{
	if (s != NULL)
		explicit_bzero((char *) s, strlen(s));
}

void
errand_config_proxies(void)
{
	int n = errand_db_call(DB_PROXIES, NULL);
	ErrandProxyRule *rules = palloc0(sizeof(ErrandProxyRule) * Max(n, 1));
	char **hosts = palloc(sizeof(char *) * Max(n, 1));
	char **proxies = palloc(sizeof(char *) * Max(n, 1));
	bool done;

	for (int i = 0; i < n; i++)
	{
		hosts[i] = errand_db_text(i, errand_db_column("host"));
		proxies[i] = errand_db_text(i, errand_db_column("proxy"));
	}
	for (int i = 0; i < n; i++)
		read_rule(&rules[i], hosts[i], proxies[i]);
	done = errand_net_set_proxies(errand_http_net(), rules, n);
	for (int i = 0; i < n; i++)
	{
		wipe(rules[i].password); /* first: it may lie in the user's text */
		wipe(rules[i].user);
	}
	if (!done)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}
