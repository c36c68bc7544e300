/*
 * test_mail.c
 *		What may stand in an e-mail, and how it is written.
 */
#include "unit.h"

#include "mail.h"
#include "mail_text.h"

static bool
address(const char *s, size_t len, ErrandMailAddress *a)
{
	char *copy = exact_copy(s, len);
	bool ok = errand_mail_address(copy, len, a);

	if (ok)
	{
		/* as offsets into s, which outlives the copy */
		a->spec = s + (a->spec - copy);
		a->name = a->name != NULL ? s + (a->name - copy) : NULL;
	}
	free(copy);
	return ok;
}

static void
test_addresses(void **state)
{
	static const char *const good[][3] = {
		{"a@b", "", "a@b"},
		{"ann.o'neil+x@mail.example.com", "", "ann.o'neil+x@mail.example.com"},
		{"Ann <a@b.example>", "Ann", "a@b.example"},
		{"  Ann Lee   <a@b.example>  ", "Ann Lee", "a@b.example"},
		{"\"Lee, Ann\" <a@b.example>", "Lee, Ann", "a@b.example"},
		{"<a@b.example>", "", "a@b.example"},
		{"\xc3\x9c (x) <a@b.example>", "\xc3\x9c (x)", "a@b.example"},
	};
	static const char *const bad[] = {
		"",
		" ",
		"a",
		"@",
		"a@",
		"@b",
		"a@b@c",
		"a b@c",
		"a@b c",
		"a..b@c",
		".a@c",
		"a.@c",
		"a@b..c",
		"a@.b",
		"a@b.",
		"a@-b",
		"a@b-",
		"a@b_c",
		"a@[127.0.0.1]",
		"\"a b\"@c",
		"a@b\r\nRCPT TO:<x@y>",
		"a@b\n",
		"a@b>",
		"<a@b",
		"a@b> <c@d>",
		"<a@b><c@d>",
		"Ann <a@b> x",
		"Ann <a@b>, Bob <c@d>",
		"a@b, c@d",
		"x, y <a@b>",
		"x; y <a@b>",
		"\"x\" y\" <a@b>",
		"\"x\\\" <a@b>",
		"Ann\r\nBcc: x@y <a@b>",
		"A\tB <a@b>",
		"A\x7f <a@b>",
		"group: a@b;",
		"a@b\xc3\xbc.example",
		"\xc3\xbc@b",
		"<@x,@y:a@b>",
		"a@b SIZE=1",
		"a@b <>",
		"x@y <a@b>",
		"<>",
		"Ann < a@b>",
		"a@xn--\x01",
	};
	ErrandMailAddress a;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(good); i++)
	{
		if (!address(good[i][0], strlen(good[i][0]), &a))
			fail_msg("refused: %s", good[i][0]);
		assert_int_equal(a.name_len, strlen(good[i][1]));
		assert_int_equal(a.spec_len, strlen(good[i][2]));
		assert_memory_equal(a.spec, good[i][2], a.spec_len);
		if (a.name_len > 0)
			assert_memory_equal(a.name, good[i][1], a.name_len);
	}
	for (size_t i = 0; i < LENGTH_OF(bad); i++)
	{
		if (address(bad[i], strlen(bad[i]), &a))
			fail_msg("accepted: %s", bad[i]);
	}
	assert_false(address(LIT("a@b\0c"), &a));
	assert_false(address(LIT("x\0y <a@b>"), &a));
}

/* Whatever is accepted has one @, no blank and no bracket in its spec. */
static void
test_addresses_random(void **state)
{
	static const char bytes[] = "ab.@<> \"\\,;\r\n\0\x80-";
	uint64_t walk = 4711;
	ErrandMailAddress a;

	(void) state;
	for (int i = 0; i < 300000; i++)
	{
		char s[12];
		size_t len;

		walk = walk * 6364136223846793005u + 1442695040888963407u;
		len = (walk >> 60) % sizeof(s);
		for (size_t k = 0; k < len; k++)
			s[k] = bytes[(walk >> (4 * k + 8)) % (sizeof(bytes) - 1)];
		if (!address(s, len, &a))
			continue;
		assert_true(a.spec_len >= 3);
		for (size_t k = 0; k < a.spec_len; k++)
			assert_true(memchr("<> \"\\,;\r\n\x80", a.spec[k], 10) == NULL && a.spec[k] != 0);
		for (size_t k = 0; k < a.name_len; k++)
			assert_true(memchr("<>\"\\\r\n", a.name[k], 6) == NULL && a.name[k] != 0);
	}
}

static void
test_headers_files_types(void **state)
{
	(void) state;
	assert_true(errand_mail_header_ok(LIT("X-Campaign")));
	assert_true(errand_mail_header_ok(LIT("List-Unsubscribe")));
	assert_false(errand_mail_header_ok(LIT("bCC")));
	assert_false(errand_mail_header_ok(LIT("Content-Type")));
	assert_false(errand_mail_header_ok(LIT("Resent-To")));
	assert_false(errand_mail_header_ok(LIT("X: y")));
	assert_false(errand_mail_header_ok(LIT("X\r\nBcc")));
	assert_false(errand_mail_header_ok(LIT("")));
	assert_false(errand_mail_header_ok(LIT(".X")));
	assert_true(errand_mail_filename_ok(LIT("a b \xc3\xbc.pdf")));
	assert_false(errand_mail_filename_ok(LIT("../x")));
	assert_false(errand_mail_filename_ok(LIT("a\"; x=\"")));
	assert_false(errand_mail_filename_ok(LIT("a\r\nb")));
	assert_false(errand_mail_filename_ok(LIT("a\0b")));
	assert_true(errand_mail_type_ok(LIT("text/csv")));
	assert_true(errand_mail_type_ok(LIT("text/csv; charset=utf-8; header=\"present\"")));
	assert_true(errand_mail_type_ok(LIT("application/vnd.x+json")));
	assert_false(errand_mail_type_ok(LIT("text")));
	assert_false(errand_mail_type_ok(LIT("text/")));
	assert_false(errand_mail_type_ok(LIT("text/csv;")));
	assert_false(errand_mail_type_ok(LIT("text/csv; a=b\r\nX: y")));
	assert_false(errand_mail_type_ok(LIT("text/csv\r\nX: y")));
	assert_false(errand_mail_type_ok(LIT("multipart/mixed")));
	assert_false(errand_mail_type_ok(LIT("message/rfc822")));
	assert_false(errand_mail_type_ok(LIT("a;b/c=d")));
}

static void
test_base64(void **state)
{
	char out[16];

	(void) state;
	assert_int_equal(errand_mail_base64_decode(LIT(""), out), 0);
	assert_int_equal(errand_mail_base64_decode(LIT("AAH/"), out), 3);
	assert_memory_equal(out, "\x00\x01\xff", 3);
	assert_int_equal(errand_mail_base64_decode(LIT("aGk=\n"), out), 2);
	assert_memory_equal(out, "hi", 2);
	assert_int_equal(errand_mail_base64_decode(LIT("a G\r\nk="), NULL), 2);
	assert_int_equal(errand_mail_base64_decode(LIT("aA=="), out), 1);
	assert_int_equal(errand_mail_base64_decode(LIT("aGk"), out), -1);
	assert_int_equal(errand_mail_base64_decode(LIT("a==="), out), -1);
	assert_int_equal(errand_mail_base64_decode(LIT("aA=a"), out), -1);
	assert_int_equal(errand_mail_base64_decode(LIT("aG!k"), out), -1);
	assert_int_equal(errand_mail_base64_decode(LIT("aA==aA=="), out), -1);
}

static void
test_servers(void **state)
{
	static const char *const bad[] = {
		"",
		"smtp://",
		"http://x",
		"smtp:/x",
		"smtp://x:0",
		"smtp://x:65536",
		"smtp://x:",
		"smtp://u:p@x",
		"smtp://x y",
		"smtp://x\r\n",
		"smtp://[::1",
		"smtp://[]",
		"smtp://x/a b",
		"smtp://x/a/b",
		"smtp://[::1]x",
		"smtps://x:25;y",
		"SMTP://x",
	};
	ErrandMailServer s;

	(void) state;
	assert_true(errand_mail_server("smtp://mail.example.com", &s));
	assert_int_equal(s.port, 25);
	assert_false(s.tls);
	assert_int_equal(s.host_len, 16);
	assert_true(errand_mail_server("smtps://127.0.0.1/client.example", &s));
	assert_int_equal(s.port, 465);
	assert_true(s.tls);
	assert_int_equal(s.helo_len, 14);
	assert_true(errand_mail_server("smtp://[::1]:2525/", &s));
	assert_int_equal(s.port, 2525);
	assert_true(s.ipv6_literal);
	assert_int_equal(s.host_len, 3);
	for (size_t i = 0; i < LENGTH_OF(bad); i++)
	{
		if (errand_mail_server(bad[i], &s))
			fail_msg("accepted: %s", bad[i]);
	}
}

/* What a writer writes, measured first; the caller frees it. */
static char *
header(const char *name, const char *value)
{
	ErrandMailText t = {0};
	char *text;

	errand_mail_put_header(&t, name, value, strlen(value), "utf-8");
	text = calloc(1, t.len + 1);
	t = (ErrandMailText){.data = text, .size = t.len};
	errand_mail_put_header(&t, name, value, strlen(value), "utf-8");
	assert_int_equal(t.len, t.size);
	return text;
}

static void
check_header(const char *value, const char *want)
{
	char *text = header("Subject", value);

	assert_string_equal(text, want);
	free(text);
}

static void
test_subjects(void **state)
{
	(void) state;
	check_header("Hello", "Subject: Hello\r\n");
	check_header("", "Subject: \r\n");
	check_header("\xc3\xbc", "Subject: =?utf-8?B?w7w=?=\r\n");
	check_header("=?utf-8?B?w7w=?=", "Subject: =?utf-8?B?PT91dGYtOD9CP3c3dz0/PQ==?=\r\n");
	check_header(" x", "Subject: =?utf-8?B?IHg=?=\r\n");
	check_header("one two three four five six seven eight nine ten eleven twelve thirteen fourteen",
				 "Subject: one two three four five six seven eight nine ten eleven twelve\r\n"
				 " thirteen fourteen\r\n");
	/* three-byte characters are never cut */
	for (size_t n = 1; n < 60; n++)
	{
		char value[200] = "";
		char *text;
		const char *line;

		for (size_t i = 0; i < n; i++)
			strcat(value, "\xe2\x82\xac");
		text = header("Subject", value);
		for (line = text; *line; line = strchr(line, '\n') + 1)
		{
			const char *word = strstr(line, "?B?") + 3;
			const char *end = strstr(word, "?=");
			int64_t bytes = errand_mail_base64_decode(word, (size_t) (end - word), NULL);

			assert_int_equal(bytes % 3, 0);
			assert_true(strchr(line, '\r') - line <= 76);
		}
		free(text);
	}
}

static void
check_body(const char *text, const char *want)
{
	char out[2000] = "";
	ErrandMailText t = {.data = out, .size = sizeof(out) - 1};

	errand_mail_put_body(&t, text, strlen(text));
	assert_string_equal(strstr(out, "\r\n\r\n") + 4, want);
	assert_true(errand_mail_wire_ok(out, t.len));
}

static void
test_bodies(void **state)
{
	(void) state;
	check_body("", "");
	check_body("a\nb", "a\r\nb\r\n");
	check_body("a\r\nb\r", "a\r\nb\r\n");
	check_body(".\n.x", "=2E\r\n=2Ex\r\n");
	check_body("a\r\n.\r\nMAIL FROM:<x@y>", "a\r\n=2E\r\nMAIL FROM:<x@y>\r\n");
	check_body("From me", "=46rom me\r\n");
	check_body("x \ny\t", "x=20\r\ny=09\r\n");
	check_body("\xc3\xbc = 1", "=C3=BC =3D 1\r\n");
	check_body("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhh",
			   "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggggggggh"
			   "hh=\r\nhhhhhhh\r\n");
}

/* A mail of everything goes over the wire as it is, and never beyond its buffer. */
static void
test_whole(void **state)
{
	static const ErrandMailAddress to[] = {{"Ann", 3, "a@b", 3}, {"\xc3\x9c", 2, "c@d", 3}};
	static const ErrandMailFile file = {{"f\xc3\xbc.bin", 7}, {"application/x", 13}, {"\0\1\2", 3}};
	static const ErrandMailHeader extra = {{"X-A", 3}, {"b", 1}};
	ErrandMail m = {.from = to[0],
					.to = to,
					.n_to = 2,
					.cc = to,
					.n_cc = 1,
					.subject = {"s", 1},
					.text = {".x\n", 3},
					.html = {"<p>", 3},
					.headers = &extra,
					.n_headers = 1,
					.files = &file,
					.n_files = 1,
					.charset = "utf-8",
					.date = "Thu, 1 Jan 1970 00:00:00 +0000",
					.message_id = "<x@y>",
					.boundary = "0123"};
	ErrandMailText t = {0};
	char *text;

	(void) state;
	errand_mail_write(&t, &m);
	text = malloc(t.len);
	t = (ErrandMailText){.data = text, .size = t.len};
	errand_mail_write(&t, &m);
	assert_int_equal(t.len, t.size);
	assert_true(errand_mail_wire_ok(text, t.len));
	for (size_t size = 0; size < t.len; size += 7)
	{
		ErrandMailText small = {.data = malloc(size + 1), .size = size};

		errand_mail_write(&small, &m);
		assert_int_equal(small.len, t.len);
		free(small.data);
	}
	free(text);
}

static void
test_wire(void **state)
{
	char line[1002];

	(void) state;
	assert_true(errand_mail_wire_ok(LIT("a\r\n")));
	assert_false(errand_mail_wire_ok(LIT("")));
	assert_false(errand_mail_wire_ok(LIT("a")));
	assert_false(errand_mail_wire_ok(LIT("a\n")));
	assert_false(errand_mail_wire_ok(LIT("a\r\nb\r")));
	assert_false(errand_mail_wire_ok(LIT("a\rb\r\n")));
	assert_false(errand_mail_wire_ok(LIT(".\r\n")));
	assert_false(errand_mail_wire_ok(LIT("a\n.\r\n")));
	assert_false(errand_mail_wire_ok(LIT("a\0\r\n")));
	memset(line, 'x', sizeof(line));
	memcpy(line + 998, "\r\n", 2);
	assert_true(errand_mail_wire_ok(line, 1000));
	memcpy(line + 998, "x\r\n", 3);
	assert_false(errand_mail_wire_ok(line, 1001));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_addresses_random),
		cmocka_unit_test(test_headers_files_types),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
