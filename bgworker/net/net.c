/*-------------------------------------------------------------------------
 *
 * net.c
 *	  The process's network: configuration, counters, and the turn in which
 *	  everything that can go on does.
 *
 * Runs in the errand worker.  The turn comes after libuv has polled (and before
 * it, if something is due at once), with no frames of curl or c-ares on the
 * stack.  Only from it are owners called back.  Must never turn the loop.
 *
 *-------------------------------------------------------------------------
 */
#include <stdlib.h>
#include <string.h>

#include <ares.h>

#include "net/internal.h"

/* Names may be looked up for this many beside those that are in curl. */
static int
max_resolving(const ErrandNet *n)
{
	return n->max_in_flight > 256 ? n->max_in_flight : 256;
}

/* Take out of curl what is finished there. */
static void
collect(ErrandNet *n)
{
	CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(n->multi, &left)) != NULL)
	{
		CURLcode code = msg->data.result;
		char *transfer = NULL;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &transfer);
		errand_transfer_ended((ErrandTransfer *) transfer, code);
	}
}

static void
deliver(ErrandNet *n)
{
	ErrandLink *l;

	while ((l = errand_list_pop(&n->finished)) != NULL)
	{
		ErrandTransfer *t = errand_container(l, ErrandTransfer, link);

		t->state = ERRAND_T_DELIVERED;
		n->done(t->req.owner, t, &t->resp);
	}
}

static bool
may_begin(const ErrandNet *n)
{
	return n->in_curl < n->max_in_flight && errand_list_empty(&n->waiting) &&
		   n->resolving < max_resolving(n);
}

/* Move on what waited for a name, for a place in curl, for its turn. */
static void
pump(ErrandNet *n)
{
	ErrandLink *l;
	ErrandTransfer *t;

	while ((l = errand_list_pop(&n->resolved)) != NULL)
		errand_transfer_hop(errand_container(l, ErrandTransfer, link));
	while (n->in_curl < n->max_in_flight && (l = errand_list_pop(&n->waiting)) != NULL)
		errand_transfer_run(errand_container(l, ErrandTransfer, link));
	while (may_begin(n) && (t = errand_nethost_next(n)) != NULL)
		errand_transfer_begin(t);
}

static bool
work_left(const ErrandNet *n)
{
	return !errand_list_empty(&n->finished) || !errand_list_empty(&n->resolved) ||
		   (may_begin(n) && !errand_list_empty(&n->hosts_ready));
}

/*
 * Curl sends at once what was just started, and some of that is over at once,
 * so go round a second time; what is left then waits for the loop, so that its
 * owner is not kept from other work.
 */
static void
turn(ErrandNet *n)
{
	bool again = true;

	for (int round = 0; round < 2 && again; round++)
	{
		collect(n);
		deliver(n);
		pump(n);
		again = errand_netsockets_kick(n);
	}
	if (again || work_left(n))
		errand_net_wake(n);
	else
		uv_idle_stop(&n->idle);
}

static void
on_idle(uv_idle_t *idle)
{
	turn(idle->data);
}

static void
on_check(uv_check_t *check)
{
	turn(check->data);
}

/* Have a turn without sleeping first. */
void
errand_net_wake(ErrandNet *n)
{
	if (!uv_is_active((uv_handle_t *) &n->idle) && !n->closing)
		uv_idle_start(&n->idle, on_idle);
}

static char *
copy_text(const char *s)
{
	return s != NULL && s[0] != '\0' ? strdup(s) : NULL;
}

static bool
same_list(const ErrandNet *n, const ErrandNetConfig *c)
{
	return n->n_allow == c->n_allow &&
		   (c->n_allow == 0 ||
			memcmp(n->allow, c->allow, (size_t) c->n_allow * sizeof(ErrandCidr)) == 0);
}

/* Take over the allow list: into memory that is there, since without it nothing would be allowed. */
static void
take_allow_list(ErrandNet *n, const ErrandNetConfig *c)
{
	n->n_allow = c->n_allow < ERRAND_ALLOW_MAX ? c->n_allow : ERRAND_ALLOW_MAX;
	if (n->n_allow > 0)
		memcpy(n->allow, c->allow, (size_t) n->n_allow * sizeof(ErrandCidr));
}

static void
take_settings(ErrandNet *n, const ErrandNetConfig *c)
{
	n->max_in_flight = c->max_in_flight > 0 ? c->max_in_flight : 1;
	n->host_max_running = c->host_max_running > 0 ? c->host_max_running : 1;
	free(n->user_agent);
	free(n->ca_file);
	n->user_agent = copy_text(c->user_agent);
	n->ca_file = copy_text(c->ca_file);

	/* fewer would close connections that the next request wants */
	curl_multi_setopt(n->multi, CURLMOPT_MAXCONNECTS,
					  (long) n->max_in_flight + n->max_in_flight / 4 + 16);
}

static int
dns_timeout(const ErrandNetConfig *c)
{
	return c->dns_timeout_ms > 0 ? c->dns_timeout_ms : 5000;
}

static ErrandNet *
make_net(uv_loop_t *loop)
{
	ErrandNet *n = calloc(1, sizeof(ErrandNet));

	if (n == NULL)
		return NULL;
	n->loop = loop;
	errand_list_init(&n->all);
	errand_list_init(&n->resolved);
	errand_list_init(&n->waiting);
	errand_list_init(&n->finished);
	errand_list_init(&n->pool);
	if (!errand_nethosts_create(n) || !errand_netsockets_create(n))
	{
		errand_nethosts_free(n);
		free(n);
		return NULL;
	}
	return n;
}

static void
start_handles(ErrandNet *n)
{
	uv_timer_init(n->loop, &n->curl_timer);
	uv_idle_init(n->loop, &n->idle);
	uv_check_init(n->loop, &n->check);
	n->curl_timer.data = n->idle.data = n->check.data = n;
	n->handles.open += 3;
	uv_check_start(&n->check, on_check);
}

ErrandNet *
errand_net_create(uv_loop_t *loop, const ErrandNetConfig *c, ErrandTransferStarted started,
				  ErrandTransferDone done, const char **why)
{
	ErrandNet *n;

	*why = "out of memory";
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS || (n = make_net(loop)) == NULL)
		return NULL;
	n->started = started;
	n->done = done;
	n->names = errand_names_create(loop, &n->handles, c->dns_servers, dns_timeout(c), why);
	if (n->names == NULL)
	{
		curl_multi_cleanup(n->multi);
		errand_nethosts_free(n);
		free(n);
		return NULL;
	}
	start_handles(n);
	take_settings(n, c);
	take_allow_list(n, c);
	*why = NULL;
	return n;
}

void
errand_net_configure(ErrandNet *n, const ErrandNetConfig *c)
{
	n->warning = NULL;
	n->config_version++;
	take_settings(n, c);
	if (!errand_names_configure(n->names, c->dns_servers, dns_timeout(c), &n->warning))
		n->warning = "the list of DNS servers cannot be used";
	if (!same_list(n, c))
	{
		take_allow_list(n, c);
		errand_netsockets_recheck(n);
	}
	errand_nethosts_limit_changed(n);
	errand_net_wake(n);
}

const char *
errand_net_warning(const ErrandNet *n)
{
	return n->warning;
}

static void
on_all_closed(ErrandHandles *handles)
{
	ErrandNet *n = errand_container(handles, ErrandNet, handles);

	free(n->sockets);
	free(n->easy);
	free(n->user_agent);
	free(n->ca_file);
	free(n);
}

static void
on_handle_closed(uv_handle_t *handle)
{
	ErrandNet *n = handle->data;

	errand_handle_closed(&n->handles);
}

void
errand_net_destroy(ErrandNet *n)
{
	n->closing = true;
	while (!errand_list_empty(&n->all))
		errand_transfer_destroy(errand_container(n->all.next, ErrandTransfer, all));
	while (!errand_list_empty(&n->pool))
		errand_transfer_destroy(errand_container(n->pool.next, ErrandTransfer, link));
	for (int i = 0; i < n->n_easy; i++)
		curl_easy_cleanup(n->easy[i]);
	curl_multi_cleanup(n->multi);
	errand_netsockets_close(n);
	errand_names_close(n->names);
	errand_neturls_free(n);
	errand_nethosts_free(n);
	errand_netproxies_free(n);
	n->handles.none = on_all_closed;
	uv_close((uv_handle_t *) &n->curl_timer, on_handle_closed);
	uv_close((uv_handle_t *) &n->idle, on_handle_closed);
	uv_close((uv_handle_t *) &n->check, on_handle_closed);
}
