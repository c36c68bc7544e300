/*
 * test_json_read.c
 *		JSON from outside, read strictly: every text ends where its allocation
 *		ends, and every part of a text is no text.
 */
#include "unit.h"

#include "json_read.h"

static ErrandJson json;

static bool
reads(const char *text, size_t len)
{
	char *copy = exact_copy(text, len);
	bool good = errand_json_read(copy, len, &json);

	free(copy);
	return good;
}

static void
test_good(void **state)
{
	static const char *good[] = {
		"{}",
		"[]",
		"null",
		"true",
		" { } ",
		"\t[ 1 ,\r\n2 ]",
		"-0",
		"0.5e-10",
		"1E+5",
		"\"\"",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
		"{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}]}",
		"\"\\ud83d\\ude00\"",
		"\"\x7f\"",
		"[[[[[[[1]]]]]]]",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(good); i++)
	{
		if (!reads(good[i], strlen(good[i])))
			fail_msg("refused: %s", good[i]);
		if (good[i][0] == '{' || good[i][0] == '[' || good[i][0] == '"')
			for (size_t part = 0; part < strlen(good[i]); part++)
				if (reads(good[i], part))
					fail_msg("%zu bytes are no text: %s", part, good[i]);
	}
}

static void
test_bad(void **state)
{
	static const char *bad[] = {
		"",
		" ",
		"{",
		"}",
		"{]",
		"[1,]",
		"[,1]",
		"[1 2]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{a:1}",
		"{'a':1}",
		"{1:1}",
		"{}{}",
		"{}x",
		"nul",
		"nulll",
		"True",
		"01",
		"-",
		"+1",
		"1.",
		".5",
		"1e",
		"1e+",
		"0x1",
		"NaN",
		"Infinity",
		"\"",
		"\"a",
		"a\"",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\u0000\"",
		"\"\\ud83d\"",
		"\"\\ude00\"",
		"\"\\ud83d\\u0041\"",
		"\"\\ud83dx\"",
		"\"\n\"",
		"\"\t\"",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}",
		"{\"b\":{},\"a\":1,\"b\":2}",
		"[[[[[[[[1]]]]]]]]",
		"\v1",
		"\f1",
		"\xa0"
		"1",
		"// x\n1",
		"/**/1",
	};
	char deep[2000];

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(bad); i++)
		if (reads(bad[i], strlen(bad[i])))
			fail_msg("taken: %s", bad[i]);
	assert_false(reads("\"a\0b\"", 5));
	assert_false(reads("1\0", 2));
	memset(deep, '[', sizeof(deep));
	assert_false(reads(deep, sizeof(deep)));
	for (size_t i = 0; i + 1 < sizeof(deep); i += 2)
		memcpy(deep + i, "1,", 2);
	deep[0] = '[';
	deep[1] = ' ';
	deep[sizeof(deep) - 1] = ']';
	assert_false(reads(deep, sizeof(deep))); /* more pieces than there is room for */
}

static void
test_strings(void **state)
{
	static const struct
	{
		const char *text;
		const char *wanted; /* NULL: it does not fit */
	} strings[] = {
		{"\"\"", ""},
		{"\"abc\"", "abc"},
		{"\"\\u0041\\n\"", "A\n"},
		{"\"\\u00e9\"", "\xc3\xa9"},
		{"\"\\u20ac\"", "\xe2\x82\xac"},
		{"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
		{"\"x\\ud83d\\ude00y\"", "x\xf0\x9f\x98\x80y"},
		{"\"1234567\"", "1234567"},
		{"\"12345678\"", NULL},
		{"\"1234567\\u00e9\"", NULL},
		{"\"12345\\u20ac\"", NULL},
		{"1", NULL},
		{"null", NULL},
	};
	char out[8];

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(strings); i++)
	{
		size_t len = strlen(strings[i].text);
		char *copy = exact_copy(strings[i].text, len);
		bool good;

		assert_true(errand_json_read(copy, len, &json));
		good = errand_json_string(&json, 0, out, sizeof(out));
		if (good != (strings[i].wanted != NULL) || (good && strcmp(out, strings[i].wanted) != 0))
			fail_msg("%s", strings[i].text);
		free(copy);
	}
}

static void
test_members(void **state)
{
	static const char text[] =
		"{\"a\":[1,{\"b\":2}],\"c\":-12,\"d\":1.5,\"e\":999999999999999999,\"f\":9999999999999999999}";
	long long n;

	(void) state;
	assert_true(errand_json_read(LIT(text), &json));
	assert_int_equal(json.piece[0].n, 5);
	assert_int_equal(json.piece[0].next, json.n);
	assert_int_equal(json.piece[errand_json_member(&json, 0, "a")].n, 2);
	assert_true(errand_json_int(&json, errand_json_member(&json, 0, "c"), &n) && n == -12);
	assert_true(errand_json_int(&json, errand_json_member(&json, 0, "e"), &n) &&
				n == 999999999999999999);
	assert_false(errand_json_int(&json, errand_json_member(&json, 0, "d"), &n));
	assert_false(errand_json_int(&json, errand_json_member(&json, 0, "f"), &n));
	assert_int_equal(errand_json_member(&json, 0, "b"), -1);
	assert_int_equal(errand_json_member(&json, -1, "a"), -1);
	assert_false(errand_json_int(&json, -1, &n));
}

/* Whatever bytes come, nothing is read beyond the end, and what is taken can be walked. */
static void
test_random(void **state)
{
	static const char *parts[] = {"{", "}",		 "[",	 "]",	 ",", ":",	"\"a\"", "\"b\\u00e9\"",
								  "1", "-2.5e3", "true", "null", " ", "\\", "\"",	 "\\ud83d"};
	Random r = seeded_random("json");

	(void) state;
	for (int round = 0; round < 50000; round++)
	{
		char text[256] = "";
		char out[64];

		for (uint64_t n = random_below(&r, 16); n > 0; n--)
			strcat(text, parts[random_below(&r, LENGTH_OF(parts))]);
		if (!reads(text, strlen(text)))
			continue;
		assert_true(errand_json_read(text, strlen(text), &json));
		for (int i = 0; i < json.n; i++)
		{
			assert_true(json.piece[i].next > i && json.piece[i].next <= json.n);
			(void) errand_json_string(&json, i, out, sizeof(out));
			(void) errand_json_member(&json, i, "a");
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),	cmocka_unit_test(test_bad),
		cmocka_unit_test(test_strings), cmocka_unit_test(test_members),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("json_read", tests, NULL, NULL);
}
