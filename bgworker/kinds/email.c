/*
 * email.c
 *		Kind email: starts, cuts off and takes in messages.
 *
 * Runs in worker processes.  The two callbacks come from the event loop with
 * libuv's frames below: they record and return.
 */
#include "postgres.h"

#include "base/clock.h"
#include "core/mail.h"
#include "core/secret.h"
#include "kinds/email.h"
#include "kinds/email_message.h"
#include "settings.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define MAX_CONNECTIONS 8
#define CONNECT_TIMEOUT_MS 10000
#define DNS_TIMEOUT_MS 10000

static ErrandSmtp *smtp = NULL;
static char missing_secret[ERRAND_SECRET_NAME_MAX + 1] = "";

typedef struct EmailWork
{
	ErrandEmailMessage message;
	ErrandSmtpMail *mail;
	const char *reply; /* in the mail, until it is freed */
	bool over;
} EmailWork;

static const char *
email_start(ErrandRun *run)
{
	MemoryContext old = MemoryContextSwitchTo(run->memory);
	EmailWork *work = palloc0(sizeof(EmailWork));
	ErrandSmtpRequest q = {0};
	const char *why = errand_email_build(run, &work->message);

	MemoryContextSwitchTo(old);
	if (why == NULL && missing_secret[0] != '\0')
		why = psprintf(
			"errand.smtp_user or errand.smtp_password refers to secret://%s, which nobody shares: "
			"errand.set_secret('%s', ..., shared => true)",
			missing_secret, missing_secret);
	if (why != NULL)
		return why;
	q.from = work->message.from;
	q.recipients = work->message.recipients;
	q.n_recipients = work->message.n_recipients;
	q.data = work->message.data;
	q.len = work->message.len;
	q.timeout_ms = run->timeout_ms;
	if (run->has_deadline && run->number == 1)
		q.timeout_ms = Max(1, Min(q.timeout_ms, (run->deadline - errand_clock_now()) / 1000));
	q.connect_timeout_ms = CONNECT_TIMEOUT_MS;
	q.owner = run;
	work->mail = errand_smtp_send(smtp, &q);
	if (work->mail == NULL)
		return "out of memory";
	run->work = work;
	return NULL;
}

static void
email_cancel(ErrandRun *run)
{
	EmailWork *work = run->work;

	if (work != NULL && !work->over)
		errand_smtp_cancel(work->mail);
}

static void
email_release(ErrandRun *run)
{
	EmailWork *work = run->work;

	if (work->mail != NULL && work->over)
		errand_smtp_free(work->mail);
	work->mail = NULL;
}

bool
errand_email_host(char *name, size_t size)
{
	ErrandMailServer server;

	if (!errand_mail_server(errand_smtp_url, &server))
		return false;
	snprintf(name, size, server.ipv6_literal ? "[%.*s]:%d" : "%.*s:%d",
			 (int) Min(server.host_len, 255), server.host, server.port);
	for (char *p = name; *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	return true;
}

static bool
email_host(const ErrandRun *run, char *name, size_t size)
{
	return errand_email_host(name, size);
}

static int
email_room(const ErrandRun *run)
{
	ErrandSmtpStat stat;

	errand_smtp_stat(smtp, &stat);
	return stat.queued > 0 ? -stat.queued : Max(0, stat.max_running - stat.running);
}

static void
push_pair(JsonbParseState **state, const char *name, const char *text)
{
	JsonbValue v = {.type = jbvString};

	v.val.string.val = (char *) name;
	v.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &v);
	v.val.string.val = (char *) text;
	v.val.string.len = strlen(text);
	pushJsonbValue(state, WJB_VALUE, &v);
}

/* {"reply": "250 ...", "message_id": "<...>"} */
static void
email_finish(ErrandRun *run)
{
	EmailWork *work = run->work;
	JsonbParseState *state = NULL;
	MemoryContext old;

	if (work == NULL || !work->over || run->failure != ERRAND_FAIL_NONE)
		return;
	old = MemoryContextSwitchTo(run->memory);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_pair(&state, "reply", work->reply);
	push_pair(&state, "message_id", work->message.message_id);
	run->result = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	MemoryContextSwitchTo(old);
}

const ErrandKind errand_kind_email = {
	.name = "email",
	.start = email_start,
	.cancel = email_cancel,
	.host = email_host,
	.room = email_room,
	.finish = email_finish,
	.release = email_release,
};

static void
mail_started(void *owner)
{
	ErrandRun *run = owner;

	run->started_at = errand_clock_now();
	if (run->state == ERRAND_RUN_QUEUED)
		errand_run_move(run, ERRAND_RUN_STARTED);
}

static void
mail_done(void *owner, ErrandSmtpMail *m, const ErrandSmtpResult *r)
{
	ErrandRun *run = owner;
	EmailWork *work = run->work;

	work->over = true;
	work->reply = r->reply;
	run->failure = r->failure;
	run->status = r->code;
	run->bytes_sent = r->bytes_sent;
	run->timed_out = r->timed_out;
	run->error = r->failure != ERRAND_FAIL_NONE ? r->error : NULL;
	errand_run_over(run);
}

/* Copies go to texts that live as long as the call. */
static void
config_fill(ErrandSmtpConfig *c, const char *user, const char *password)
{
	ErrandMailServer server;

	memset(c, 0, sizeof(*c));
	c->dns_servers = errand_dns_servers;
	c->dns_timeout_ms = DNS_TIMEOUT_MS;
	c->max_connections = MAX_CONNECTIONS;
	if (!errand_mail_server(errand_smtp_url, &server))
		return;
	c->tls = server.tls;
	c->host = pnstrdup(server.host, server.host_len);
	c->ipv6_literal = server.ipv6_literal;
	c->port = server.port;
	c->helo = server.helo_len > 0 ? pnstrdup(server.helo, server.helo_len) : NULL;
	c->user = user;
	c->password = password;
	c->ca_file = errand_smtp_ca_file;
}

void
errand_email_init(uv_loop_t *loop)
{
	ErrandSmtpConfig c;
	const char *why = NULL;

	config_fill(&c, NULL, NULL);
	smtp = errand_smtp_create(loop, &c, mail_started, mail_done, &why);
	if (smtp == NULL)
		ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not set up mail: %s", why ? why : "")));
}

void
errand_email_configure(const char *user, const char *password, const char *missing)
{
	ErrandSmtpConfig c;

	strlcpy(missing_secret, missing != NULL ? missing : "", sizeof(missing_secret));
	config_fill(&c, user, password);
	errand_smtp_configure(smtp, &c);
}

void
errand_email_stat(ErrandSmtpStat *stat)
{
	errand_smtp_stat(smtp, stat);
}
