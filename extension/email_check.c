/*
 * email_check.c
 *		Checks the payload of e-mail tasks.
 *
 * Runs in every backend, at submit.  Whatever it lets pass is sent as it is: a
 * line break in a subject or a second recipient in an address must end here.
 */
#include "postgres.h"

#include "compat.h"
#include "core/mail.h"
#include "email_check.h"
#include "settings.h"
#include "utils/builtins.h"

#define BAD_ARGUMENT errcode(ERRCODE_INVALID_PARAMETER_VALUE)

/* What is counted while a payload is walked over. */
typedef struct Seen
{
	int recipients;
	int64 attached; /* bytes */
	bool to;
	bool subject;
	bool sender;
} Seen;

static void
need_string(const JsonbValue *v, const char *what)
{
	if (v->type != jbvString)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of an e-mail must be a string", what),
						errhint("Put it in double quotes.")));
}

static void
check_address(const JsonbValue *v, const char *what, Seen *seen)
{
	ErrandMailAddress a;

	need_string(v, what);
	if (!errand_mail_address(v->val.string.val, v->val.string.len, &a))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" holds what is no address", what),
						errhint("One address each, in ASCII, as ann@example.com or Ann Lee <ann@example.com>; "
								"a name with a comma stands in double quotes.")));
	seen->sender |= strcmp(what, "sender") == 0;
}

static void
check_addresses(const JsonbValue *v, const char *what, Seen *seen)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"%s\" of an e-mail must be an array of addresses", what),
						errhint("Such as [\"ann@example.com\"].")));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		check_address(&item, what, seen);
		seen->to |= strcmp(what, "recipient") == 0;
		if (++seen->recipients > ERRAND_MAIL_RECIPIENTS_MAX)
			ereport(ERROR, (BAD_ARGUMENT, errmsg("an e-mail has at most %d recipients", ERRAND_MAIL_RECIPIENTS_MAX),
							errhint("Submit several.")));
	}
}

static void
check_subject(const JsonbValue *v, const char *what, Seen *seen)
{
	need_string(v, what);
	if (!errand_mail_line_ok(v->val.string.val, v->val.string.len, ERRAND_MAIL_SUBJECT_MAX))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the subject cannot be sent"),
						errhint("It has no line breaks or other control characters and at most %d bytes.",
								ERRAND_MAIL_SUBJECT_MAX)));
	seen->subject = true;
}

static void
check_text(const JsonbValue *v, const char *what, Seen *seen)
{
	need_string(v, what);
}

static void
check_headers(const JsonbValue *v, const char *what, Seen *seen)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("\"headers\" of an e-mail must be an object"),
						errhint("Such as {\"X-Campaign\": \"spring\"}.")));
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY && !errand_mail_header_ok(item.val.string.val, item.val.string.len))
			ereport(ERROR, (BAD_ARGUMENT, errmsg("header \"%.*s\" cannot be set", Min(item.val.string.len, 70), item.val.string.val),
							errhint("Names have letters, digits and dashes; addresses, subject, date and "
									"Content-* are made from the other arguments.")));
		if (token != WJB_VALUE)
			continue;
		need_string(&item, what);
		if (!errand_mail_line_ok(item.val.string.val, item.val.string.len, ERRAND_MAIL_VALUE_MAX))
			ereport(ERROR, (BAD_ARGUMENT, errmsg("the value of a header cannot be sent"),
							errhint("It has no line breaks or other control characters and at most %d bytes.",
									ERRAND_MAIL_VALUE_MAX)));
	}
}

static void
bad_attachment(const char *why)
{
	ereport(ERROR, (BAD_ARGUMENT, errmsg("an attachment cannot be sent: %s", why),
					errhint("Such as {\"filename\": \"a.csv\", \"content_type\": \"text/csv\", \"content\": \"...\"}, "
							"or content_base64 for bytes.")));
}

/* One key of an attachment. */
static void
check_attached(const JsonbValue *key, const JsonbValue *v, bool *named, int64 *size)
{
	const char *k = key->val.string.val;
	int k_len = key->val.string.len;
	int64 n = 0;

	if (v->type != jbvString)
		bad_attachment("its values are strings");
	if (k_len == 8 && memcmp(k, "filename", 8) == 0)
	{
		*named = true;
		if (!errand_mail_filename_ok(v->val.string.val, v->val.string.len))
			bad_attachment(
				"its file name is empty, too long, or has controls, slashes, quotes or brackets");
	}
	else if (k_len == 12 && memcmp(k, "content_type", 12) == 0)
	{
		if (!errand_mail_type_ok(v->val.string.val, v->val.string.len))
			bad_attachment("its content type is not type/subtype, or is one that contains others");
	}
	else if (*size >= 0)
		bad_attachment("it has one content, and filename and content_type beside it");
	else if (k_len == 7 && memcmp(k, "content", 7) == 0)
		*size = v->val.string.len;
	else if (k_len == 14 && memcmp(k, "content_base64", 14) == 0)
	{
		n = errand_mail_base64_decode(v->val.string.val, v->val.string.len, NULL);
		if (n < 0)
			bad_attachment("content_base64 is not base64");
		*size = n;
	}
	else
		bad_attachment("it has filename, content_type, and content or content_base64");
}

static int64
check_attachment(const JsonbValue *v)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbValue key = {0};
	JsonbIteratorToken token;
	bool named = false;
	int64 size = -1;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		bad_attachment("it is not an object");
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = item;
		else if (token == WJB_VALUE && item.type != jbvNull)
			check_attached(&key, &item, &named, &size);
	}
	if (!named || size < 0)
		bad_attachment("it needs filename, and content or content_base64");
	return size;
}

static void
check_attachments(const JsonbValue *v, const char *what, Seen *seen)
{
	JsonbIterator *it;
	JsonbValue item;
	JsonbIteratorToken token;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		bad_attachment("\"attachments\" is an array");
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			seen->attached += check_attachment(&item);
	}
	if (seen->attached > ERRAND_MAIL_ATTACHED_MAX)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the attachments are too large"),
						errdetail("They have %lld bytes, the limit is %d.", (long long) seen->attached, ERRAND_MAIL_ATTACHED_MAX),
						errhint("Send a link.")));
}

typedef struct PayloadKey
{
	const char *name;
	void (*check)(const JsonbValue *v, const char *what, Seen *seen);
} PayloadKey;

static const PayloadKey payload_keys[] = {
	{"recipient", check_addresses}, {"cc", check_addresses},	 {"bcc", check_addresses},
	{"sender", check_address},		{"reply_to", check_address}, {"subject", check_subject},
	{"body", check_text},			{"html", check_text},		 {"attachments", check_attachments},
	{"headers", check_headers},
};

static const PayloadKey *
payload_key(const JsonbValue *v)
{
	for (int i = 0; i < (int) lengthof(payload_keys); i++)
	{
		if ((int) strlen(payload_keys[i].name) == v->val.string.len &&
			memcmp(payload_keys[i].name, v->val.string.val, v->val.string.len) == 0)
			return &payload_keys[i];
	}
	ereport(ERROR, (BAD_ARGUMENT, errmsg("an e-mail has no \"%.*s\"", Min(v->val.string.len, 100), v->val.string.val),
					errhint("Its payload has recipient, cc, bcc, sender, reply_to, subject, body, html, attachments and headers.")));
	return NULL;
}

static void
check_complete(const Seen *seen)
{
	if (errand_smtp_url[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no mail server is set"),
						errhint("Set it: ALTER SYSTEM SET errand.smtp_url = 'smtp://mail.example.com:25'; SELECT pg_reload_conf();")));
	if (!seen->to)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("an e-mail needs a \"recipient\""),
						errhint("Such as ARRAY['ann@example.com'].")));
	if (!seen->subject)
		ereport(ERROR, (BAD_ARGUMENT, errmsg("an e-mail needs a \"subject\""), errhint("It may be empty, but not NULL.")));
	if (!seen->sender && errand_smtp_from[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("nobody sends this e-mail"),
						errhint("Give a sender, or set one for all: ALTER SYSTEM SET errand.smtp_from = 'database@example.com'; SELECT pg_reload_conf();")));
}

void
errand_email_check(Jsonb *payload, bool complete)
{
	JsonbIterator *it;
	JsonbValue v;
	JsonbIteratorToken token;
	const PayloadKey *key = NULL;
	Seen seen = {0};

	if (!JB_ROOT_IS_OBJECT(payload))
		ereport(ERROR, (BAD_ARGUMENT, errmsg("the payload of an e-mail must be an object"),
						errhint("Such as {\"recipient\": [\"ann@example.com\"], \"subject\": \"Hello\"}.")));
	it = JsonbIteratorInit(&payload->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = payload_key(&v);
		else if (token == WJB_VALUE && v.type != jbvNull && key != NULL)
			key->check(&v, key->name, &seen);
	}
	if (complete)
		check_complete(&seen);
}
