/*
 * peer.c
 *		The client's end of one WebSocket connection, from name to over.
 *
 * Runs in the stream process.  libwebsockets is given addresses that the
 * egress policy has judged, never names; the address that it is really
 * connected to is judged once more, before a byte with a secret leaves
 * (peer_lws.c).  Must never call PostgreSQL.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/url.h"
#include "net/refusal.h"
#include "sources/peer_internal.h"

void
errand_peer_fail(ErrandPeer *p, ErrandPeerEnd end, const char *error)
{
	if (p->state.over)
		return;
	p->state.over = true;
	p->state.end = end;
	if (p->state.error[0] == '\0')
		snprintf(p->state.error, sizeof(p->state.error), "%s", error);
}

static void
wipe(char *s)
{
	if (s == NULL)
		return;
	explicit_bzero(s, strlen(s));
	free(s);
}

/* The texts of a request are not needed any more. */
void
errand_peer_forget(ErrandPeer *p)
{
	wipe(p->path);
	wipe(p->head);
	wipe(p->protocol);
	p->path = p->head = p->protocol = NULL;
	for (int i = p->next_frame; i < p->n_frames; i++)
		errand_peer_frame_free(&p->to_send[i]);
	p->n_frames = p->next_frame = 0;
	free(p->to_send);
	p->to_send = NULL;
}

static void
free_peer(ErrandPeer *p)
{
	errand_dial_give_up(&p->dial);
	errand_peer_forget(p);
	free(p);
}

static bool
copy_frames(ErrandPeer *p, const ErrandPeerRequest *r)
{
	if (r->n_frames == 0)
		return true;
	p->to_send = calloc((size_t) r->n_frames, sizeof(ErrandPeerFrame));
	if (p->to_send == NULL)
		return false;
	for (int i = 0; i < r->n_frames; i++)
	{
		if (!errand_peer_frame_make(&p->to_send[i], r->frames[i]))
			return false;
		p->n_frames++;
	}
	return true;
}

/* The limits are those of libwebsockets, which would cut the rest off silently. */
static const char *
unusable(const ErrandPeerRequest *r, const ErrandUrlParts *parts)
{
	if (parts->host_len > ERRAND_PEER_HOST_MAX)
		return "the host's name is longer than 100 bytes";
	if (parts->path_len > ERRAND_PEER_PATH_MAX)
		return "the URL is longer than 2000 bytes behind its host";
	if (strlen(r->head) > ERRAND_PEER_HEAD_MAX)
		return "its headers are longer than 8192 bytes";
	if (parts->https && parts->ipv6_literal)
		return "a certificate of an IPv6 address cannot be verified: use a name";
	return NULL;
}

static bool
take_request(ErrandPeer *p, const ErrandPeerRequest *r, const ErrandUrlParts *parts)
{
	bool usual = parts->port == (parts->https ? 443 : 80);
	size_t len = parts->path_len;

	snprintf(p->host, sizeof(p->host), parts->ipv6_literal ? "[%.*s]" : "%.*s",
			 (int) parts->host_len, parts->host);
	if (!usual)
		snprintf(p->host + strlen(p->host), sizeof(p->host) - strlen(p->host), ":%d", parts->port);
	p->tls = parts->https;
	p->port = parts->port;
	p->head = strdup(r->head);
	p->protocol = r->protocol != NULL ? strdup(r->protocol) : NULL;
	p->path = malloc(len + 2);
	if (p->path == NULL || p->head == NULL || (r->protocol != NULL && p->protocol == NULL) ||
		!copy_frames(p, r))
		return false;
	/* an empty path, or one that begins with its query */
	snprintf(p->path, len + 2, "%s%.*s", len == 0 || parts->path[0] != '/' ? "/" : "", (int) len,
			 parts->path);
	return true;
}

ErrandPeer *
errand_peer_open(const ErrandPeerRequest *r, ErrandFrames *frames)
{
	ErrandPeer *p = calloc(1, sizeof(ErrandPeer));
	ErrandUrlParts parts;
	const char *why;

	if (p == NULL)
		return NULL;
	p->frames = frames;
	p->state.retry_after_ms = -1;
	p->until_us = errand_peer_now() + r->timeout_us;
	if (!errand_url_split(r->url, strlen(r->url), &parts))
		errand_peer_fail(p, ERRAND_PEER_FAILED,
						 errand_url_reason(errand_url_check(r->url, strlen(r->url))));
	else if ((why = unusable(r, &parts)) != NULL)
		errand_peer_fail(p, ERRAND_PEER_FAILED, why);
	else if (!take_request(p, r, &parts))
	{
		free_peer(p);
		return NULL;
	}
	else
		errand_dial_start(errand_peers_dialer, &p->dial, &parts);
	return p;
}

/* The next address, or the last one's error stands. */
static void
try_next(ErrandPeer *p, int64_t now_us)
{
	while (p->wsi == NULL && !p->state.over && p->next_address < p->dial.n_addresses)
	{
		int left = p->dial.n_addresses - p->next_address;

		p->state.error[0] = '\0';
		p->connected_by_us = now_us + (p->until_us - now_us) / left;
		errand_peer_connect(p, &p->dial.addresses[p->next_address++]);
	}
	if (p->wsi == NULL && !p->state.over)
		errand_peer_fail(p, ERRAND_PEER_FAILED, "could not connect");
}

/* This address does not answer: no time is left for it, but for the others. */
static void
give_up_address(ErrandPeer *p)
{
	char text[64];

	errand_address_format(&p->address, text, sizeof(text));
	snprintf(p->state.error, sizeof(p->state.error), "timed out: no connection to %s port %d", text,
			 p->port);
	errand_peer_detach(p, 0);
}

static void
dialed(ErrandPeer *p)
{
	if (!errand_dial_done(errand_peers_dialer, &p->dial))
		return;
	p->dialed = true;
	if (p->dial.failure != ERRAND_FAIL_NONE)
	{
		snprintf(p->state.hint, sizeof(p->state.hint), "%s", p->dial.hint);
		errand_peer_fail(p,
						 p->dial.failure == ERRAND_FAIL_POLICY ? ERRAND_PEER_BANNED :
																 ERRAND_PEER_FAILED,
						 p->dial.error);
	}
}

void
errand_peer_step(ErrandPeer *p, int64_t now_us)
{
	if (p->state.over || p->state.open)
		return;
	if (!p->dialed)
		dialed(p);
	if (p->wsi != NULL && !p->connected && now_us >= p->connected_by_us)
		give_up_address(p);
	if (p->dialed && p->wsi == NULL)
		try_next(p, now_us);
	if (!p->state.over && !p->state.open && now_us >= p->until_us)
		errand_peer_fail(p, ERRAND_PEER_FAILED,
						 p->dialed ? "timed out: the connection was not open in time" :
									 "timed out: the name was not looked up in time");
}

const ErrandPeerState *
errand_peer_state(const ErrandPeer *p)
{
	return &p->state;
}

void
errand_peer_close(ErrandPeer *p, int code)
{
	if (p->wsi != NULL)
		errand_peer_detach(p, code);
	free_peer(p);
}

bool
errand_peer_allowed(const ErrandPeer *p)
{
	return p->address.len == 0 || errand_dialer_allows(errand_peers_dialer, &p->address);
}
