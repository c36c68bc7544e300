/*
 * notices.c
 *		Keeps what a handler tells: NOTICE, WARNING and the like.
 *
 * Runs in executors.  PostgreSQL sends such messages to its client; here the
 * client is this file.  It must never raise an error: it is called while one
 * is being reported.
 */
#include "postgres.h"

/* Their headers are not on every machine, and nothing here looks into a Port. */
#undef ENABLE_GSS
#undef USE_OPENSSL
#include "exec/notices.h"
#include "libpq/libpq.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"

#define MAX_NOTICES 100
#define MAX_BYTES 8192 /* of all texts together */

typedef struct Notice
{
	char severity[16];
	char sqlstate[8];
	int at; /* of its text */
} Notice;

static Notice notices[MAX_NOTICES];
static char texts[MAX_BYTES];
static int n_notices = 0;
static int n_bytes = 0;

static void
comm_reset(void)
{
}

static int
flush_nothing(void)
{
	return 0;
}

static bool
send_pending(void)
{
	return false;
}

/* Fields of a NoticeResponse: a letter and a text each, a zero at the end. */
static void
keep(const char *s, size_t len)
{
	Notice *n = &notices[n_notices];
	const char *end = s + len;
	const char *text = "";

	n->severity[0] = n->sqlstate[0] = '\0';
	while (s < end && *s != '\0')
	{
		char field = *s++;
		size_t room = strnlen(s, end - s);

		if (field == 'V')
			strlcpy(n->severity, s, sizeof(n->severity));
		else if (field == 'C')
			strlcpy(n->sqlstate, s, sizeof(n->sqlstate));
		else if (field == 'M')
			text = s;
		s += room + 1;
	}
	if (n_bytes + strlen(text) + 1 > MAX_BYTES)
		return;
	n->at = n_bytes;
	strcpy(texts + n_bytes, text);
	n_bytes += strlen(text) + 1;
	n_notices++;
}

static int
put_message(char type, const char *s, size_t len)
{
	if (type == 'N' && n_notices < MAX_NOTICES)
		keep(s, len);
	return 0;
}

static void
put_message_noblock(char type, const char *s, size_t len)
{
	(void) put_message(type, s, len);
}

static const PQcommMethods methods = {
	.comm_reset = comm_reset,
	.flush = flush_nothing,
	.flush_if_writable = flush_nothing,
	.is_send_pending = send_pending,
	.putmessage = put_message,
	.putmessage_noblock = put_message_noblock,
};

void
errand_notices_init(void)
{
	PqCommMethods = &methods;
	whereToSendOutput = DestRemote;
	FrontendProtocol = PG_PROTOCOL_LATEST;
}

void
errand_notices_begin(void)
{
	n_notices = n_bytes = 0;
}

int
errand_notices_count(void)
{
	return n_notices;
}

static void
push_text(JsonbParseState **state, const char *name, const char *text)
{
	JsonbValue v = {.type = jbvString};

	v.val.string.val = (char *) name;
	v.val.string.len = strlen(name);
	pushJsonbValue(state, WJB_KEY, &v);
	v.val.string.val = (char *) text;
	v.val.string.len = strlen(text);
	pushJsonbValue(state, WJB_VALUE, &v);
}

void
errand_notices_push(JsonbParseState **state)
{
	pushJsonbValue(state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n_notices; i++)
	{
		pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
		push_text(state, "severity", notices[i].severity);
		push_text(state, "sqlstate", notices[i].sqlstate);
		push_text(state, "message", texts + notices[i].at);
		pushJsonbValue(state, WJB_END_OBJECT, NULL);
	}
	pushJsonbValue(state, WJB_END_ARRAY, NULL);
}
