/*
 * test_url.c
 *		Which URLs a task may ask for.
 */
#include "unit.h"

#include "url.h"

typedef struct Case
{
	const char *url;
	size_t len;
	ErrandUrlCheck expected;
} Case;

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const Case cases[] = {
	/* what must pass */
	{LIT("http://example.com"), ERRAND_URL_OK},
	{LIT("https://example.com/"), ERRAND_URL_OK},
	{LIT("HTTP://EXAMPLE.COM/Path"), ERRAND_URL_OK},
	{LIT("hTtPs://a"), ERRAND_URL_OK},
	{LIT("http://example.com."), ERRAND_URL_OK},
	{LIT("http://example.com:1/"), ERRAND_URL_OK},
	{LIT("http://example.com:65535/"), ERRAND_URL_OK},
	{LIT("http://example.com:0080/"), ERRAND_URL_OK},
	{LIT("http://example.com?q=1"), ERRAND_URL_OK},
	{LIT("http://example.com#top"), ERRAND_URL_OK},
	{LIT("http://example.com/@user"), ERRAND_URL_OK},
	{LIT("http://example.com/?mail=a@b.c"), ERRAND_URL_OK},
	{LIT("http://example.com/a:b//c?d=[e]|{f}#g#h"), ERRAND_URL_OK},
	{LIT("http://example.com/%00%0d%0a"), ERRAND_URL_OK},
	{LIT("http://example.com/\xc3\xa4?\xff\x80"), ERRAND_URL_OK},
	{LIT("http://my_service:8080/x"), ERRAND_URL_OK},
	{LIT("http://xn--bcher-kva.example/"), ERRAND_URL_OK},
	{LIT("http://1and1.de/"), ERRAND_URL_OK},
	{LIT("http://127.0.0.1.nip.io/"), ERRAND_URL_OK},
	{LIT("http://0x7f.example/"), ERRAND_URL_OK},
	{LIT("http://127.0.0.1:5432/"), ERRAND_URL_OK}, /* policy.c refuses it */
	{LIT("http://2130706433/"), ERRAND_URL_OK},
	{LIT("http://0x7f.1/"), ERRAND_URL_OK},
	{LIT("http://017700000001/"), ERRAND_URL_OK},
	{LIT("http://127.1/"), ERRAND_URL_OK},
	{LIT("http://0/"), ERRAND_URL_OK},
	{LIT("http://[::1]/"), ERRAND_URL_OK},
	{LIT("http://[::1]:8080"), ERRAND_URL_OK},
	{LIT("http://[::ffff:127.0.0.1]?x"), ERRAND_URL_OK},
	{LIT("http://[64:ff9b::a9fe:a9fe]/"), ERRAND_URL_OK},
	{LIT("http://" L63 ".example/"), ERRAND_URL_OK},
	/* nothing, or not much */
	{"", 0, ERRAND_URL_EMPTY},
	{NULL, 0, ERRAND_URL_EMPTY},
	{LIT("http"), ERRAND_URL_BAD_SCHEME},
	{LIT("http:"), ERRAND_URL_NO_SLASHES},
	{LIT("http:/"), ERRAND_URL_NO_SLASHES},
	{LIT("http://"), ERRAND_URL_EMPTY_HOST},
	{LIT("http:///path"), ERRAND_URL_EMPTY_HOST},
	{LIT("http://?q"), ERRAND_URL_EMPTY_HOST},
	{LIT("http://#f"), ERRAND_URL_EMPTY_HOST},
	{LIT("http://:80/"), ERRAND_URL_EMPTY_HOST},
	{LIT("http://[]/"), ERRAND_URL_EMPTY_HOST},
	{LIT("http:////example.com/"), ERRAND_URL_EMPTY_HOST},
	/* schemes */
	{LIT("file:///etc/hostname"), ERRAND_URL_BAD_SCHEME},
	{LIT("ftp://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("gopher://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("dict://127.0.0.1:11211/"), ERRAND_URL_BAD_SCHEME},
	{LIT("ldap://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("smtp://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("ws://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("httpx://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("https2://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("htt://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("javascript:alert(1)"), ERRAND_URL_BAD_SCHEME},
	{LIT("://example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("//example.com/"), ERRAND_URL_BAD_SCHEME},
	{LIT("/path"), ERRAND_URL_BAD_SCHEME},
	{LIT("example.com"), ERRAND_URL_BAD_SCHEME},
	{LIT("example.com:80/"), ERRAND_URL_BAD_SCHEME},
	{LIT("http:example.com"), ERRAND_URL_NO_SLASHES},
	{LIT("http:/example.com"), ERRAND_URL_NO_SLASHES},
	/* user information */
	{LIT("http://user@example.com/"), ERRAND_URL_USERINFO},
	{LIT("http://user:pw@example.com/"), ERRAND_URL_USERINFO},
	{LIT("http://@example.com/"), ERRAND_URL_USERINFO},
	{LIT("http://a@127.0.0.1:1@b/"), ERRAND_URL_USERINFO},
	{LIT("http://example.com:80@127.0.0.1/"), ERRAND_URL_USERINFO},
	{LIT("http://[::1]@example.com/"), ERRAND_URL_USERINFO},
	/* parsers that disagree */
	{LIT("http://127.0.0.1#@b/"), ERRAND_URL_AMBIGUOUS},
	{LIT("http://127.0.0.1?@b/"), ERRAND_URL_AMBIGUOUS},
	{LIT("http://a?x/@b"), ERRAND_URL_AMBIGUOUS},
	{LIT("http://example.com\\@b/"), ERRAND_URL_BACKSLASH},
	{LIT("http:\\\\example.com/"), ERRAND_URL_BACKSLASH},
	{LIT("http://example.com/a\\b"), ERRAND_URL_BACKSLASH},
	{LIT("http://example.com/#\\"), ERRAND_URL_BACKSLASH},
	/* blanks and controls */
	{LIT(" http://example.com/"), ERRAND_URL_BLANK},
	{LIT("http://example.com/ "), ERRAND_URL_BLANK},
	{LIT("http://exa mple.com/"), ERRAND_URL_BLANK},
	{LIT("http://example.com/\t"), ERRAND_URL_CONTROL},
	{LIT("http://example.com/\r\nHost: b"), ERRAND_URL_CONTROL},
	{LIT("http://example.com/\0"), ERRAND_URL_CONTROL},
	{LIT("\0http://example.com/"), ERRAND_URL_CONTROL},
	{LIT("http://example\x7f.com/"), ERRAND_URL_CONTROL},
	/* hosts */
	{LIT("http://ex%61mple.com/"), ERRAND_URL_BAD_HOST},
	{LIT("http://%31%32%37.0.0.1/"), ERRAND_URL_BAD_HOST},
	{LIT("http://b\xc3\xbc"
		 "cher.example/"),
	 ERRAND_URL_BAD_HOST},
	{LIT("http://\xef\xbc\x91"
		 "27.0.0.1/"),
	 ERRAND_URL_BAD_HOST},
	{LIT("http://127\xe3\x80\x82"
		 "0.0.1/"),
	 ERRAND_URL_BAD_HOST},
	{LIT("http://a..b/"), ERRAND_URL_BAD_HOST},
	{LIT("http://.a/"), ERRAND_URL_BAD_HOST},
	{LIT("http://./"), ERRAND_URL_BAD_HOST},
	{LIT("http://a../"), ERRAND_URL_BAD_HOST},
	{LIT("http://a,b/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a;b/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a&b/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a|b/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a<b>/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a'b/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a\"b/"), ERRAND_URL_BAD_HOST},
	{LIT("http://~a/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a]/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a[::1]/"), ERRAND_URL_BAD_HOST},
	{LIT("http://a" L63 ".example/"), ERRAND_URL_HOST_TOO_LONG},
	/* what ends in a number */
	{LIT("http://1.2.3.4.5/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://256.1.1.1/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://1.2.3.256/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://1.65536.1/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://1.16777216/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://4294967296/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://0x100000000/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://99999999999999999999999999/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://127.0.0.1./"), ERRAND_URL_BAD_IPV4},
	{LIT("http://127.0.0.08/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://example.1/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://example.0x1/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://example.0x/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://0x/"), ERRAND_URL_BAD_IPV4},
	{LIT("http://0xg/"), ERRAND_URL_OK},
	{LIT("http://a.x1/"), ERRAND_URL_OK},
	/* IPv6 */
	{LIT("http://[fe80::1%25eth0]/"), ERRAND_URL_ZONE_ID},
	{LIT("http://[fe80::1%eth0]/"), ERRAND_URL_ZONE_ID},
	{LIT("http://[::1/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[:::1]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[1:2:3:4:5:6:7:8:9]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[127.0.0.1]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[v1.fe80::a]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[::ffff:127.0.0.1.1]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[00000000000000000000000000000000000000000000000000::1]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[[::1]]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://[0000:0000:0000:0000:0000:0000:255.255.255.255]/"), ERRAND_URL_OK},
	{LIT("http://[0000:0000:0000:0000:0000:00000:255.255.255.255]/"), ERRAND_URL_BAD_IPV6},
	{LIT("http://::1/"), ERRAND_URL_EMPTY_HOST},
	{LIT("http://fe80::1/"), ERRAND_URL_BAD_PORT},
	/* ports */
	{LIT("http://a:/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:0/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:65536/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:000080/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:99999999999999999999/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:-1/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:+80/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:8o/"), ERRAND_URL_BAD_PORT},
	{LIT("http://a:80:80/"), ERRAND_URL_BAD_PORT},
	{LIT("http://[::1]80/"), ERRAND_URL_BAD_PORT},
	{LIT("http://[::1]a/"), ERRAND_URL_BAD_PORT},
	{LIT("http://[::1]:/"), ERRAND_URL_BAD_PORT}};

static void
test_table(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char *url = exact_copy(cases[i].url, cases[i].len);
		ErrandUrlParts parts;
		ErrandUrlCheck check = errand_url_check(url, cases[i].len);

		if (check != cases[i].expected)
			fail_msg("case %zu, <%s>: %s (%d, expected %d)", i, cases[i].url,
					 errand_url_reason(check), check, cases[i].expected);
		if (errand_url_split(url, cases[i].len, &parts) != (check == ERRAND_URL_OK))
			fail_msg("split and check disagree on <%s>", cases[i].url);
		free(url);
	}
}

typedef struct SplitCase
{
	const char *url;
	const char *host;
	bool ipv6_literal;
	int port;
	bool https;
	const char *path;
} SplitCase;

static const SplitCase split_cases[] = {
	{"http://example.com", "example.com", false, 80, false, ""},
	{"https://example.com", "example.com", false, 443, true, ""},
	{"HTTPS://A:80/x", "A", false, 80, true, "/x"},
	{"http://a/b/c?d=e#f", "a", false, 80, false, "/b/c?d=e"},
	{"http://a?d=e#f?g", "a", false, 80, false, "?d=e"},
	{"http://a#f/g", "a", false, 80, false, ""},
	{"http://a:8080#f", "a", false, 8080, false, ""},
	{"http://[::1]:81/", "::1", true, 81, false, "/"},
	{"https://[2001:DB8::a]", "2001:DB8::a", true, 443, true, ""},
	{"http://127.0.0.1:65535//x", "127.0.0.1", false, 65535, false, "//x"}};

static void
test_split(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(split_cases); i++)
	{
		const SplitCase *c = &split_cases[i];
		ErrandUrlParts p;

		assert_true(errand_url_split(c->url, strlen(c->url), &p));
		assert_int_equal(p.host_len, strlen(c->host));
		assert_memory_equal(p.host, c->host, p.host_len);
		assert_int_equal(p.ipv6_literal, c->ipv6_literal);
		assert_int_equal(p.port, c->port);
		assert_int_equal(p.https, c->https);
		assert_int_equal(p.path_len, strlen(c->path));
		assert_memory_equal(p.path, c->path, p.path_len);
		assert_true(p.host > c->url && p.path >= p.host + p.host_len);
		assert_true(p.path + p.path_len <= c->url + strlen(c->url));
	}
}

static void
test_refused_split_leaves_the_parts_alone(void **state)
{
	ErrandUrlParts p;
	ErrandUrlParts before;

	(void) state;
	memset(&p, 0x5a, sizeof(p));
	before = p;
	assert_false(errand_url_split(LIT("http://a:8080/ "), &p));
	assert_memory_equal(&p, &before, sizeof(p));
}

static void
test_longest(void **state)
{
	char url[ERRAND_URL_MAX_LENGTH + 1];
	char host[8 + 300];
	static const char path_prefix[] = "http://a/";
	static const char host_prefix[] = "https://";

	(void) state;
	memset(url, 'a', sizeof(url));
	memcpy(url, path_prefix, sizeof(path_prefix) - 1);
	assert_int_equal(errand_url_check(url, ERRAND_URL_MAX_LENGTH), ERRAND_URL_OK);
	assert_int_equal(errand_url_check(url, ERRAND_URL_MAX_LENGTH + 1), ERRAND_URL_TOO_LONG);
	assert_int_equal(errand_url_check(url, SIZE_MAX), ERRAND_URL_TOO_LONG);

	/* a name of 253 bytes is the longest, with a dot after it or without */
	memset(host, 'a', sizeof(host));
	memcpy(host, host_prefix, sizeof(host_prefix) - 1);
	for (int i = 1; i < 300; i += 2)
		host[8 + i] = '.';
	assert_int_equal(errand_url_check(host, 8 + 253), ERRAND_URL_OK);
	assert_int_equal(errand_url_check(host, 8 + 254), ERRAND_URL_OK);
	assert_int_equal(errand_url_check(host, 8 + 255), ERRAND_URL_HOST_TOO_LONG);
}

/* Each byte value at each place of a URL: nothing dangerous passes. */
static void
test_every_byte_everywhere(void **state)
{
	static const char url[] = "https://host.example:8443/path?query#fragment";
	size_t len = sizeof(url) - 1;
	size_t host_end = strlen("https://host.example:8443");

	(void) state;
	for (size_t at = 0; at < len; at++)
	{
		for (int byte = 0; byte < 256; byte++)
		{
			char *copy = exact_copy(url, len);
			bool ok;

			copy[at] = (char) byte;
			ok = errand_url_check(copy, len) == ERRAND_URL_OK;
			if (ok && (byte <= 0x20 || byte == 0x7f || byte == '\\'))
				fail_msg("byte %d at %zu passes", byte, at);
			if (ok && at < host_end && (byte >= 0x80 || byte == '@' || byte == '%'))
				fail_msg("byte %d at %zu passes in the host", byte, at);
			if (!ok && at > host_end && byte > 0x20 && byte != 0x7f && byte != '\\')
				fail_msg("byte %d at %zu is refused in the path", byte, at);
			free(copy);
		}
	}
}

/* Noise over an alphabet that parsers stumble on: no over-read, no bad part. */
static void
test_noise(void **state)
{
	static const char alphabet[] = "htps:/.@[]?#%01x:9a-_ \\\n\xff";
	Random r = seeded_random("url");

	(void) state;
	for (int step = 0; step < 100000; step++)
	{
		char text[40] = "http://";
		size_t len = 7 + random_below(&r, 33);
		char *copy;
		ErrandUrlParts p;

		for (size_t i = random_below(&r, 8) == 0 ? 0 : 7; i < len; i++)
			text[i] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
		copy = exact_copy(text, len);
		if (errand_url_split(copy, len, &p))
		{
			assert_true(p.host_len > 0 && p.port >= 1 && p.port <= 65535);
			assert_null(memchr(p.host, '@', p.host_len));
			assert_null(memchr(p.path, '#', p.path_len));
			assert_true(p.path_len == 0 || *p.path == '/' || *p.path == '?');
			assert_true(p.path + p.path_len <= copy + len);
		}
		free(copy);
	}
}

static void
test_reasons(void **state)
{
	(void) state;
	for (int i = ERRAND_URL_OK; i <= ERRAND_URL_AMBIGUOUS; i++)
	{
		const char *reason = errand_url_reason((ErrandUrlCheck) i);

		assert_non_null(reason);
		assert_string_not_equal(reason, "it is malformed");
		assert_true(strncmp(reason, "it", 2) == 0);
	}
	assert_string_equal(errand_url_reason(ERRAND_URL_USERINFO), "it contains user information");
	assert_string_equal(errand_url_reason((ErrandUrlCheck) 999), "it is malformed");
	assert_string_equal(errand_url_reason((ErrandUrlCheck) -1), "it is malformed");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
									   cmocka_unit_test(test_split),
									   cmocka_unit_test(test_refused_split_leaves_the_parts_alone),
									   cmocka_unit_test(test_longest),
									   cmocka_unit_test(test_every_byte_everywhere),
									   cmocka_unit_test(test_noise),
									   cmocka_unit_test(test_reasons)};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
