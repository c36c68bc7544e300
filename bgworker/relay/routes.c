/*
 * routes.c
 *		The table of the HTTP API's routes.
 *
 * Runs in the relay, in callbacks of libuv: it must never throw.
 */
#include "postgres.h"

#include "relay/page.h"
#include "relay/routes.h"

#define V1 "/api/v1/"
#define READ(path, key, api, counted)                                                              \
	{                                                                                              \
		ERRAND_GET, V1 path, key, api, ERRAND_LEVEL_MONITOR, counted, 200                          \
	}
#define CONTROL(path, key, api)                                                                    \
	{                                                                                              \
		ERRAND_POST, V1 path, key, api, ERRAND_LEVEL_ADMIN, ERRAND_ROUTE_CONTROL, 200              \
	}
#define STEER(path, key, api)                                                                      \
	{                                                                                              \
		ERRAND_POST, V1 path, key, api, ERRAND_LEVEL_SUBMIT, ERRAND_ROUTE_STEER, 200               \
	}

static const RelayRoute routes[] = {
	READ("overview", NULL, "overview", ERRAND_ROUTE_OVERVIEW),
	READ("tasks", NULL, "tasks", ERRAND_ROUTE_TASKS),
	READ("tasks/*", "id", "task", ERRAND_ROUTE_TASK),
	READ("queues", NULL, "queues", ERRAND_ROUTE_QUEUES),
	READ("sources", NULL, "sources", ERRAND_ROUTE_SOURCES),
	READ("sources/*/view", "name", "source_view", ERRAND_ROUTE_SOURCES),
	READ("schedules", NULL, "schedules", ERRAND_ROUTE_SCHEDULES),
	READ("workers", NULL, "workers", ERRAND_ROUTE_WORKERS),
	READ("hosts", NULL, "hosts", ERRAND_ROUTE_HOSTS),
	READ("workflows", NULL, "workflows", ERRAND_ROUTE_WORKFLOWS),
	READ("workflows/*", "id", "workflow", ERRAND_ROUTE_WORKFLOWS),
	READ("history", NULL, "history", ERRAND_ROUTE_HISTORY),
	READ("events", NULL, "events", ERRAND_ROUTE_EVENTS),
	{ERRAND_POST, V1 "tasks", NULL, "submit", ERRAND_LEVEL_SUBMIT, ERRAND_ROUTE_SUBMIT, 201},
	STEER("tasks/cancel", NULL, "tasks_cancel"),
	STEER("tasks/retry", NULL, "tasks_retry"),
	STEER("tasks/*/cancel", "id", "task_cancel"),
	STEER("tasks/*/retry", "id", "task_retry"),
	CONTROL("queues/*/pause", "name", "queue_pause"),
	CONTROL("queues/*/resume", "name", "queue_resume"),
	CONTROL("queues/*/drain", "name", "queue_drain"),
	CONTROL("queues/*/define", "name", "queue_define"),
	CONTROL("sources/*/start", "name", "source_start"),
	CONTROL("sources/*/stop", "name", "source_stop"),
	CONTROL("sources/*/run", "name", "source_run"),
	CONTROL("schedules/*/pause", "name", "schedule_pause"),
	CONTROL("schedules/*/resume", "name", "schedule_resume"),
	CONTROL("hosts/*/define", "name", "host_define"),
	CONTROL("workers/restart", NULL, "workers_restart"),
	CONTROL("pause_all", NULL, "pause_all"),
	CONTROL("resume_all", NULL, "resume_all"),
};

/* Does the path fit, piece by piece?  *piece is what the star stands for. */
static bool
path_fits(ErrandSpan path, const char *pattern, ErrandSpan *piece)
{
	ErrandSpan pieces = {pattern, strlen(pattern)};
	ErrandSpan mine;
	ErrandSpan wanted;

	*piece = (ErrandSpan){NULL, 0};
	while (errand_span_next(&pieces, '/', &wanted))
	{
		if (!errand_span_next(&path, '/', &mine))
			return false;
		if (wanted.len == 1 && wanted.p[0] == '*' && mine.len > 0)
			*piece = mine;
		else if (mine.len != wanted.len || memcmp(mine.p, wanted.p, mine.len) != 0)
			return false;
	}
	return path.p == NULL;
}

const RelayRoute *
relay_route_find(const RelayConn *c, const char **allow)
{
	ErrandMethod method = c->head.method == ERRAND_HEAD ? ERRAND_GET : c->head.method;
	ErrandSpan piece;

	*allow = NULL;
	for (int i = 0; i < (int) lengthof(routes); i++)
	{
		if (!path_fits(c->head.path, routes[i].path, &piece))
			continue;
		if (routes[i].method == method)
			return &routes[i];
		*allow = *allow != NULL					? "Allow: GET, HEAD, POST\r\n" :
				 routes[i].method == ERRAND_GET ? "Allow: GET, HEAD\r\n" :
												  "Allow: POST\r\n";
	}
	return NULL;
}

ErrandSpan
relay_route_piece(const RelayConn *c, const RelayRoute *route)
{
	ErrandSpan piece;

	(void) path_fits(c->head.path, route->path, &piece);
	return piece;
}

bool
relay_routes_page(RelayConn *c)
{
	for (int i = 0; i < relay_assets_n; i++)
	{
		const char *path = relay_assets[i].path;

		if (c->head.path.len != strlen(path) || memcmp(c->head.path.p, path, c->head.path.len) != 0)
			continue;
		c->route = ERRAND_ROUTE_PAGE;
		return true;
	}
	return false;
}
