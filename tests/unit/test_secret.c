/*
 * test_secret.c
 *		References to secrets, and proxies that may hold them.
 */
#include "unit.h"

#include "proxy.h"
#include "secret.h"

static void
test_names(void **state)
{
	char longest[ERRAND_SECRET_NAME_MAX + 1];

	(void) state;
	memset(longest, 'a', sizeof(longest));
	assert_true(errand_secret_name_ok(longest, ERRAND_SECRET_NAME_MAX));
	assert_false(errand_secret_name_ok(longest, sizeof(longest)));
	assert_true(errand_secret_name_ok(LIT("A-z_0.9")));
	assert_false(errand_secret_name_ok(LIT("")));
	assert_false(errand_secret_name_ok(LIT("a b")));
	assert_false(errand_secret_name_ok(LIT("a/b")));
	assert_false(errand_secret_name_ok(LIT("a\0b")));
	assert_false(errand_secret_name_ok(LIT("\xc3\xa4")));
}

/* All names in a text, each in brackets. */
static const char *
names_in(const char *s, size_t len)
{
	static char all[200];
	ErrandSecretRef ref = {0};
	size_t used = 0;
	char *exact = malloc(len > 0 ? len : 1); /* so that the sanitizer sees its end */

	memcpy(exact, s, len);
	all[0] = '\0';
	while (errand_secret_next(exact, len, ref.end, &ref))
	{
		assert_int_equal(ref.end - ref.start, ref.name_len + 9);
		used += (size_t) snprintf(all + used, sizeof(all) - used, "[%.*s]", (int) ref.name_len,
								  ref.name);
	}
	free(exact);
	return all;
}

static void
test_references(void **state)
{
	(void) state;
	assert_string_equal(names_in(LIT("secret://a")), "[a]");
	assert_string_equal(names_in(LIT("x secret://a.b-c_1 y")), "[a.b-c_1]");
	assert_string_equal(names_in(LIT("http://h/?k=secret://a&l=secret://b#secret://c")),
						"[a][b][c]");
	assert_string_equal(names_in(LIT("secret://asecret://b")), "[asecret]");
	assert_string_equal(names_in(LIT("ssecret://a")), "[a]");
	assert_string_equal(names_in(LIT("secret://secret://a")), "[secret]");
	assert_string_equal(names_in(LIT("secret://:secret://a:")), "[a]");
	assert_string_equal(names_in(LIT("secret://")), "");
	assert_string_equal(names_in(LIT("secret:// a")), "");
	assert_string_equal(names_in(LIT("secret:/a Secret://a secre")), "");
	assert_string_equal(names_in(LIT("")), "");
}

/* "kind|user|password|host|port", or "no". */
static const char *
split(const char *s)
{
	static char text[200];
	ErrandProxyParts p;

	if (!errand_proxy_split(s, strlen(s), &p))
		return "no";
	snprintf(text, sizeof(text), "%s|%.*s|%.*s|%.*s|%d", p.socks ? "socks" : "http",
			 (int) p.user_len, p.user ? p.user : "", (int) p.password_len,
			 p.password ? p.password : "", (int) p.host_len, p.host, p.port);
	return text;
}

static void
test_proxies(void **state)
{
	(void) state;
	assert_string_equal(split("http://proxy:3128"), "http|||proxy|3128");
	assert_string_equal(split("HTTP://10.0.0.1:80/"), "http|||10.0.0.1|80");
	assert_string_equal(split("socks5h://[::1]:1080"), "socks|||::1|1080");
	assert_string_equal(split("http://u:p@proxy:1"), "http|u|p|proxy|1");
	assert_string_equal(split("http://u:p:@x@proxy:1"), "http|u|p:@x|proxy|1");
	assert_string_equal(split("http://secret://c@proxy:1"), "http|secret://c||proxy|1");
	assert_string_equal(split("http://u:secret://p@proxy:1"), "http|u|secret://p|proxy|1");
	assert_string_equal(split("http://secret://u:secret://p@h:1"),
						"http|secret://u|secret://p|h|1");
	assert_string_equal(split("http://u@h:1"), "http|u||h|1");
}

static void
test_no_proxies(void **state)
{
	static const char *const bad[] = {
		"",
		"proxy:1",
		"http://",
		"http://proxy",
		"http://proxy:",
		"http://:1",
		"http://p:0",
		"http://p:65536",
		"http://p:1/x",
		"http://p:1?x",
		"http://@p:1",
		"http://:p@h:1",
		"https://p:1",
		"socks5://p:1",
		"socks4://p:1",
		"http://p:1\n",
		"http://u\r:p@h:1",
		"http://a b:1",
		"http://[::1%1]:1",
		"http://[::1]1",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (strcmp(split(bad[i]), "no") != 0)
			fail_msg("\"%s\" is taken for a proxy", bad[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_proxies),
		cmocka_unit_test(test_no_proxies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
