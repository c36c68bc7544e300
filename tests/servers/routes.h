/*
 * routes.h
 *		What a route says, and the routes that have a file of their own.
 */
#ifndef ROUTES_H
#define ROUTES_H

#include "counting.h"

typedef struct Answer
{
	int status;
	const char *type;
	Buffer extra; /* further header lines, each with its CR LF */
	Buffer body;
	size_t claimed; /* a Content-Length that is not the body's, or 0 */
	uint64_t drip;	/* no body now, but a byte each so many milliseconds */
	bool silent;	/* nothing at all is sent */
	bool chunked;	/* the body never ends */
	uint64_t large; /* so many bytes, made while they are sent; claimed too */
} Answer;

typedef void (*RouteFunction)(Conn *conn, const Request *request, uint64_t number, Answer *answer);

extern void body_text(Answer *answer, const char *text);
extern void answer_json_status(Answer *answer, int status);

/* The number behind NAME= in the query, or if_missing; whether a header line begins so. */
extern uint64_t query_number(const Request *request, const char *name, uint64_t if_missing);
extern bool has_header(const Request *request, const char *line);

/* pages.c */
extern void route_pages(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_etag(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_nostore(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_cookie(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_large(Conn *conn, const Request *request, uint64_t number, Answer *answer);

/* sources.c */
extern void route_since(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_mode(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_version(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_switch(Conn *conn, const Request *request, uint64_t number, Answer *answer);
extern void route_changing(Conn *conn, const Request *request, uint64_t number, Answer *answer);

#endif /* ROUTES_H */
