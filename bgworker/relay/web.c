/*
 * web.c
 *		What each route of HTTP answers.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.  What needs
 * the database is queued (request.c).  A request's body is read only when its
 * token is known to be good.
 */
#include "postgres.h"

#include "core/origin.h"
#include "relay/args.h"
#include "relay/conn.h"
#include "relay/counters.h"
#include "relay/sse.h"
#include "relay/text.h"
#include "relay/web.h"
#include "relay/routes.h"
#include "settings.h"

static bool
refuse(RelayConn *c, int status, const char *why)
{
	const char *more;

	if (why == relay_no_memory)
		status = 503;
	more = status == 401 ? "WWW-Authenticate: Bearer\r\n" :
		   status == 503 ? "Retry-After: 1\r\n" :
						   NULL;

	relay_conn_problem(c, status, why, NULL, NULL, more);
	return false;
}

RelayPrincipal *
relay_web_token(const RelayConn *c, const char **why)
{
	ErrandSpan a = c->head.authorization;

	*why = "a token is needed";
	if (a.p == NULL)
		return NULL;
	*why = "the token must be given as Authorization: Bearer";
	if (a.len < 8 || !errand_ascii_equals(a.p, 7, "bearer "))
		return NULL;
	a.p += 7;
	a.len -= 7;
	errand_ascii_trim(&a.p, &a.len);
	return relay_token_check(a.p, a.len, why);
}

/* ---- what is in memory ---- */

static bool
span_is(ErrandSpan s, const char *text)
{
	return s.p != NULL && s.len == strlen(text) && memcmp(s.p, text, s.len) == 0;
}

static void
answer_healthz(RelayConn *c)
{
	RelayReply reply = {.status = 200,
						.type = "application/health+json",
						.body = "{\"status\":\"pass\"}",
						.len = 17};

	relay_conn_reply(c, &reply);
}

/* ---- what the database answers ---- */

static void
answer_error(RelayConn *c, const RelayAnswer *a)
{
	relay_conn_problem(c, a->status, a->message, a->hint, a->code,
					   a->status == 401						? "WWW-Authenticate: Bearer\r\n" :
					   a->status == 503 || a->status == 429 ? "Retry-After: 1\r\n" :
															  NULL);
}

static void
api_done(RelayRequest *r, void *owner)
{
	RelayConn *c = owner;
	RelayReply reply = {.status = c->good,
						.type = "application/json",
						.body = r->answer.text,
						.len = r->answer.text_len};
	char *csv;

	c->request = NULL;
	if (r->answer.status != 200)
	{
		answer_error(c, &r->answer);
		return;
	}
	csv = relay_args_csv(r->answer.text, r->answer.text_len);
	if (csv != NULL)
	{
		reply.type = "text/csv; charset=utf-8";
		reply.more = "Content-Disposition: attachment; filename=\"tasks.csv\"\r\n";
		reply.body = csv;
		reply.len = strlen(csv);
	}
	relay_conn_reply(c, &reply);
	free(csv);
}

static void
ready_done(RelayRequest *r, void *owner)
{
	RelayConn *c = owner;
	RelayReply reply = {.status = r->answer.status,
						.type = "application/health+json",
						.body = r->answer.text,
						.len = r->answer.text_len};

	c->request = NULL;
	if (r->answer.text == NULL)
		answer_error(c, &r->answer);
	else
		relay_conn_reply(c, &reply);
}

static void
metrics_done(RelayRequest *r, void *owner)
{
	RelayConn *c = owner;
	RelayReply reply = {.status = 200,
						.type = "text/plain; version=0.0.4; charset=utf-8",
						.body = r->answer.text,
						.len = r->answer.text_len};

	c->request = NULL;
	if (c->api != NULL)
		reply.type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
	if (r->answer.status != 200)
		answer_error(c, &r->answer);
	else
		relay_conn_reply(c, &reply);
}

/* Does the client take OpenMetrics? */
static bool
wants_openmetrics(const RelayConn *c)
{
	ErrandSpan list = c->head.accept;
	ErrandSpan one;
	ErrandSpan type;

	while (errand_span_next(&list, ',', &one))
	{
		if (!errand_span_next(&one, ';', &type))
			continue;
		errand_ascii_trim(&type.p, &type.len);
		if (errand_ascii_equals(type.p, type.len, "application/openmetrics-text"))
			return true;
	}
	return false;
}

/* Queues a request for the connection; who is in it already. */
static void
ask(RelayConn *c, RelayAsk what, char *args, RelayDone done, ErrandLevel needed)
{
	relay_conn_wait(c);
	c->request = relay_request_add(what, c->who, args, done, c);
	if (c->request == NULL)
	{
		(void) refuse(c, 503, "too many requests at once");
		return;
	}
	c->request->needed = needed;
	c->request->route = c->api;
}

static void
events_done(RelayRequest *r, void *owner)
{
	RelayConn *c = owner;
	RelayWish wish = {0};
	const char *problem;

	c->request = NULL;
	if (r->answer.status != 200)
		answer_error(c, &r->answer);
	else if (!relay_args_wish(c, &wish, &problem))
		(void) refuse(c, 400, problem);
	else
		(void) relay_stream_begin(c, &wish);
	relay_wish_free(&wish);
}

/* ---- routes ---- */

/* The routes that answer by themselves; false: it is none of them. */
static bool
answer_plain(RelayConn *c)
{
	const char *why;
	bool read = c->head.method == ERRAND_GET || c->head.method == ERRAND_HEAD;

	if (span_is(c->head.path, "/healthz"))
		c->route = ERRAND_ROUTE_HEALTHZ;
	else if (span_is(c->head.path, "/readyz"))
		c->route = ERRAND_ROUTE_READYZ;
	else if (span_is(c->head.path, "/metrics"))
	{
		c->route = ERRAND_ROUTE_METRICS;
		c->api = wants_openmetrics(c) ? "openmetrics" : NULL;
	}
	else if (!read || !relay_routes_page(c))
		return false;
	if (!read)
		relay_conn_problem(c, 405, "only GET is answered here", NULL, NULL, "Allow: GET, HEAD\r\n");
	else if (c->route == ERRAND_ROUTE_PAGE)
		(void) relay_page_answer(c);
	else if (c->route == ERRAND_ROUTE_HEALTHZ)
		answer_healthz(c);
	else if (c->route == ERRAND_ROUTE_READYZ)
	{
		c->who = relay_web_token(c, &why);
		ask(c, RELAY_ASK_READY, NULL, ready_done, ERRAND_LEVEL_NONE);
	}
	else if (errand_metrics_public)
		ask(c, RELAY_ASK_METRICS, NULL, metrics_done, ERRAND_LEVEL_NONE);
	else if ((c->who = relay_web_token(c, &why)) == NULL)
		(void) refuse(c, 401, why);
	else
		ask(c, RELAY_ASK_METRICS, NULL, metrics_done, ERRAND_LEVEL_MONITOR);
	return true;
}

/* Is the body, if it is to be read, one that we take? */
static bool
body_fits(RelayConn *c)
{
	ErrandSpan type = c->head.content_type;
	ErrandSpan word;

	if (c->head.content_length > RELAY_BODY_BYTES)
		return refuse(c, 413, "a body has at most 1 MB");
	if (c->head.content_length == 0)
		return true;
	if (!errand_span_next(&type, ';', &word))
		return refuse(c, 415, "a body is JSON: Content-Type: application/json");
	errand_ascii_trim(&word.p, &word.len);
	if (!errand_ascii_equals(word.p, word.len, "application/json"))
		return refuse(c, 415, "a body is JSON: Content-Type: application/json");
	return true;
}

/* Who may come at all: the name we are asked under, and the page that asks. */
static bool
origin_fits(RelayConn *c)
{
	ErrandSpan host = c->head.host;

	if (host.p != NULL &&
		!errand_host_allowed(host.p, host.len, c->local, errand_allowed_origins, errand_public_url))
		return refuse(c, 421, "this host is not in errand.allowed_origins");
	if (errand_token_key[0] == '\0' && !c->loopback)
		return refuse(c, 403, "errand.token_secret is not set");
	return true;
}

bool
relay_web_head(RelayConn *c)
{
	const RelayRoute *route;
	const char *allow = NULL;
	const char *why;

	if (!origin_fits(c))
		return false;
	if (span_is(c->head.path, "/ws"))
	{
		c->route = ERRAND_ROUTE_WS;
		relay_web_upgrade(c);
		return false;
	}
	if (c->head.method != ERRAND_POST && c->head.content_length > 0)
		return refuse(c, 400, "a body was not expected");
	if (answer_plain(c))
		return false;
	if (c->head.origin.p != NULL &&
		!errand_origin_allowed(c->head.origin.p, c->head.origin.len, c->head.host.p,
							   c->head.host.len, c->tls, errand_allowed_origins, errand_public_url))
		return refuse(c, 403, "pages of this origin are not in errand.allowed_origins");
	route = relay_route_find(c, &allow);
	if (route == NULL && allow != NULL)
	{
		relay_conn_problem(c, 405, "not by this method", NULL, NULL, allow);
		return false;
	}
	if (route == NULL)
		return refuse(c, 404, "there is no such place");
	c->route = route->counted;
	c->api = route->api;
	c->good = route->good;
	if ((c->who = relay_web_token(c, &why)) == NULL)
		return refuse(c, 401, why);
	return body_fits(c);
}

void
relay_web_body(RelayConn *c)
{
	const RelayRoute *route;
	const char *allow;
	const char *problem;
	char *args;

	route = relay_route_find(c, &allow);
	if (route->counted == ERRAND_ROUTE_EVENTS)
	{
		ask(c, RELAY_ASK_AUTH, NULL, events_done, route->level);
		return;
	}
	args = relay_args_make(c, route, &problem);
	if (args == NULL)
		(void) refuse(c, 400, problem);
	else
		ask(c, RELAY_ASK_API, args, api_done, route->level);
}
