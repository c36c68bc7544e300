/*
 * routes.h
 *		The table of the HTTP API's routes.
 */
#ifndef ERRAND_RELAY_ROUTES_H
#define ERRAND_RELAY_ROUTES_H

#include "level.h"
#include "relay/conn.h"

typedef struct RelayRoute
{
	ErrandMethod method;
	const char *path; /* * stands for a piece of the path, which goes to the key */
	const char *key;  /* "id" or "name"; NULL: none */
	const char *api;  /* the route of errand._api */
	ErrandLevel level;
	ErrandRoute counted;
	int good; /* the status of success */
} RelayRoute;

/*
 * The route of the request; NULL if there is none, and then *allow is the line
 * of an Allow header if there is one by another method.
 */
extern const RelayRoute *relay_route_find(const RelayConn *c, const char **allow);

/* The piece of the path that the route's star stands for, not decoded. */
extern ErrandSpan relay_route_piece(const RelayConn *c, const RelayRoute *route);

/* Whether the path is one of the dashboard's; sets the connection's route then. */
extern bool relay_routes_page(RelayConn *c);

#endif
