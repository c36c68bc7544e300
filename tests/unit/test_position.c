/*
 * test_position.c
 *		Positions of clients of the relay, written and read.
 */
#include "unit.h"

#include "position.h"

static void
test_both_ways(void **state)
{
	Random r = seeded_random("positions");

	(void) state;
	for (int i = 0; i < 10000; i++)
	{
		ErrandPosition p = {next_random(&r) >> random_below(&r, 64),
							next_random(&r) >> (1 + random_below(&r, 63))};
		ErrandPosition back;
		char text[ERRAND_POSITION_BYTES];
		size_t len = errand_position_write(p, text);

		assert_int_equal(len, strlen(text));
		assert_int_equal(text[0], 'k');
		assert_true(errand_position_read(text, len, &back));
		assert_true(back.epoch == p.epoch && back.number == p.number);
	}
}

static void
test_wrong(void **state)
{
	static const char *wrong[] = {"",
								  "k",
								  "k:",
								  "k:1",
								  "k1",
								  "k1:",
								  "1:1",
								  "K1:1",
								  "k1:x",
								  "k1:-1",
								  "k1:+1",
								  "k1: 1",
								  "k1:1 ",
								  "k-:1",
								  "k1:1:1",
								  "kZ:1",
								  "kk1:1\n",
								  "k1:99999999999999999999",
								  "kzzzzzzzzzzzzzzzz:1"};
	ErrandPosition p;

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(wrong); i++)
	{
		size_t len = strlen(wrong[i]);
		char *copy = exact_copy(wrong[i], len);

		if (errand_position_read(copy, len, &p))
			fail_msg("\"%s\" is no position", wrong[i]);
		free(copy);
	}
	assert_false(errand_position_read("k1:1\0", 5, &p));
	assert_true(errand_position_read(LIT("k1z:42"), &p));
	assert_true(p.epoch == 36 + 35 && p.number == 42);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_wrong),
	};

	return cmocka_run_group_tests_name("position", tests, NULL, NULL);
}
