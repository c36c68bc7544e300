/*
 * http.c
 *		Kind http: starts, cuts off and takes in transfers.
 *
 * Runs in worker processes.  The two callbacks come from the event loop with
 * libuv's frames below: they record and return.
 */
#include "postgres.h"

#include <sys/resource.h>

#include "base/clock.h"
#include "contract.h"
#include "core/policy.h"
#include "core/url.h"
#include "kinds/http.h"
#include "kinds/http_cache.h"
#include "kinds/http_pages.h"
#include "kinds/http_request.h"
#include "kinds/http_secrets.h"
#include "kinds/kind_key.h"
#include "lib/stringinfo.h"
#include "queue/chunks.h"
#include "settings.h"
#include "storage/fd.h"
#include "utils/memutils.h"

static ErrandNet *net = NULL;
static int in_flight_limit = 1;

/* A user's key as a structured-field string; what it cannot hold is percent-encoded. */
static void
quote_key(StringInfo s, const ErrandRun *run)
{
	appendStringInfoChar(s, '"');
	for (const unsigned char *p = (const unsigned char *) run->key; *p; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfoChar(s, '\\');
		if (*p >= 0x20 && *p < 0x7f)
			appendStringInfoChar(s, *p);
		else
			appendStringInfo(s, "%%%02X", *p);
	}
	if (run->number > 1)
		appendStringInfo(s, "/%d", run->number);
	appendStringInfoChar(s, '"');
}

/*
 * The key of all attempts of a run: the user's, or one that nobody can guess
 * and that a restart makes again.  Quotes included.
 */
static char *
idempotency_key(const ErrandRun *run)
{
	static const char hex[] = "0123456789abcdef";
	StringInfoData s;
	uint8 digest[ERRAND_RUN_KEY_BYTES];

	initStringInfo(&s);
	if (run->key != NULL)
	{
		quote_key(&s, run);
		return s.data;
	}
	errand_run_key(run, "", digest);
	digest[6] = (digest[6] & 0x0f) | 0x40;
	digest[8] = (digest[8] & 0x3f) | 0x80;
	appendStringInfoChar(&s, '"');
	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			appendStringInfoChar(&s, '-');
		appendStringInfoChar(&s, hex[digest[i] >> 4]);
		appendStringInfoChar(&s, hex[digest[i] & 15]);
	}
	appendStringInfoChar(&s, '"');
	return s.data;
}

/* No attempt outlives the task's deadline. */
static void
clip_to_deadline(const ErrandRun *run, ErrandRequest *q)
{
	int64 left;

	if (!run->has_deadline || run->number > 1)
		return;
	left = (run->deadline - errand_clock_now()) / 1000;
	q->timeout_ms = Max(1, Min(q->timeout_ms, left));
}

static const char *
http_start(ErrandRun *run)
{
	MemoryContext old;
	HttpWork *work;
	const char *why;

	if (errand_http_cache_answer(run))
		return NULL;
	old = MemoryContextSwitchTo(run->memory);
	work = palloc0(sizeof(HttpWork));
	why = errand_http_build(run, idempotency_key(run), &work->request, &work->discard);
	MemoryContextSwitchTo(old);
	if (why != NULL)
		return why;
	clip_to_deadline(run, &work->request);
	work->request.host_max_running = run->host_max_running;
	errand_http_cache_condition(run, &work->request);
	errand_http_pages_start(run, work);
	work->request.wall_offset_us = errand_clock_now() +
								   (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY -
								   errand_clock_monotonic();
	work->transfer = errand_transfer_start(net, &work->request);
	if (work->transfer == NULL)
		return "out of memory";
	run->work = work;
	if (run->chunked)
		errand_chunks_watch(run, work->transfer);
	return NULL;
}

static void
http_cancel(ErrandRun *run)
{
	HttpWork *work = run->work;

	if (work != NULL && !work->over && !errand_http_pages_cancel(run, work))
		errand_transfer_cancel(work->transfer);
}

static void
http_release(ErrandRun *run)
{
	HttpWork *work = run->work;

	errand_chunks_unwatch(run);
	errand_http_pages_release(work);
	if (work->transfer != NULL && work->over)
	{
		errand_transfer_free(work->transfer);
		errand_http_secrets_wipe(run, &work->request);
	}
	work->transfer = NULL;
}

/* The next page, or what a 304 stands for. */
static bool
http_more(ErrandRun *run)
{
	HttpWork *work = run->work;

	if (work == NULL)
		return false;
	errand_http_cache_take(run);
	return work->pages != NULL && errand_http_pages_next(run, work);
}

/* name:port in lower case, as the network names its hosts. */
static bool
http_host(const ErrandRun *run, char *name, size_t size)
{
	JsonbValue *v;
	ErrandUrlParts parts;

	if (run->payload == NULL || !JB_ROOT_IS_OBJECT(run->payload))
		return false;
	v = getKeyJsonValueFromContainer(&run->payload->root, "url", 3, NULL);
	if (v == NULL || v->type != jbvString ||
		!errand_url_split(v->val.string.val, v->val.string.len, &parts))
		return false;
	snprintf(name, size, parts.ipv6_literal ? "[%.*s]:%d" : "%.*s:%d",
			 (int) Min(parts.host_len, 260), parts.host, parts.port);
	for (char *p = name; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	return true;
}

static int
http_room(const ErrandRun *run)
{
	char name[300];
	int room;

	if (!http_host(run, name, sizeof(name)))
		return 0;
	room = errand_net_host_free(net, name);
	return room > 0 ? room : -errand_net_host_queued(net, name);
}

const ErrandKind errand_kind_http = {
	.name = "http",
	.start = http_start,
	.cancel = http_cancel,
	.release = http_release,
	.host = http_host,
	.room = http_room,
	.more = http_more,
};

static void
transfer_started(void *owner)
{
	ErrandRun *run = owner;

	if (run->state != ERRAND_RUN_QUEUED)
		return; /* a further page */
	run->started_at = errand_clock_now();
	errand_run_move(run, ERRAND_RUN_STARTED);
}

static void
take_timings(ErrandRun *run, const ErrandResponse *r)
{
	run->has_timings = r->started_us != 0;
	run->timing_us[0] = Max(r->dns_us, 0);
	run->timing_us[1] = Max(r->connect_us, 0);
	run->timing_us[2] = Max(r->tls_us, 0);
	run->timing_us[3] = Max(r->wait_us, 0);
	run->timing_us[4] = Max(r->transfer_us, 0);
}

/* What came back stays in the transfer's buffers until the settle. */
static void
transfer_done(void *owner, ErrandTransfer *t, const ErrandResponse *r)
{
	ErrandRun *run = owner;
	HttpWork *work = run->work;

	errand_chunks_unwatch(run);
	work->over = true;
	work->url = r->url;
	if (work->started_us == 0)
		work->started_us = r->started_us;
	run->failure = r->failure;
	run->status = r->status;
	run->bytes_sent = r->bytes_sent;
	run->timed_out = r->timed_out;
	run->retry_after_ms = r->retry_after_ms;
	run->error = r->failure != ERRAND_FAIL_NONE ? r->error : NULL;
	run->hint = r->hint[0] ? r->hint : NULL;
	run->content_type = r->content_type;
	run->head = r->head;
	run->head_len = r->head_len;
	run->has_body = r->status != 0 && !work->discard && !run->chunked;
	run->body = r->body;
	run->body_len = r->body_len;
	take_timings(run, r);
	errand_run_over(run);
}

/* What the descriptor limit allows of errand.max_in_flight; PostgreSQL keeps its share. */
static int
limit_in_flight(void)
{
	static int64 told = 0;
	struct rlimit limit;
	rlim_t wanted;
	int64 most;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return errand_max_in_flight;
	wanted = (rlim_t) errand_max_in_flight + max_files_per_process + 64;
	if (limit.rlim_cur < wanted)
	{
		/* The usual soft limit of 1024 is for programs that call select(). */
		limit.rlim_cur = Min(wanted, limit.rlim_max);
		(void) setrlimit(RLIMIT_NOFILE, &limit);
		(void) getrlimit(RLIMIT_NOFILE, &limit);
	}
	most = Max(16, (int64) limit.rlim_cur - Min(max_files_per_process, (int64) limit.rlim_cur / 2) -
					   64);
	if (errand_max_in_flight <= most)
		return errand_max_in_flight;
	if (told != most)
		ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
						  errmsg("errand.max_in_flight is lowered to %d", (int) most),
						  errdetail("The process may open %d files.", (int) limit.rlim_cur),
						  errhint("Raise the limit of open files (ulimit -n, LimitNOFILE).")));
	told = most;
	return most;
}

static void
config_fill(ErrandNetConfig *c, ErrandCidr *allow)
{
	const char *bad = NULL;
	size_t bad_len = 0;
	int n = 0;

	memset(c, 0, sizeof(*c));
	if (errand_allow_networks[0] != '\0')
		n = errand_policy_parse(errand_allow_networks, allow, ERRAND_ALLOW_MAX, &bad, &bad_len);
	c->max_in_flight = in_flight_limit = limit_in_flight();
	/* The cap is for all workers; only those of define_host() are counted together. */
	c->host_max_running = Max(1, (errand_host_max_running + errand_workers - 1) / errand_workers);
	c->max_buffered = (size_t) errand_memory_limit * 1024;
	c->allow = allow;
	c->n_allow = Max(n, 0);
	c->user_agent = errand_user_agent[0] ? errand_user_agent : "pg_errand/" ERRAND_VERSION;
	c->dns_servers = errand_dns_servers;
	c->dns_timeout_ms = 10000;
	c->ca_file = errand_ca_file;
}

void
errand_http_init(uv_loop_t *loop, const char *instance_secret)
{
	ErrandNetConfig c;
	ErrandCidr allow[ERRAND_ALLOW_MAX];
	const char *why = NULL;

	errand_run_key_secret(instance_secret);
	config_fill(&c, allow);
	net = errand_net_create(loop, &c, transfer_started, transfer_done, &why);
	if (net == NULL)
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not set up the network: %s", why ? why : "")));
	errand_http_pages_init(loop, net);
}

void
errand_http_secret(const char *instance_secret)
{
	errand_run_key_secret(instance_secret);
}

void
errand_http_configure(void)
{
	ErrandNetConfig c;
	ErrandCidr allow[ERRAND_ALLOW_MAX];

	config_fill(&c, allow);
	errand_net_configure(net, &c);
	if (errand_net_warning(net) != NULL)
		ereport(WARNING, (errmsg("%s", errand_net_warning(net))));
}

int
errand_in_flight_limit(void)
{
	return in_flight_limit;
}

ErrandNet *
errand_http_net(void)
{
	return net;
}
