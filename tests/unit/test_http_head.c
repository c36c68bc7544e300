/*
 * test_http_head.c
 *		Heads of requests to the relay: every one is given in pieces of every
 *		length, and ends where its allocation ends.
 */
#include "unit.h"

#include "http_head.h"

#define H "Host: a\r\n"

typedef struct Case
{
	const char *head;
	int wanted; /* 0: its length; else the negated status */
} Case;

/* What a head of which nothing is missing is answered with. */
static int
read_head(const char *text, size_t len, ErrandHttpHead *out)
{
	char *copy = exact_copy(text, len);
	int rc = errand_request_head(copy, len, out);

	free(copy);
	return rc;
}

static const Case cases[] = {
	{"GET / HTTP/1.1\r\n" H "\r\n", 0},
	{"\r\nGET / HTTP/1.1\r\n" H "\r\n", 0},
	{"GET /a?b=c HTTP/1.1\r\nhOST:\ta \r\n\r\n", 0},
	{"GET http://a/x HTTP/1.1\r\n" H "\r\n", 0},
	{"POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", 0},
	{"GET / HTTP/1.0\r\n\r\n", 0},
	{"FOO / HTTP/1.1\r\n" H "\r\n", 0},
	{"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", -400},
	{"GET / HTTP/1.1\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H H "\r\n", -400},
	{"GET / HTTP/1.1\n" H "\r\n", -400},
	{"GET / HTTP/1.1\r\nHost: a\n\r\n", -400},
	{"\nGET / HTTP/1.1\r\n" H "\r\n", -400},
	{"GET / HTTP/1.1\r\r\n" H "\r\n", -400},
	{"GET / HTTP/2.0\r\n" H "\r\n", -505},
	{"GET / HTTP/1.11\r\n" H "\r\n", -400},
	{"GET / http/1.1\r\n" H "\r\n", -400},
	{"GET / HTTP/1.1 \r\n" H "\r\n", -400},
	{"GET /\r\n" H "\r\n", -400},
	{"GET  / HTTP/1.1\r\n" H "\r\n", -400},
	{" GET / HTTP/1.1\r\n" H "\r\n", -400},
	{"GET a HTTP/1.1\r\n" H "\r\n", -400},
	{"GET * HTTP/1.1\r\n" H "\r\n", -400},
	{"GET file:///a HTTP/1.1\r\n" H "\r\n", -400},
	{"GET http://a HTTP/1.1\r\n" H "\r\n", -400},
	{"GET /#a HTTP/1.1\r\n" H "\r\n", -400},
	{"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", -501},
	{"GET / HTTP/1.1\r\n" H "transfer-encoding:\r\n\r\n", -501},
	{"GET / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Origin: a\r\nOrigin: b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "Authorization: a\r\nAuthorization: b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X-A: b\r\n c\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X-A : b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X-A\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H ": b\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X-A: a\rb\r\n\r\n", -400},
	{"GET / HTTP/1.1\r\n" H "X-A: a\x01\r\n\r\n", -400},
};

static void
test_cases(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		size_t len = strlen(cases[i].head);
		int wanted = cases[i].wanted != 0 ? cases[i].wanted : (int) len;
		ErrandHttpHead head;
		int rc = read_head(cases[i].head, len, &head);

		if (rc != wanted)
			fail_msg("%s: %d, not %d", cases[i].head, rc, wanted);
		/* a part of it is not yet anything, or wrong already */
		for (size_t part = 0; part < len; part++)
		{
			rc = read_head(cases[i].head, part, &head);
			if (rc > 0 || (rc < 0 && rc != cases[i].wanted))
				fail_msg("%zu bytes of %s: %d", part, cases[i].head, rc);
		}
	}
}

static void
assert_span(ErrandSpan span, const char *wanted)
{
	assert_non_null(span.p);
	assert_int_equal(span.len, strlen(wanted));
	assert_memory_equal(span.p, wanted, span.len);
}

static void
test_fields(void **state)
{
	static const char text[] =
		"GET /ws?x=1&y HTTP/1.1\r\nHost: a:1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
		"Sec-WebSocket-Key:  k==\t\r\nSec-WebSocket-Protocol: p, bearer.t\r\nSec-WebSocket-Protocol: q\r\n"
		"Sec-WebSocket-Version: 13\r\nOrigin: http://a:1\r\nAuthorization: Bearer t\r\n\r\nbody";
	ErrandHttpHead head;

	(void) state;
	assert_int_equal(errand_request_head(LIT(text), &head), sizeof(text) - 5);
	assert_int_equal(head.method, ERRAND_GET);
	assert_true(head.upgrade && head.keep_alive);
	assert_span(head.path, "/ws");
	assert_span(head.query, "x=1&y");
	assert_span(head.host, "a:1");
	assert_span(head.ws_key, "k==");
	assert_int_equal(head.ws_protocols, 2);
	assert_span(head.ws_protocol[0], "p, bearer.t");
	assert_span(head.ws_protocol[1], "q");
	assert_span(head.authorization, "Bearer t");
	assert_true(errand_request_head(LIT("GET http://b:2/x HTTP/1.1\r\nHost: a\r\n\r\n"), &head) >
				0);
	assert_span(head.host, "b:2");
	assert_true(
		errand_request_head(
			LIT("GET / HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), &head) > 0);
	assert_false(head.upgrade || head.keep_alive);
}

/* Heads that do not end, and those with too many lines, are given up. */
static void
test_too_large(void **state)
{
	char text[2 * ERRAND_HEAD_MAX];
	ErrandHttpHead head;
	size_t len;

	(void) state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "GET /", 5);
	assert_int_equal(errand_request_head(text, ERRAND_HEAD_MAX - 1, &head), 0);
	assert_int_equal(errand_request_head(text, ERRAND_HEAD_MAX, &head), -431);
	assert_int_equal(errand_request_head(text, sizeof(text), &head), -431);
	len = (size_t) sprintf(text, "GET / HTTP/1.1\r\n" H);
	for (int i = 0; i < 2 * ERRAND_HEAD_LINES; i++)
		len += (size_t) sprintf(text + len, "X: %d\r\n", i);
	assert_int_equal(errand_request_head(text, len, &head), -431);
}

static void
test_percent(void **state)
{
	static const struct
	{
		const char *in;
		bool plus;
		const char *out;
	} cases_percent[] = {
		{"", false, ""},
		{"abc", false, "abc"},
		{"a%20b", false, "a b"},
		{"a+b", false, "a+b"},
		{"a+b", true, "a b"},
		{"%2B", true, "+"},
		{"%c3%A9", false, "\xc3\xa9"},
		{"%", false, NULL},
		{"%4", false, NULL},
		{"%zz", false, NULL},
		{"%00", false, NULL},
		{"%ff", false, NULL},
		{"%c3", false, NULL},
		{"%ed%a0%80", false, NULL},
		{"%%41", false, NULL},
		{"%u0041", false, NULL},
		{"%2541", false, "%41"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases_percent); i++)
	{
		size_t len = strlen(cases_percent[i].in);
		char *in = exact_copy(cases_percent[i].in, len);
		char *out = malloc(len + 1);
		bool good = errand_percent_decode((ErrandSpan){in, len}, cases_percent[i].plus, out);

		assert_int_equal(good, cases_percent[i].out != NULL);
		if (good)
			assert_string_equal(out, cases_percent[i].out);
		free(in);
		free(out);
	}
}

static void
test_utf8(void **state)
{
	static const char *good[] = {
		"", "a", "\xc2\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *bad[] = {"\x80",
								"\xc0\x80",
								"\xc1\xbf",
								"\xc3",
								"\xe0\x9f\xbf",
								"\xed\xa0\x80",
								"\xe2\x82",
								"\xf0\x8f\xbf\xbf",
								"\xf4\x90\x80\x80",
								"\xf5\x80\x80\x80",
								"\xff",
								"a\xf0\x90\x80"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(good); i++)
		assert_true(errand_utf8_ok(good[i], strlen(good[i])));
	for (size_t i = 0; i < LENGTH_OF(bad); i++)
	{
		char *copy = exact_copy(bad[i], strlen(bad[i]));

		assert_false(errand_utf8_ok(copy, strlen(bad[i])));
		free(copy);
	}
	assert_false(errand_utf8_ok("a\0b", 3));
}

/* Good heads with bytes changed, put in and taken out: nothing is read beyond the end. */
static void
test_random(void **state)
{
	Random r = seeded_random("heads");

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		const char *from = cases[random_below(&r, LENGTH_OF(cases))].head;
		size_t len = strlen(from);
		char text[512];
		ErrandHttpHead head;
		int rc;

		memcpy(text, from, len);
		for (uint64_t n = random_below(&r, 4); n > 0; n--)
			text[random_below(&r, len)] = "\r\n :/%\0a\xff"[random_below(&r, 9)];
		len -= random_below(&r, 3);
		rc = read_head(text, len, &head);
		assert_true(rc <= (int) len &&
					(rc >= 0 || rc == -400 || rc == -431 || rc == -501 || rc == -505));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	  cmocka_unit_test(test_fields),
		cmocka_unit_test(test_too_large), cmocka_unit_test(test_percent),
		cmocka_unit_test(test_utf8),	  cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("http_head", tests, NULL, NULL);
}
