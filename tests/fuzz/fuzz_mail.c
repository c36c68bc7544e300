/*
 * fuzz_mail.c
 *		E-mails: of what passes the checks a message is made that may follow DATA
 *		as it is, and that measures as it is written.
 */
#include "fuzz.h"

#include "mail.h"
#include "mail_text.h"

/* The next line of the input, or all that is left. */
static ErrandMailBytes
line(const char **s, size_t *len)
{
	const char *end = *len > 0 ? memchr(*s, '\n', *len) : NULL;
	ErrandMailBytes b = {*s, end != NULL ? (size_t) (end - *s) : *len};

	*s += end != NULL ? b.len + 1 : b.len;
	*len -= end != NULL ? b.len + 1 : b.len;
	return b;
}

static bool
address_of(ErrandMailBytes b, ErrandMailAddress *out)
{
	size_t len;

	if (!errand_mail_address(b.data, b.len, out))
		return false;
	MUST(within(out->spec, out->spec_len, b.data, b.len) && out->spec_len >= 3);
	MUST(out->name_len == 0 || within(out->name, out->name_len, b.data, b.len));
	for (size_t i = 0; i < out->spec_len; i++)
		MUST(out->spec[i] > ' ' && out->spec[i] < 0x7f && out->spec[i] != '<' &&
			 out->spec[i] != '>');
	MUST(within(errand_mail_domain(out, &len), len, out->spec, out->spec_len));
	return true;
}

static void
write_it(const ErrandMail *m)
{
	ErrandMailText t = {0};
	size_t size;

	errand_mail_write(&t, m);
	size = t.len;
	t = (ErrandMailText){.data = malloc(size + 1), .size = size};
	errand_mail_write(&t, m);
	MUST(t.len == size && errand_mail_wire_ok(t.data, t.len));
	free(t.data);
}

static void
decode(ErrandMailBytes b)
{
	int64_t n = errand_mail_base64_decode(b.data, b.len, NULL);
	char *out = malloc(b.len * 3 / 4 + 1);

	MUST(n <= (int64_t) (b.len * 3 / 4));
	MUST(errand_mail_base64_decode(b.data, b.len, out) == n);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	ErrandMailAddress from, to;
	ErrandMailBytes a = line(&s, &size), b = line(&s, &size), subject = line(&s, &size);
	ErrandMailHeader h = {line(&s, &size), line(&s, &size)};
	ErrandMailFile f = {line(&s, &size), line(&s, &size), {s, size}};
	ErrandMailServer server;
	char *url = terminated(a.data, a.len);
	ErrandMail m = {.charset = "utf-8",
					.date = "Fri, 27 Nov 2026 15:04:05 +0000",
					.message_id = "<1@a>",
					.boundary = "b0"};

	if (errand_mail_server(url, &server))
		MUST(within(server.host, server.host_len, url, a.len) && server.port >= 1 &&
			 server.port <= 65535);
	free(url);
	decode(b);
	decode(f.content);
	if (!address_of(a, &from) || !address_of(b, &to) ||
		!errand_mail_line_ok(subject.data, subject.len, ERRAND_MAIL_SUBJECT_MAX))
		return 0;
	m.from = from;
	m.to = &to;
	m.n_to = 1;
	m.subject = subject;
	m.text = m.html = (ErrandMailBytes){s, size};
	if (errand_mail_header_ok(h.name.data, h.name.len) &&
		errand_mail_line_ok(h.value.data, h.value.len, ERRAND_MAIL_VALUE_MAX))
	{
		m.headers = &h;
		m.n_headers = 1;
	}
	if (errand_mail_filename_ok(f.name.data, f.name.len) &&
		errand_mail_type_ok(f.type.data, f.type.len))
	{
		m.files = &f;
		m.n_files = 1;
	}
	write_it(&m);
	return 0;
}
