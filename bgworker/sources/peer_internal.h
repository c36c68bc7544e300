/*
 * peer_internal.h
 *		What peer.c and peer_lws.c share with each other and nobody else.
 */
#ifndef ERRAND_SOURCES_PEER_INTERNAL_H
#define ERRAND_SOURCES_PEER_INTERNAL_H

#include "net/dial.h"
#include "sources/peer.h"

struct lws;

/* A message to be sent, with the room before it that libwebsockets wants. */
typedef struct ErrandPeerFrame
{
	unsigned char *room;
	size_t len;
} ErrandPeerFrame;

struct ErrandPeer
{
	ErrandPeerState state;
	ErrandFrames *frames;
	int64_t until_us; /* to be open by then */

	/* the request */
	char host[ERRAND_PEER_HOST_MAX + 16]; /* as the header says it */
	int port;
	bool tls;
	char *path;
	char *head;
	char *protocol;
	ErrandPeerFrame *to_send;
	int n_frames;
	int next_frame;

	/* under way */
	ErrandDial dial;
	bool dialed;
	int next_address;
	int64_t connected_by_us; /* else the next address is tried */
	bool connected;			 /* TCP is */
	bool ended;				 /* the attempt at this address is over */
	ErrandAddress address;	 /* the one that it is connected to, or shall be */
	struct lws *wsi;
	bool ping;
};

/* One a process. */
extern ErrandDialer *errand_peers_dialer;

/* Microseconds, monotonic. */
extern int64_t errand_peer_now(void);

/* It is over, if it was not: the first error stands. */
extern void errand_peer_fail(ErrandPeer *p, ErrandPeerEnd end, const char *error);

/*
 * From callbacks: it did not come to be open (said: by libwebsockets, len
 * bytes; tls_error: of its certificate, or ""); it was, and is over; the
 * server's close, a code and its words.
 */
extern void errand_peer_failed(ErrandPeer *p, const char *said, size_t len, const char *tls_error);
extern void errand_peer_closed(ErrandPeer *p);
extern void errand_peer_take_close(ErrandPeer *p, const unsigned char *in, size_t len);

/* Wipes and frees the texts of the request. */
extern void errand_peer_forget(ErrandPeer *p);

/* Frames to be sent; false if memory is out. */
extern bool errand_peer_frame_make(ErrandPeerFrame *f, const char *text);
extern void errand_peer_frame_free(ErrandPeerFrame *f);

/* Begins to connect; sets p->wsi unless it failed at once. */
extern void errand_peer_connect(ErrandPeer *p, const ErrandAddress *address);

/* Lets the connection end by itself, without the peer. */
extern void errand_peer_detach(ErrandPeer *p, int code);

#endif
