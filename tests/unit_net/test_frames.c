/*-------------------------------------------------------------------------
 *
 * test_frames.c
 *	  The buffer of a stream: in order, bounded, and honest about what it let go.
 *
 *-------------------------------------------------------------------------
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sources/frames.h"

static ErrandFrames F;

static int
setup(void **state)
{
	(void) state;
	memset(&F, 0, sizeof(F));
	F.max_bytes = 1024 * 1024;
	F.max_message = 10000;
	return 0;
}

static int
teardown(void **state)
{
	(void) state;
	errand_frames_free(&F);
	return 0;
}

static void
add(const char *text)
{
	assert_true(errand_frames_add(&F, text, strlen(text), true, true, 1));
}

static void
is_first(const char *text, char mark)
{
	assert_non_null(F.first);
	assert_int_equal(F.first->len, strlen(text));
	assert_memory_equal(F.first->data, text, strlen(text));
	assert_int_equal(F.first->mark, mark);
}

static void
test_order(void **state)
{
	(void) state;
	errand_frames_cut(&F);
	add("one");
	add("");
	assert_true(errand_frames_add(&F, "th", 2, true, false, 2));
	assert_true(errand_frames_add(&F, "re", 2, false, false, 2));
	assert_int_equal(F.n, 2); /* it is not complete */
	assert_true(errand_frames_add(&F, "e", 1, false, true, 3));
	assert_int_equal(F.n, 3);
	is_first("one", ERRAND_FRAME_FIRST);
	errand_frames_stored(&F, 1);
	is_first("", ERRAND_FRAME_PLAIN);
	errand_frames_stored(&F, 1);
	is_first("three", ERRAND_FRAME_PLAIN);
	assert_int_equal(F.first->at_us, 3);
	errand_frames_stored(&F, 5); /* more than there are */
	assert_int_equal(F.n, 0);
	assert_int_equal(F.bytes, 0);
	assert_int_equal(F.dropped, 0);
	assert_int_equal(F.received, 3);
}

static void
test_cut(void **state)
{
	(void) state;
	add("one");
	assert_true(errand_frames_add(&F, "half of", 7, true, false, 1));
	errand_frames_cut(&F);
	add("two");
	add("three");
	is_first("one", ERRAND_FRAME_PLAIN);
	errand_frames_stored(&F, 1);
	is_first("two", ERRAND_FRAME_FIRST);
	errand_frames_stored(&F, 1);
	is_first("three", ERRAND_FRAME_PLAIN);
}

static void
test_full(void **state)
{
	char text[32];

	(void) state;
	F.max_bytes = 10 * (sizeof(ErrandFrame) + 8);
	for (int i = 0; i < 1000; i++)
	{
		snprintf(text, sizeof(text), "%08d", i);
		add(text);
		assert_true(F.bytes <= F.max_bytes);
	}
	assert_int_equal(F.n, 10);
	assert_int_equal(F.dropped, 990);
	is_first("00000990", ERRAND_FRAME_AFTER_DROP); /* the newest are kept */
	errand_frames_stored(&F, 1);
	is_first("00000991", ERRAND_FRAME_PLAIN);
}

/* One that is larger than all there may be makes all others go, and comes alone. */
static void
test_large_beside_small(void **state)
{
	static char large[5000];

	(void) state;
	memset(large, 'x', sizeof(large));
	F.max_bytes = 4000;
	add("one");
	assert_true(errand_frames_add(&F, large, sizeof(large), true, true, 1));
	assert_int_equal(F.n, 1);
	assert_int_equal(F.first->mark, ERRAND_FRAME_AFTER_DROP);
	assert_int_equal(F.dropped, 1);
}

static void
test_too_large(void **state)
{
	static char piece[3000];

	(void) state;
	memset(piece, 'x', sizeof(piece));
	assert_true(errand_frames_add(&F, piece, sizeof(piece), true, false, 1));
	for (int i = 0; i < 1000; i++)
		assert_true(errand_frames_add(&F, piece, sizeof(piece), false, false, 1));
	assert_true(F.part_size < 20000); /* it does not grow with what is sent */
	assert_true(errand_frames_add(&F, piece, sizeof(piece), false, true, 1));
	add("next");
	assert_int_equal(F.first->mark, ERRAND_FRAME_TOO_LARGE);
	assert_int_equal(F.first->len, 1000);
	errand_frames_stored(&F, 1);
	is_first("next", ERRAND_FRAME_PLAIN);
	assert_int_equal(F.dropped, 0);
}

static void
test_too_large_at_once(void **state)
{
	static char piece[20000];

	(void) state;
	memset(piece, 'x', sizeof(piece));
	F.max_message = 500;
	assert_true(errand_frames_add(&F, piece, 501, true, true, 1));
	assert_int_equal(F.first->mark, ERRAND_FRAME_TOO_LARGE);
	assert_int_equal(F.first->len, 501);
	errand_frames_stored(&F, 1);
	assert_true(errand_frames_add(&F, piece, 500, true, true, 1));
	assert_int_equal(F.first->mark, ERRAND_FRAME_PLAIN);
	errand_frames_stored(&F, 1);
	F.max_message = 0;
	assert_true(errand_frames_add(&F, piece, sizeof(piece), true, true, 1));
	assert_int_equal(F.first->len, 1000);
	assert_int_equal(F.first->mark, ERRAND_FRAME_TOO_LARGE);
}

/* A dropped message's successor says so, whatever became of it. */
static void
test_mark_stays(void **state)
{
	(void) state;
	errand_frames_cut(&F);
	F.max_bytes = 1;
	add("one");
	add("two");
	is_first("two", ERRAND_FRAME_AFTER_DROP);
	assert_int_equal(F.dropped, 1);
	assert_int_equal(F.n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_beside_small, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_large_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_stays, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
