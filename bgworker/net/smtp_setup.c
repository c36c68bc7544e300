/*-------------------------------------------------------------------------
 *
 * smtp_setup.c
 *	  Mail over SMTP: made, configured, closed.
 *
 * Runs in the errand worker.
 *
 *-------------------------------------------------------------------------
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/smtp_internal.h"

static void
on_check(uv_check_t *check)
{
	errand_smtp_turn(check->data);
}

static char *
copy_text(const char *text)
{
	return text != NULL && text[0] != '\0' ? strdup(text) : NULL;
}

static void
free_config(ErrandSmtp *s)
{
	free(s->host);
	free(s->host_port);
	free(s->url);
	free(s->user);
	free(s->password);
	free(s->ca_file);
}

/* Is the host an address? */
static bool
parse_address(ErrandSmtp *s, const ErrandSmtpConfig *c)
{
	memset(&s->address, 0, sizeof(s->address));
	if (c->ipv6_literal)
	{
		s->address.u.v6.sin6_family = AF_INET6;
		s->address.len = sizeof(s->address.u.v6);
		return inet_pton(AF_INET6, s->host, &s->address.u.v6.sin6_addr) == 1;
	}
	s->address.u.v4.sin_family = AF_INET;
	s->address.len = sizeof(s->address.u.v4);
	return inet_pton(AF_INET, s->host, &s->address.u.v4.sin_addr) == 1;
}

/* Without memory there is no server, which is said when a message comes. */
static void
take_config(ErrandSmtp *s, const ErrandSmtpConfig *c)
{
	const char *brackets = c->ipv6_literal ? "[%s]:%d" : "%s:%d";
	size_t size;

	free_config(s);
	s->generation++;
	s->host_port = s->url = NULL;
	s->host = copy_text(c->host);
	s->user = copy_text(c->user);
	s->password = copy_text(c->password);
	s->ca_file = copy_text(c->ca_file);
	s->tls = c->tls;
	s->port = c->port;
	s->max_connections = c->max_connections > 0 ? c->max_connections : 1;
	if (s->host == NULL)
		return;
	size = strlen(s->host) + (c->helo != NULL ? strlen(c->helo) : 0) + 32;
	s->host_port = malloc(size);
	s->url = malloc(size);
	if (s->host_port == NULL || s->url == NULL)
	{
		free(s->host);
		s->host = NULL;
		return;
	}
	snprintf(s->host_port, size, brackets, s->host, s->port);
	snprintf(s->url, size, "%s://%s/%s", s->tls ? "smtps" : "smtp", s->host_port,
			 c->helo != NULL ? c->helo : "");
	s->numeric = parse_address(s, c);
}

static ErrandSmtp *
make(uv_loop_t *loop)
{
	ErrandSmtp *s = calloc(1, sizeof(ErrandSmtp));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	errand_list_init(&s->queue);
	errand_list_init(&s->finished);
	errand_list_init(&s->lines);
	errand_list_init(&s->sockets);
	if (!errand_smtp_sockets_create(s))
	{
		free(s);
		return NULL;
	}
	return s;
}

static void
start_handles(ErrandSmtp *s)
{
	uv_timer_init(s->loop, &s->curl_timer);
	uv_timer_init(s->loop, &s->timer);
	uv_idle_init(s->loop, &s->idle);
	uv_check_init(s->loop, &s->check);
	s->curl_timer.data = s->timer.data = s->idle.data = s->check.data = s;
	s->handles.open += 4;
	uv_check_start(&s->check, on_check);
}

ErrandSmtp *
errand_smtp_create(uv_loop_t *loop, const ErrandSmtpConfig *c, ErrandSmtpStarted started,
				   ErrandSmtpDone done, const char **why)
{
	ErrandSmtp *s;

	*why = "out of memory";
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (s = make(loop)) == NULL)
		return NULL;
	s->started = started;
	s->done = done;
	s->names = errand_names_create(loop, &s->handles, c->dns_servers, c->dns_timeout_ms, why);
	if (s->names == NULL)
	{
		curl_multi_cleanup(s->multi);
		free(s);
		return NULL;
	}
	start_handles(s);
	take_config(s, c);
	*why = NULL;
	return s;
}

void
errand_smtp_configure(ErrandSmtp *s, const ErrandSmtpConfig *c)
{
	const char *why = NULL;

	/* the HTTP side says so if the servers cannot be used */
	(void) errand_names_configure(s->names, c->dns_servers, c->dns_timeout_ms, &why);
	take_config(s, c);
	errand_smtp_lines_drop_idle(s);
	errand_smtp_wake(s);
}

static void
on_all_closed(ErrandHandles *handles)
{
	ErrandSmtp *s = errand_container(handles, ErrandSmtp, handles);

	free_config(s);
	free(s);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	ErrandSmtp *s = handle->data;

	errand_handle_closed(&s->handles);
}

void
errand_smtp_destroy(ErrandSmtp *s)
{
	s->closing = true;
	while (!errand_list_empty(&s->lines))
	{
		ErrandSmtpLine *l = errand_container(s->lines.next, ErrandSmtpLine, link);
		ErrandSmtpMail *m = l->mail;

		errand_smtp_line_drop(l);
		free(m);
	}
	while (!errand_list_empty(&s->queue))
		free(errand_container(errand_list_pop(&s->queue), ErrandSmtpMail, link));
	while (!errand_list_empty(&s->finished))
		free(errand_container(errand_list_pop(&s->finished), ErrandSmtpMail, link));
	curl_multi_cleanup(s->multi);
	errand_smtp_sockets_close(s);
	errand_names_close(s->names);
	s->handles.none = on_all_closed;
	uv_close((uv_handle_t *) &s->curl_timer, on_handle_closed);
	uv_close((uv_handle_t *) &s->timer, on_handle_closed);
	uv_close((uv_handle_t *) &s->idle, on_handle_closed);
	uv_close((uv_handle_t *) &s->check, on_handle_closed);
}
