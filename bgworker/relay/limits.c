/*
 * limits.c
 *		The limits on connections.
 *
 * Runs in the relay; all but the start in callbacks, so it must never throw.
 * PostgreSQL's own files need descriptors, too, and libwebsockets sizes its
 * tables by the limit that it finds: so it is set to what is needed.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "common/hashfn.h"
#include "relay/conn.h"
#include "relay/limits.h"
#include "relay/session.h"
#include "settings.h"
#include "storage/fd.h"

#define EXTRA 64  /* connections beyond, which are told that they are too many */
#define SPARE 100 /* descriptors of libraries, logs and the like */
#define BUCKETS 256

struct RelayAddress
{
	RelayAddress *next;
	RelayAddress **bucket;
	int n;
	char text[INET6_ADDRSTRLEN];
};

static int most = 0;
static int most_of_one = 0;
static RelayAddress *buckets[BUCKETS];

void
relay_limits_init(void)
{
	struct rlimit limit;
	rlim_t ours = (rlim_t) max_safe_fds + SPARE + EXTRA;
	/* with TLS each has its socket and a pair */
	rlim_t each = errand_tls_cert[0] != '\0' ? 3 : 1;
	rlim_t wanted = (rlim_t) errand_max_clients * each + ours;

	most = errand_max_clients;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
	{
		limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : Min(wanted, limit.rlim_max);
		if (setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted)
		{
			rlim_t half = limit.rlim_cur / 2;

			/* PostgreSQL closes files when it runs short, down to few */
			most = (int) ((limit.rlim_cur > ours + half ? limit.rlim_cur - ours : half) / each);
			ereport(WARNING,
					(errmsg("the relay takes %d clients only, since %d files may be open", most,
							(int) limit.rlim_cur),
					 errhint("Raise the limit of the server's process (ulimit -n, LimitNOFILE), or "
							 "lower errand.max_clients.")));
		}
	}
	most_of_one = Max(100, most / 4);
}

RelayAddress *
relay_address_enter(const char *peer)
{
	RelayAddress **bucket;
	RelayAddress *a;

	bucket = &buckets[hash_bytes((const unsigned char *) peer, (int) strlen(peer)) % BUCKETS];
	for (a = *bucket; a != NULL && strcmp(a->text, peer) != 0; a = a->next)
		;
	if (a == NULL)
	{
		a = calloc(1, sizeof(RelayAddress));
		if (a == NULL)
			return NULL;
		strlcpy(a->text, peer, sizeof(a->text));
		a->bucket = bucket;
		a->next = *bucket;
		*bucket = a;
	}
	a->n++;
	return a;
}

void
relay_address_leave(RelayAddress *a)
{
	RelayAddress **at;

	if (a == NULL || --a->n > 0)
		return;
	for (at = a->bucket; *at != a; at = &(*at)->next)
		;
	*at = a->next;
	free(a);
}

bool
relay_limits_full(const RelayAddress *a)
{
	return relay_sessions_staying() + relay_conns_staying() > most ||
		   (a != NULL && a->n > most_of_one);
}

bool
relay_limits_exceeded(void)
{
	return relay_sessions() + relay_conns() >= most + EXTRA;
}
