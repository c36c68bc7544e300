/*
 * web.h
 *		The routes of HTTP.
 */
#ifndef ERRAND_RELAY_WEB_H
#define ERRAND_RELAY_WEB_H

#include "relay/conn.h"

/* Said with every answer, errors too. */
#define RELAY_SECURITY_HEADERS                                                                     \
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
	"connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "          \
	"form-action 'none'\r\n"                                                                       \
	"X-Content-Type-Options: nosniff\r\n"                                                          \
	"Referrer-Policy: no-referrer\r\n"

/* "Not Found" */
extern const char *relay_status_text(int status);

/*
 * The head of a request is there: answers it, or returns true if its body is
 * wanted, and then relay_web_body() is called.
 */
extern bool relay_web_head(RelayConn *c);
extern void relay_web_body(RelayConn *c);

/* Answers with a file of the dashboard; false if there is none of that path. */
extern bool relay_page_answer(RelayConn *c);

/* Takes a request for a WebSocket: hands the connection over, or refuses it. */
extern void relay_web_upgrade(RelayConn *c);

/* The token of an Authorization header, checked; NULL, and *why, if it is not good. */
extern RelayPrincipal *relay_web_token(const RelayConn *c, const char **why);

#endif
