/*
 * email_message.c
 *		Builds the message of an e-mail task from its payload.
 *
 * Runs in worker processes.  The payload was checked at submit; a row that was
 * edited since is checked again, and refused, not sent.
 */
#include "postgres.h"

#include "base/clock.h"
#include "core/mail_text.h"
#include "kinds/email_message.h"
#include "kinds/kind_key.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "settings.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

typedef struct Builder
{
	ErrandRun *run;
	ErrandMail mail;
	const char *why;
	ErrandMailAddress all[ERRAND_MAIL_RECIPIENTS_MAX]; /* to, cc, bcc */
	int n_all;
} Builder;

static JsonbValue *
field(const Builder *b, const char *name)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&b->run->payload->root, name, strlen(name), NULL);

	return v == NULL || v->type == jbvNull ? NULL : v;
}

static ErrandMailBytes
bytes_of(const Builder *b, const char *name)
{
	JsonbValue *v = field(b, name);
	ErrandMailBytes bytes = {0};

	if (v != NULL && v->type == jbvString)
	{
		bytes.data = v->val.string.val;
		bytes.len = v->val.string.len;
	}
	return bytes;
}

static void
take_address(Builder *b, const JsonbValue *v, ErrandMailAddress *a)
{
	if (v->type != jbvString || !errand_mail_address(v->val.string.val, v->val.string.len, a))
		b->why = "it has what is no address";
}

/* An array of addresses to the end of all; returns how many. */
static int
take_addresses(Builder *b, const char *name)
{
	JsonbValue *v = field(b, name);
	int first = b->n_all;
	int n;

	if (v == NULL)
		return 0;
	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
	{
		b->why = "it has what is no array of addresses";
		return 0;
	}
	n = JsonContainerSize(v->val.binary.data);
	if (n > ERRAND_MAIL_RECIPIENTS_MAX - b->n_all)
	{
		b->why = "it has too many recipients";
		return 0;
	}
	for (int i = 0; i < n; i++)
		take_address(b, getIthJsonbValueFromContainer(v->val.binary.data, i), &b->all[b->n_all++]);
	return b->n_all - first;
}

static void
take_sender(Builder *b)
{
	JsonbValue *sender = field(b, "sender");
	JsonbValue *reply_to = field(b, "reply_to");
	size_t len = strlen(errand_smtp_from);
	char *setting = pnstrdup(errand_smtp_from, len);

	if (sender != NULL)
		take_address(b, sender, &b->mail.from);
	else if (!errand_mail_address(setting, len, &b->mail.from))
		b->why = "it has no sender, and errand.smtp_from is not set";
	else if (!pg_verifymbstr(setting, len, true))
		b->mail.from.name_len = 0; /* a file's bytes are in any encoding */
	if (reply_to != NULL)
		take_address(b, reply_to, &b->mail.reply_to);
}

static void
take_headers(Builder *b)
{
	JsonbValue *v = field(b, "headers");
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;
	ErrandMailHeader *list;
	int n = 0;

	if (v == NULL || v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		return;
	list = palloc0(sizeof(ErrandMailHeader) * (JsonContainerSize(v->val.binary.data) + 1));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			list[n].name = (ErrandMailBytes){item.val.string.val, item.val.string.len};
		if (token != WJB_VALUE || item.type != jbvString)
			continue;
		list[n].value = (ErrandMailBytes){item.val.string.val, item.val.string.len};
		if (!errand_mail_header_ok(list[n].name.data, list[n].name.len) ||
			!errand_mail_line_ok(list[n].value.data, list[n].value.len, ERRAND_MAIL_VALUE_MAX))
			b->why = "it has a header that cannot be sent";
		n++;
	}
	b->mail.headers = list;
	b->mail.n_headers = n;
}

static ErrandMailBytes
string_in(JsonbContainer *c, const char *name)
{
	JsonbValue *v = getKeyJsonValueFromContainer(c, name, strlen(name), NULL);
	ErrandMailBytes bytes = {0};

	if (v != NULL && v->type == jbvString)
		bytes = (ErrandMailBytes){v->val.string.val, v->val.string.len};
	return bytes;
}

static void
take_file(Builder *b, const JsonbValue *v, ErrandMailFile *f)
{
	ErrandMailBytes encoded;
	char *decoded;
	int64 n;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
	{
		b->why = "it has an attachment that is no object";
		return;
	}
	f->name = string_in(v->val.binary.data, "filename");
	f->type = string_in(v->val.binary.data, "content_type");
	f->content = string_in(v->val.binary.data, "content");
	if (f->type.data == NULL)
		f->type = (ErrandMailBytes){"application/octet-stream", 24};
	if (!errand_mail_filename_ok(f->name.data, f->name.len) ||
		!errand_mail_type_ok(f->type.data, f->type.len))
		b->why = "it has an attachment that cannot be sent";
	encoded = string_in(v->val.binary.data, "content_base64");
	if (encoded.data == NULL)
		return;
	decoded = palloc(encoded.len / 4 * 3 + 4);
	n = errand_mail_base64_decode(encoded.data, encoded.len, decoded);
	if (n < 0)
		b->why = "it has an attachment that is not base64";
	f->content = (ErrandMailBytes){decoded, Max(n, 0)};
}

static void
take_files(Builder *b)
{
	JsonbValue *v = field(b, "attachments");
	ErrandMailFile *files;
	int n;

	if (v == NULL || v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		return;
	n = JsonContainerSize(v->val.binary.data);
	files = palloc0(sizeof(ErrandMailFile) * (n + 1));
	for (int i = 0; i < n; i++)
		take_file(b, getIthJsonbValueFromContainer(v->val.binary.data, i), &files[i]);
	b->mail.files = files;
	b->mail.n_files = n;
}

/* As "Thu, 1 Jan 1970 00:00:00 +0000". */
static char *
date_now(void)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
										 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	pg_time_t now = timestamptz_to_time_t(errand_clock_now());
	struct pg_tm *tm = pg_gmtime(&now);

	return psprintf("%s, %d %s %d %02d:%02d:%02d +0000", days[tm->tm_wday], tm->tm_mday,
					months[tm->tm_mon], tm->tm_year + 1900, tm->tm_hour, tm->tm_min, tm->tm_sec);
}

/* The Message-ID is the same for all attempts of a run, and so is the boundary. */
static void
make_names(Builder *b, ErrandEmailMessage *m)
{
	uint8 digest[ERRAND_RUN_KEY_BYTES];
	char hex[65];
	const char *domain;
	size_t len;

	errand_run_key(b->run, "/mail", digest);
	for (int i = 0; i < ERRAND_RUN_KEY_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	domain = errand_mail_domain(&b->mail.from, &len);
	m->message_id = psprintf("<%.32s@%.*s>", hex, (int) len, domain);
	b->mail.message_id = m->message_id;
	b->mail.boundary = psprintf("%.32s", hex + 32);
	b->mail.date = date_now();
}

/* What the texts of this database are written in. */
static const char *
charset(void)
{
	const char *name;

	if (GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII)
		return "utf-8";
	name = get_encoding_name_for_icu(GetDatabaseEncoding());
	return name != NULL ? name : "utf-8";
}

static void
write_message(Builder *b, ErrandEmailMessage *m)
{
	ErrandMailText t = {0};

	errand_mail_write(&t, &b->mail);
	if (t.len >= MaxAllocSize)
	{
		b->why = "it is too large";
		return;
	}
	m->len = t.len;
	m->data = palloc(t.len + 1);
	t = (ErrandMailText){.data = m->data, .size = m->len};
	errand_mail_write(&t, &b->mail);
	if (!errand_mail_wire_ok(m->data, m->len))
		b->why = "it cannot be written as a mail";
}

static void
make_envelope(const Builder *b, ErrandEmailMessage *m)
{
	m->from = pnstrdup(b->mail.from.spec, b->mail.from.spec_len);
	m->recipients = palloc(sizeof(char *) * (b->n_all + 1));
	for (int i = 0; i < b->n_all; i++)
		m->recipients[i] = pnstrdup(b->all[i].spec, b->all[i].spec_len);
	m->n_recipients = b->n_all;
}

const char *
errand_email_build(ErrandRun *run, ErrandEmailMessage *m)
{
	Builder *b;

	if (!JB_ROOT_IS_OBJECT(run->payload))
		return "its payload is not an object";
	b = palloc0(sizeof(Builder));
	b->run = run;
	b->mail.to = b->all;
	b->mail.n_to = take_addresses(b, "recipient");
	b->mail.cc = b->all + b->n_all;
	b->mail.n_cc = take_addresses(b, "cc");
	(void) take_addresses(b, "bcc");
	take_sender(b);
	b->mail.subject = bytes_of(b, "subject");
	b->mail.text = bytes_of(b, "body");
	b->mail.html = bytes_of(b, "html");
	b->mail.charset = charset();
	take_headers(b);
	take_files(b);
	if (b->mail.n_to == 0 && b->why == NULL)
		b->why = "it has no recipient";
	if (!errand_mail_line_ok(b->mail.subject.data, b->mail.subject.len, ERRAND_MAIL_SUBJECT_MAX))
		b->why = "its subject cannot be sent";
	if (b->why != NULL)
		return b->why;
	make_names(b, m);
	make_envelope(b, m);
	write_message(b, m);
	return b->why;
}
