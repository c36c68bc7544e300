/*
 * test_ascii.c
 *		The byte-wise ASCII helpers.
 */
#include "unit.h"

#include "ascii.h"

static void
test_classes_of_all_bytes(void **state)
{
	(void) state;
	for (int i = 0; i < 256; i++)
	{
		char c = (char) i;
		bool upper = i >= 65 && i <= 90;
		bool lower = i >= 97 && i <= 122;
		bool digit = i >= 48 && i <= 57;

		assert_int_equal(errand_ascii_is_digit(c), digit);
		assert_int_equal(errand_ascii_is_alpha(c), upper || lower);
		assert_int_equal(errand_ascii_is_alnum(c), upper || lower || digit);
		assert_int_equal(errand_ascii_is_control(c), i < 32 || i == 127);
		assert_int_equal(errand_ascii_is_space(c), i == 32 || i == 9 || i == 10 || i == 13);
		assert_int_equal((unsigned char) errand_ascii_lower(c), upper ? i + 32 : i);
	}
}

static void
test_hex(void **state)
{
	(void) state;
	for (int i = 0; i < 256; i++)
	{
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *at = i == 0 ? NULL : strchr(digits, i);

		assert_int_equal(errand_ascii_hex((char) i), at == NULL ? -1 : (at - digits) % 16);
	}
}

static void
test_equals(void **state)
{
	(void) state;
	assert_true(errand_ascii_equals(LIT("HoSt"), "host"));
	assert_false(errand_ascii_equals(LIT("hosts"), "host"));
	assert_false(errand_ascii_equals(LIT("hos"), "host"));
	assert_false(errand_ascii_equals(LIT("hos\0"), "host"));
	assert_true(errand_ascii_equals("", 0, ""));
	/* 0x20 apart, but not letters: '@' and '`', '[' and '{' */
	assert_false(errand_ascii_equals("@", 1, "`"));
	assert_false(errand_ascii_equals("[", 1, "{"));
}

static void
test_trim(void **state)
{
	const char *s = " \t\r\nab c\n ";
	size_t len = strlen(s);

	(void) state;
	errand_ascii_trim(&s, &len);
	assert_int_equal(len, 4);
	assert_memory_equal(s, "ab c", 4);

	s = "  \t ";
	len = 4;
	errand_ascii_trim(&s, &len);
	assert_int_equal(len, 0);

	s = NULL;
	len = 0;
	errand_ascii_trim(&s, &len);
	assert_int_equal(len, 0);
}

static void
test_uint(void **state)
{
	int64_t v = -7;

	(void) state;
	assert_true(errand_ascii_uint(LIT("0"), 5, &v) && v == 0);
	assert_true(errand_ascii_uint(LIT("00042"), 5, &v) && v == 42);
	assert_true(errand_ascii_uint(LIT("999999999999999999"), 18, &v));
	assert_true(v == INT64_C(999999999999999999));
	v = -7;
	assert_false(errand_ascii_uint(LIT("000042"), 5, &v));
	assert_false(errand_ascii_uint(LIT("9999999999999999999"), 99, &v));
	assert_false(errand_ascii_uint(LIT(""), 5, &v));
	assert_false(errand_ascii_uint(LIT("-1"), 5, &v));
	assert_false(errand_ascii_uint(LIT("+1"), 5, &v));
	assert_false(errand_ascii_uint(LIT(" 1"), 5, &v));
	assert_false(errand_ascii_uint(LIT("1\0"), 5, &v));
	assert_false(errand_ascii_uint(LIT("1a"), 5, &v));
	assert_true(v == -7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_classes_of_all_bytes),
									   cmocka_unit_test(test_hex), cmocka_unit_test(test_equals),
									   cmocka_unit_test(test_trim), cmocka_unit_test(test_uint)};

	return cmocka_run_group_tests_name("ascii", tests, NULL, NULL);
}
