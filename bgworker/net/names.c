/*-------------------------------------------------------------------------
 *
 * names.c
 *	  What is known of names: cached, asked for once however many wait.
 *
 * Runs in the errand worker.  An entry is kept for as long as its records say
 * (1 s to 5 min; failures 1 s).  At most ERRAND_NAMES_ASKED names are being
 * looked up at once, the others wait their turn; each has its deadline from
 * the moment it was asked for.  c-ares cannot take one question back, so a
 * question whose name gave up stays with it until it ends by itself.
 *
 * Must never call a waiter's owner back: errand_names_answer runs inside
 * c-ares, so waiters are only told, and they only record.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include "net/resolver.h"

#define ERRAND_NAMES_ASKED 256
#define ERRAND_NAMES_ABANDONED 1024 /* and as many more, given up by us */
#define ERRAND_NAMES_KEPT 4096
#define ERRAND_NAMES_BUCKETS 4096

struct ErrandNames
{
	uv_loop_t *loop;
	ErrandHandles *handles;
	ErrandDns *dns;
	int timeout_ms;
	bool rebuilding;	/* answers of a dying channel do not count */
	uv_timer_t timer;	/* the first deadline of pending */
	ErrandLink pending; /* PENDING, in order of deadline */
	ErrandLink unasked; /* of these, those c-ares does not have */
	ErrandLink used;	/* the others, least recently used first */
	int asked;			/* questions whose name still wants to know */
	int abandoned;		/* the others */
	int kept;
	ErrandName *bucket[ERRAND_NAMES_BUCKETS];
};

static int64_t
now_us(void)
{
	return (int64_t) (uv_hrtime() / 1000);
}

static uint32_t
hash_text(const char *s)
{
	uint32_t h = 2166136261u;

	while (*s)
		h = (h ^ (unsigned char) *s++) * 16777619u;
	return h;
}

static void on_deadline(uv_timer_t *timer);

static void
set_timer(ErrandNames *names)
{
	ErrandName *first;
	int64_t left;

	if (errand_list_empty(&names->pending))
	{
		uv_timer_stop(&names->timer);
		return;
	}
	first = errand_container(names->pending.next, ErrandName, link);
	left = (first->deadline_us - now_us()) / 1000;
	uv_timer_start(&names->timer, on_deadline, left > 0 ? (uint64_t) left + 1 : 1, 0);
}

/* PENDING ends: tell everyone who waits.  They keep their reference. */
static void
settle(ErrandNames *names, ErrandName *name, ErrandNameState state, int64_t lifetime_us)
{
	ErrandLink *l;

	name->state = state;
	name->expires_us = now_us() + lifetime_us;
	errand_list_remove(&name->unasked);
	errand_list_remove(&name->link);
	errand_list_push(&names->used, &name->link);
	while ((l = errand_list_pop(&name->waiters)) != NULL)
	{
		ErrandWaiter *w = errand_container(l, ErrandWaiter, link);

		w->ready(w);
	}
}

static void
fail(ErrandNames *names, ErrandName *name, ErrandFailure failure, const char *reason)
{
	name->failure = failure;
	name->reason = reason;
	settle(names, name, ERRAND_NAME_FAILED, 1000000);
}

static void
on_deadline(uv_timer_t *timer)
{
	ErrandNames *names = timer->data;
	int64_t now = now_us();

	while (!errand_list_empty(&names->pending))
	{
		ErrandName *name = errand_container(names->pending.next, ErrandName, link);

		if (name->deadline_us > now)
			break;
		if (name->query != NULL)
		{
			name->query->name = NULL;
			name->query = NULL;
			names->asked--;
			names->abandoned++;
		}
		fail(names, name, ERRAND_FAIL_DNS, "no answer from the DNS server");
	}
	errand_names_ask_more(names);
	set_timer(names);
}

void
errand_names_answer(ErrandQuery *q, const ErrandAnswer *answer)
{
	ErrandNames *names = q->names;
	ErrandName *name = q->name;

	free(q);
	if (name == NULL)
	{
		names->abandoned--;
		return;
	}
	names->asked--;
	name->query = NULL;
	if (answer->aborted && names->rebuilding)
	{
		errand_list_push(&names->unasked, &name->unasked);
		return;
	}
	name->n_addresses = answer->n_addresses;
	memcpy(name->addresses, answer->addresses,
		   (size_t) answer->n_addresses * sizeof(ErrandAddress));
	if (answer->failure != ERRAND_FAIL_NONE)
		fail(names, name, answer->failure, answer->reason);
	else
		settle(names, name, ERRAND_NAME_KNOWN,
			   (int64_t) (answer->ttl < 1 ? 1 : answer->ttl) * 1000000);
}

/* Put to c-ares what it has room for. */
void
errand_names_ask_more(ErrandNames *names)
{
	while (names->asked < ERRAND_NAMES_ASKED && names->abandoned < ERRAND_NAMES_ABANDONED &&
		   !errand_list_empty(&names->unasked))
	{
		ErrandName *name = errand_container(errand_list_pop(&names->unasked), ErrandName, unasked);
		ErrandQuery *q = malloc(sizeof(ErrandQuery));

		if (q == NULL)
		{
			fail(names, name, ERRAND_FAIL_DNS, "out of memory");
			continue;
		}
		q->names = names;
		q->name = name;
		name->query = q;
		names->asked++;
		errand_dns_ask(names->dns, name->text, q);
	}
}

static void
forget(ErrandNames *names, ErrandName *name)
{
	ErrandName **p = &names->bucket[name->hash % ERRAND_NAMES_BUCKETS];

	while (*p != name)
		p = &(*p)->chain;
	*p = name->chain;
	errand_list_remove(&name->link);
	names->kept--;
	free(name);
}

/* Make room by forgetting what was used least recently and nobody holds. */
static void
make_room(ErrandNames *names)
{
	ErrandLink *l = names->used.next;

	while (names->kept >= ERRAND_NAMES_KEPT && l != &names->used)
	{
		ErrandName *name = errand_container(l, ErrandName, link);

		l = l->next;
		if (name->refs == 0)
			forget(names, name);
	}
}

static ErrandName *
find_or_add(ErrandNames *names, const char *host)
{
	uint32_t hash = hash_text(host);
	ErrandName **bucket = &names->bucket[hash % ERRAND_NAMES_BUCKETS];
	ErrandName *name;
	size_t size = strlen(host) + 1;

	for (name = *bucket; name != NULL; name = name->chain)
		if (name->hash == hash && strcmp(name->text, host) == 0)
			return name;
	make_room(names);
	name = calloc(1, sizeof(ErrandName) + size);
	if (name == NULL)
		return NULL;
	memcpy(name->text, host, size);
	name->hash = hash;
	name->chain = *bucket;
	*bucket = name;
	errand_list_init(&name->unasked);
	errand_list_init(&name->waiters);
	errand_list_push(&names->used, &name->link);
	names->kept++;
	return name;
}

/* Have the name looked up; c-ares may have the answer at once. */
static void
begin(ErrandNames *names, ErrandName *name, int64_t now)
{
	name->state = ERRAND_NAME_PENDING;
	name->deadline_us = now + (int64_t) names->timeout_ms * 1000;
	errand_list_remove(&name->link);
	errand_list_push(&names->pending, &name->link);
	errand_list_push(&names->unasked, &name->unasked);
	errand_names_ask_more(names);
	set_timer(names);
}

bool
errand_names_lookup(ErrandNames *names, const char *host, ErrandWaiter *w)
{
	ErrandName *name = find_or_add(names, host);
	int64_t now = now_us();

	w->name = name;
	if (name == NULL)
		return true;
	name->refs++;
	if (name->state != ERRAND_NAME_PENDING)
	{
		errand_list_remove(&name->link);
		errand_list_push(&names->used, &name->link);
		if (name->expires_us <= now)
			begin(names, name, now);
	}
	if (name->state != ERRAND_NAME_PENDING)
		return true;
	errand_list_push(&name->waiters, &w->link);
	return false;
}

void
errand_names_release(ErrandWaiter *w)
{
	if (w->name == NULL)
		return;
	errand_list_remove(&w->link);
	w->name->refs--;
	w->name = NULL;
}

ErrandNames *
errand_names_create(uv_loop_t *loop, ErrandHandles *handles, const char *servers, int timeout_ms,
					const char **why)
{
	ErrandNames *names = calloc(1, sizeof(ErrandNames));

	if (names == NULL)
	{
		*why = "out of memory";
		return NULL;
	}
	names->loop = loop;
	names->handles = handles;
	names->timeout_ms = timeout_ms;
	errand_list_init(&names->pending);
	errand_list_init(&names->unasked);
	errand_list_init(&names->used);
	names->dns = errand_dns_create(names, loop, handles, servers, timeout_ms, why);
	if (names->dns == NULL)
	{
		free(names);
		return NULL;
	}
	uv_timer_init(loop, &names->timer);
	names->timer.data = names;
	errand_handle_opened(handles);
	return names;
}

bool
errand_names_configure(ErrandNames *names, const char *servers, int timeout_ms, const char **why)
{
	ErrandDns *old = names->dns;
	ErrandDns *dns = errand_dns_create(names, names->loop, names->handles, servers, timeout_ms,
									   why);
	ErrandLink *l;

	if (dns == NULL)
		return false;
	names->timeout_ms = timeout_ms;
	names->rebuilding = true;
	errand_dns_close(old);
	names->rebuilding = false;
	names->dns = dns;
	for (l = names->used.next; l != &names->used; l = l->next)
		errand_container(l, ErrandName, link)->expires_us = 0;
	errand_names_ask_more(names);
	return true;
}

static void
on_names_closed(uv_handle_t *handle)
{
	ErrandNames *names = handle->data;
	ErrandHandles *handles = names->handles;

	free(names);
	errand_handle_closed(handles);
}

void
errand_names_close(ErrandNames *names)
{
	names->rebuilding = true; /* tell nobody */
	errand_dns_close(names->dns);
	while (!errand_list_empty(&names->pending))
		forget(names, errand_container(names->pending.next, ErrandName, link));
	while (!errand_list_empty(&names->used))
		forget(names, errand_container(names->used.next, ErrandName, link));
	uv_close((uv_handle_t *) &names->timer, on_names_closed);
}
