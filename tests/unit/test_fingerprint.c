/*
 * test_fingerprint.c
 *		Errors that are the same but for ids, numbers and URLs.
 */
#include "unit.h"

#include "fingerprint.h"

static const struct
{
	const char *text;
	const char *expected;
} cases[] = {
	{"", ""},
	{"HTTP status 503", "HTTP status <n>"},
	{"could not connect to 10.0.0.17:8080: connection refused",
	 "could not connect to <n>: connection refused"},
	{"could not connect to ::1: x", "could not connect to ::<n>: x"},
	{"GET https://example.com/a?b=1 failed", "GET <url> failed"},
	{"see (http://x/y) there", "see (<url>) there"},
	{"no row 4b0a2c9e-7d0b-4a7e-9c55-0d6d6a9f1c11 here", "no row <id> here"},
	{"object deadbeef0 gone", "object <id> gone"},
	{"facade decade", "facade decade"}, /* no digit: words */
	{"column \"a b\" of \"t\"", "column \"...\" of \"...\""},
	{"an open \" quote 7", "an open \" quote <n>"},
	{"a\n\t  b\x01", "a b "},
	{"v1.2.3,4", "v<n>"},
	{"at 12:30:01.", "at <n>."},
	{"ünïcode 5", "ünïcode <n>"},
	{"://", "://"},
	{"x1y22z", "x<n>y<n>z"},
};

static void
test_table(void **state)
{
	char out[200];

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		size_t n = errand_fingerprint(cases[i].text, strlen(cases[i].text), out, sizeof(out));

		assert_string_equal(out, cases[i].expected);
		assert_int_equal(n, strlen(out));
	}
}

/* Any bytes, in memory of their own so that a look too far is seen. */
static void
test_noise(void **state)
{
	(void) state;
	for (unsigned seed = 1; seed < 3000; seed++)
	{
		size_t len = seed % 70;
		char *text = malloc(len + 1);
		char *out = malloc(seed % 40 + 1);
		unsigned x = seed * 2654435761u;
		size_t n;

		for (size_t i = 0; i < len; i++)
		{
			x = x * 1664525u + 1013904223u;
			text[i] = "a1-:/.\" \x80z<0f"[(x >> 16) % 13];
		}
		text = realloc(text, len > 0 ? len : 1);
		n = errand_fingerprint(text, len, out, seed % 40 + 1);
		assert_true(n <= seed % 40);
		assert_int_equal(out[n], 0);
		free(text);
		free(out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_noise)};

	return cmocka_run_group_tests_name("fingerprint", tests, NULL, NULL);
}
