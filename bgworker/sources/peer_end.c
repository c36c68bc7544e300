/*
 * peer_end.c
 *		What is said of a connection that ended, or did not come to be open.
 *
 * Runs in the stream process, inside callbacks of libwebsockets: it only
 * records.
 */
#include <stdio.h>
#include <string.h>

#include "net/refusal.h"
#include "sources/peer_internal.h"

static void
describe_failure(ErrandPeer *p, const char *said, size_t len, const char *tls_error)
{
	char *error = p->state.error;
	size_t size = sizeof(p->state.error);

	if (p->state.over || said == NULL)
		len = 0;
	while (len > 0 && (said[len - 1] == '\n' || said[len - 1] == ' '))
		len--;
	if (p->state.status != 0 && p->state.status != 101)
		snprintf(error, size, "the server answered with HTTP status %d", p->state.status);
	else if (p->tls && tls_error[0] != '\0')
		snprintf(error, size, "the server's certificate is not trusted: %s", tls_error);
	else if (!p->connected)
	{
		char text[64];

		errand_address_format(&p->address, text, sizeof(text));
		snprintf(error, size, "could not connect to %s port %d%s%.*s", text, p->port,
				 len > 0 ? ": " : "", (int) len, len > 0 ? said : "");
	}
	else
		snprintf(error, size, "the handshake failed%s%.*s", len > 0 ? ": " : "", (int) len,
				 len > 0 ? said : "");
}

void
errand_peer_failed(ErrandPeer *p, const char *said, size_t len, const char *tls_error)
{
	p->wsi = NULL;
	p->ended = true;
	if (p->state.over)
		return;
	describe_failure(p, said, len, tls_error);
	if (!p->connected && p->next_address < p->dial.n_addresses)
		return; /* another address may do */
	errand_peer_fail(p,
					 p->state.status == 401 || p->state.status == 403 ? ERRAND_PEER_REFUSED :
																		ERRAND_PEER_FAILED,
					 "");
}

void
errand_peer_closed(ErrandPeer *p)
{
	char error[64];

	p->wsi = NULL;
	p->ended = true;
	snprintf(error, sizeof(error), "the connection was cut");
	if (p->state.close_code != 0)
		snprintf(error, sizeof(error), "the server closed the connection with code %d",
				 p->state.close_code);
	errand_peer_fail(p,
					 p->state.close_code == 4401 || p->state.close_code == 4403 ||
							 p->state.close_code == 1008 ?
						 ERRAND_PEER_REFUSED :
						 ERRAND_PEER_CUT,
					 error);
}

void
errand_peer_take_close(ErrandPeer *p, const unsigned char *in, size_t len)
{
	if (len < 2)
		return;
	p->state.close_code = (in[0] << 8) | in[1];
	snprintf(p->state.error, sizeof(p->state.error),
			 "the server closed the connection with code %d%s", p->state.close_code,
			 len > 2 ? ": " : "");
	/* its reason, as far as it can stand in a line */
	for (size_t i = 2, at = strlen(p->state.error); i < len && at < sizeof(p->state.error) - 1; i++)
	{
		p->state.error[at++] = in[i] >= 0x20 && in[i] < 0x7f ? (char) in[i] : '?';
		p->state.error[at] = '\0';
	}
}
