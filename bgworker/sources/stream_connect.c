/*
 * stream_connect.c
 *		Moves a stream through its states: when to connect, when to ping, when
 *		to give up, and how long to wait then.
 *
 * Runs in the stream process.  Apart from errand_stream_connect it runs
 * outside transactions, and raises nothing.
 */
#include "postgres.h"

#include "base/clock.h"
#include "common/pg_prng.h"
#include "compat.h"
#include "core/backoff.h"
#include "core/policy.h"
#include "miscadmin.h"
#include "settings.h"
#include "sources/stream.h"

#define BACKOFF_LEAST_MS 250
#define BACKOFF_BASE_MS 500
#define BACKOFF_MOST_MS 30000
/* Who was turned away does not knock again and again. */
#define REFUSED_BASE_MS 60000
#define REFUSED_MOST_MS 900000
#define RETRY_AFTER_MOST_MS 900000
#define CUTS_FORGIVEN 2 /* in a row, before it counts as trouble */

static char *ca_file = NULL; /* as it was at the start */

static int
config_fill(ErrandPeersConfig *c, ErrandCidr *allow)
{
	int n = 0;

	memset(c, 0, sizeof(*c));
	if (errand_allow_networks[0] != '\0')
		n = errand_policy_parse(errand_allow_networks, allow, ERRAND_ALLOW_MAX, NULL, NULL);
	c->allow = allow;
	c->n_allow = Max(n, 0);
	c->dns_servers = errand_dns_servers;
	c->dns_timeout_ms = 10000;
	c->ca_file = ca_file;
	c->max_peers = 1024;
	return c->n_allow;
}

void
errand_streams_network(struct uv_loop_s *loop)
{
	ErrandPeersConfig c;
	ErrandCidr allow[ERRAND_ALLOW_MAX];
	const char *why = NULL;

	ca_file = MemoryContextStrdup(TopMemoryContext, errand_ca_file);
	(void) config_fill(&c, allow);
	if (!errand_peers_start(loop, &c, &why))
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not set up the network of streams: %s", why ? why : "")));
}

bool
errand_streams_network_configure(void)
{
	ErrandPeersConfig c;
	ErrandCidr allow[ERRAND_ALLOW_MAX];

	(void) config_fill(&c, allow);
	if (!errand_peers_configure(&c))
		ereport(WARNING, (errmsg("the list of DNS servers cannot be used")));
	return strcmp(ca_file, errand_ca_file) == 0;
}

static void
errand_stream_move(ErrandStream *s, ErrandStreamState to)
{
	Assert((s->state == ERRAND_STREAM_WAITING && to == ERRAND_STREAM_CONNECTING) ||
		   (s->state == ERRAND_STREAM_CONNECTING && to != ERRAND_STREAM_CONNECTING) ||
		   (s->state == ERRAND_STREAM_OPEN && to == ERRAND_STREAM_WAITING));
	s->state = to;
	s->untold = true;
}

/* Printable ASCII: it ends in a column, whatever the database's encoding is. */
static void
set_error(ErrandStream *s, const char *error, const char *hint)
{
	if (error == NULL)
		s->error[0] = '\0';
	else
		snprintf(s->error, sizeof(s->error), "%s%s%s%s", error, hint[0] ? " (" : "", hint,
				 hint[0] ? ")" : "");
	for (char *p = s->error; *p; p++)
	{
		if ((unsigned char) *p < 0x20 || (unsigned char) *p > 0x7e)
			*p = '?';
	}
}

/* Milliseconds until the next attempt, after an end of that kind. */
static int64
delay_ms(const ErrandStream *s, int64 retry_after_ms)
{
	double r = errand_random01();
	int64 ms;

	if (s->end == ERRAND_PEER_REFUSED || s->end == ERRAND_PEER_BANNED)
	{
		int64 most = Min(REFUSED_MOST_MS, (int64) REFUSED_BASE_MS << Min(s->failures - 1, 8));

		ms = most / 2 + (int64) (r * most / 2);
	}
	else
		ms = Max(BACKOFF_LEAST_MS,
				 errand_backoff_delay_ms(ERRAND_BACKOFF_EXPONENTIAL, BACKOFF_BASE_MS, 2,
										 BACKOFF_MOST_MS, s->failures, r));
	return Max(ms, Min(retry_after_ms, RETRY_AFTER_MOST_MS));
}

/* The attempt, or the connection, is over; the peer is gone. */
static void
wait_again(ErrandStream *s, ErrandPeerEnd end, int64 retry_after_ms, int64 now)
{
	int64 ms;

	s->end = end;
	s->failures = Min(s->failures + 1, 1000000);
	s->troubled |= end != ERRAND_PEER_CUT || s->failures > CUTS_FORGIVEN;
	ms = delay_ms(s, retry_after_ms);
	s->try_at = now + ms * 1000;
	s->next_try = errand_clock_now() + ms * 1000;
	s->connected_at = 0;
	if (s->state != ERRAND_STREAM_WAITING)
		errand_stream_move(s, ERRAND_STREAM_WAITING);
	s->untold = true;
}

/* Takes the peer's word for it; now it may be gone. */
static void
ended(ErrandStream *s, int64 now)
{
	const ErrandPeerState *st = errand_peer_state(s->peer);
	ErrandPeerEnd end = st->end;
	int64 retry_after_ms = st->retry_after_ms;

	set_error(s, st->error, st->hint);
	errand_peer_close(s->peer, 0);
	s->peer = NULL;
	errand_frames_cut(&s->frames);
	wait_again(s, end, retry_after_ms, now);
}

void
errand_stream_failed(ErrandStream *s, ErrandPeerEnd end, const char *error, int64 now)
{
	set_error(s, error, "");
	wait_again(s, end, -1, now);
}

void
errand_stream_connect(ErrandStream *s, int64 now)
{
	const char *why = NULL;

	s->next_try = 0;
	s->peer = errand_stream_request(s, &why);
	if (s->peer == NULL)
		errand_stream_failed(s, ERRAND_PEER_REFUSED, why, now);
	else
		errand_stream_move(s, ERRAND_STREAM_CONNECTING);
}

static void
opened(ErrandStream *s, int64 now)
{
	s->opened_us = now;
	s->ping_at = s->ping_us > 0 ? now + s->ping_us : PG_INT64_MAX;
	s->stable = false;
	s->connected_at = errand_clock_now();
	s->connects++;
	errand_stream_move(s, ERRAND_STREAM_OPEN);
}

/* It has held for a while: what was is forgiven. */
static void
settle_down(ErrandStream *s)
{
	s->stable = true;
	s->untold = true;
	s->failures = 0;
	s->troubled = false;
	s->told_troubled = true; /* whoever said otherwise: it is well now */
	set_error(s, NULL, "");
}

/* Nobody speaks any more: who knows whether the line is still there. */
static void
idle(ErrandStream *s, int64 now)
{
	char error[100];

	snprintf(error, sizeof(error), "nothing was heard for %.3g s", s->idle_us / 1000000.0);
	errand_peer_close(s->peer, 0);
	s->peer = NULL;
	errand_frames_cut(&s->frames);
	set_error(s, error, "");
	wait_again(s, ERRAND_PEER_CUT, -1, now);
}

static void
tend(ErrandStream *s, int64 now)
{
	const ErrandPeerState *st = errand_peer_state(s->peer);

	if (!s->stable && now - s->opened_us >= ERRAND_STREAM_STABLE_US)
		settle_down(s);
	if (now >= s->ping_at)
	{
		errand_peer_ping(s->peer);
		s->ping_at = now + s->ping_us;
	}
	if (now - st->heard_us >= s->idle_us)
		idle(s, now);
}

void
errand_stream_step(ErrandStream *s, int64 now)
{
	const ErrandPeerState *st;

	if (s->peer == NULL)
		return;
	errand_peer_step(s->peer, now);
	st = errand_peer_state(s->peer);
	if (s->state == ERRAND_STREAM_CONNECTING && st->open)
		opened(s, now);
	if (st->over)
		ended(s, now);
	else if (s->state == ERRAND_STREAM_OPEN)
		tend(s, now);
}

void
errand_stream_recheck(ErrandStream *s, int64 now)
{
	if (s->peer != NULL && !errand_peer_allowed(s->peer))
	{
		errand_peer_close(s->peer, 0);
		s->peer = NULL;
		errand_frames_cut(&s->frames);
		errand_stream_failed(s, ERRAND_PEER_BANNED,
							 "it is connected to an address that is not allowed any more", now);
		s->try_at = now; /* the name may lead elsewhere, or the error tells more */
	}
	else if (s->state == ERRAND_STREAM_WAITING && s->end == ERRAND_PEER_BANNED)
		s->try_at = now;
}

int64
errand_stream_step_at(const ErrandStream *s)
{
	int64 at;

	if (s->state == ERRAND_STREAM_WAITING)
		return s->try_at;
	if (s->state == ERRAND_STREAM_CONNECTING)
		return errand_clock_monotonic() + 1000000; /* the loop wakes us before */
	at = Min(s->ping_at, errand_peer_state(s->peer)->heard_us + s->idle_us);
	return s->stable ? at : Min(at, s->opened_us + ERRAND_STREAM_STABLE_US);
}

void
errand_stream_rest(ErrandStream *s)
{
	s->connected_at = s->next_try = 0;
	s->untold = true;
}

void
errand_stream_close(ErrandStream *s, int code)
{
	if (s->peer != NULL)
		errand_peer_close(s->peer, code);
	s->peer = NULL;
	errand_frames_free(&s->frames);
	MemoryContextDelete(s->memory);
}
