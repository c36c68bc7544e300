/*
 * test_origin.c
 *		Who may use the relay from a page, and under which name: tricks with
 *		prefixes, suffixes, ports, schemes and case.
 */
#include "unit.h"

#include "origin.h"

#define LISTED "https://ok.example, http://b.example:8080"
#define PUBLIC "https://public.example/errand/"

typedef struct Pair
{
	const char *text;
	bool allowed;
} Pair;

static const Pair hosts[] = {
	{"127.0.0.1", true},
	{"127.0.0.1:8722", true},
	{"127.9.9.9:1", true},
	{"localhost", true},
	{"LocalHost:8722", true},
	{"[::1]:8722", true},
	{"[::1]", true},
	{"192.0.2.7", true},
	{"192.0.2.7:8722", true},
	{"ok.example", true},
	{"OK.example:99", true},
	{"b.example", true},
	{"public.example", true},
	{"", false},
	{"evil.example", false},
	{"192.0.2.8", false},
	{"ok.example.evil", false},
	{"xok.example", false},
	{"ok.example.", false},
	{"localhost.evil", false},
	{"127.0.0.1.evil", false},
	{"127.1", false},
	{"2130706433", false},
	{"0x7f.0.0.1", false},
	{"[::2]", false},
	{"::1", false},
	{"[::1", false},
	{"[::1]x", false},
	{"a@127.0.0.1", false},
	{"127.0.0.1@a", false},
	{"127.0.0.1:", false},
	{"127.0.0.1:x", false},
	{"127.0.0.1:99999", false},
	{"127.0.0.1:1:2", false},
	{"127.0.0.1/", false},
	{"127.0.0.1 ", false},
	{"128.0.0.1", false},
};

static const Pair origins[] = {
	{"http://127.0.0.1:8722", true},
	{"HTTP://127.0.0.1:8722", true},
	{"https://ok.example", true},
	{"https://ok.example:443", true},
	{"https://OK.Example", true},
	{"http://b.example:8080", true},
	{"https://public.example", true},
	{"null", false},
	{"", false},
	{"http://", false},
	{"http://127.0.0.1", false},
	{"http://127.0.0.1:87220", false},
	{"http://127.0.0.1:872", false},
	{"http://127.0.0.1:8722.evil", false},
	{"http://127.0.0.1:8722/", false},
	{"http://127.0.0.1:8722@evil", false},
	{"http://evil@127.0.0.1:8722", false},
	{"http://127.0.0.1:8722 http://e", false},
	{"ftp://127.0.0.1:8722", false},
	{"127.0.0.1:8722", false},
	{"http://localhost:8722", false},
	{"http://ok.example", false},
	{"https://ok.example:8443", false},
	{"https://sub.ok.example", false},
	{"https://ok.example.evil", false},
	{"https://ok.example/", false},
	{"http://b.example", false},
	{"https://b.example:8080", false},
	{"https://public.example/errand", false},
	{"https://127.0.0.1:8722", false},
};

static void
test_hosts(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(hosts); i++)
	{
		size_t len = strlen(hosts[i].text);
		char *copy = exact_copy(hosts[i].text, len);

		if (errand_host_allowed(copy, len, "192.0.2.7", LISTED, PUBLIC) != hosts[i].allowed)
			fail_msg("Host \"%s\"", hosts[i].text);
		free(copy);
	}
	assert_false(errand_host_allowed(LIT("ok.example"), "192.0.2.7", "", ""));
}

static void
test_origins(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(origins); i++)
	{
		size_t len = strlen(origins[i].text);
		char *copy = exact_copy(origins[i].text, len);

		if (errand_origin_allowed(copy, len, LIT("127.0.0.1:8722"), false, LISTED, PUBLIC) !=
			origins[i].allowed)
			fail_msg("Origin \"%s\"", origins[i].text);
		free(copy);
	}
	/* with TLS it is the other way round */
	assert_true(
		errand_origin_allowed(LIT("https://127.0.0.1:8722"), LIT("127.0.0.1:8722"), true, "", ""));
	assert_false(
		errand_origin_allowed(LIT("http://127.0.0.1:8722"), LIT("127.0.0.1:8722"), true, "", ""));
	assert_true(errand_origin_allowed(LIT("https://a"), LIT("a:443"), true, "", ""));
	assert_true(errand_origin_allowed(LIT("http://a:80"), LIT("a"), false, "", ""));
}

static void
test_lists(void **state)
{
	(void) state;
	assert_true(errand_origin_list_ok(""));
	assert_true(errand_origin_list_ok(LISTED));
	assert_false(errand_origin_list_ok("https://a/path"));
	assert_false(errand_origin_list_ok("a.example"));
	assert_false(errand_origin_list_ok("*"));
	assert_true(errand_listen_list_ok("127.0.0.1, ::1"));
	assert_true(errand_listen_list_ok("*"));
	assert_true(errand_listen_list_ok("localhost"));
	assert_false(errand_listen_list_ok(""));
	assert_false(errand_listen_list_ok("example.com"));
	assert_false(errand_listen_list_ok("127.0.0.1:80"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
