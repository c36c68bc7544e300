/*
 * test_poison.c
 *		Finding the task that crashes the server.
 */
#include "unit.h"

#include "poison.h"

typedef struct Case
{
	ErrandFall fall; /* falls, restarts, alone_falls, group_size, in_group */
	ErrandFallVerdict expected;
} Case;

static const Case cases[] = {{{0, 0, 0, 0, false}, ERRAND_FALL_READY},
							 {{1, 0, 0, 0, false}, ERRAND_FALL_READY},
							 {{1, 9, 0, 0, false}, ERRAND_FALL_READY},
							 {{2, 0, 0, 0, false}, ERRAND_FALL_SUSPECT},
							 {{0, 10, 0, 0, false}, ERRAND_FALL_SUSPECT},
							 {{1, 10, 0, 0, false}, ERRAND_FALL_SUSPECT},
							 {{99, 99, 0, 0, false}, ERRAND_FALL_SUSPECT},
							 {{-5, -5, -5, -5, false}, ERRAND_FALL_READY},
							 /* a size is nothing without a group */
							 {{1, 0, 5, 9, false}, ERRAND_FALL_READY},
							 {{2, 0, 5, 9, false}, ERRAND_FALL_SUSPECT},
							 /* groups */
							 {{3, 0, 0, 1000, true}, ERRAND_FALL_SPLIT},
							 {{3, 0, 0, 2, true}, ERRAND_FALL_SPLIT},
							 {{3, 0, 1, 2, true}, ERRAND_FALL_SPLIT},
							 {{3, 0, 9, 2, true}, ERRAND_FALL_SPLIT}, /* not alone this time */
							 {{3, 0, 1, 1, true}, ERRAND_FALL_ALONE_AGAIN},
							 {{3, 99, 1, 1, true}, ERRAND_FALL_ALONE_AGAIN},
							 {{3, 0, 0, 1, true}, ERRAND_FALL_ALONE_AGAIN},
							 {{3, 0, 2, 1, true}, ERRAND_FALL_FAILED},
							 {{3, 0, INT32_MAX, 1, true}, ERRAND_FALL_FAILED},
							 {{3, 0, 2, 0, true}, ERRAND_FALL_FAILED},
							 {{3, 0, -1, -1, true}, ERRAND_FALL_ALONE_AGAIN}};

static void
test_table(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
		if (errand_fall_decide(&cases[i].fall) != cases[i].expected)
			fail_msg("case %zu", i);
}

static void
test_halves(void **state)
{
	(void) state;
	for (int size = 2; size < 2000; size++)
	{
		int half = errand_fall_first_half(size);

		assert_true(half >= 1 && half < size);
		assert_true(half - (size - half) <= 1 && half >= size - half);
	}
	assert_int_equal(errand_fall_first_half(1), 1);
	assert_int_equal(errand_fall_first_half(0), 0);
	assert_int_equal(errand_fall_first_half(-7), 0);
	assert_int_equal(errand_fall_first_half(INT32_MAX), 1 + INT32_MAX / 2);
}

/*
 * The whole rule, played out.  Tasks, some of which crash the server each time
 * that they run; normal running takes several at once, then suspects run group by
 * group.  Every culprit must end failed, no bystander ever.
 */
#define MAX_TASKS 64

typedef enum Place
{
	QUEUED,
	SUSPECTED,
	DONE,
	BLAMED
} Place;

typedef struct Task
{
	bool culprit;
	Place place;
	int group; /* of suspects; 0: none */
	ErrandFall fall;
} Task;

static Task tasks[MAX_TASKS];
static int n_tasks;
static int last_group;

/* Judge all that were in flight at a fall, as the leader would. */
static void
judge(const int *flight, int n)
{
	int group = tasks[flight[0]].group;
	int suspects = 0;
	int left_group = ++last_group;
	int right_group = ++last_group;

	for (int i = 0; i < n; i++)
	{
		Task *t = &tasks[flight[i]];

		t->fall.falls++;
		t->fall.in_group = group != 0;
		t->fall.group_size = group != 0 ? n : 0;
		if (group != 0 && n == 1)
			t->fall.alone_falls++;
		switch (errand_fall_decide(&t->fall))
		{
			case ERRAND_FALL_READY:
				t->place = QUEUED;
				break;
			case ERRAND_FALL_SUSPECT:
				t->place = SUSPECTED;
				t->group = left_group;
				suspects++;
				break;
			case ERRAND_FALL_SPLIT:
				assert_true(group != 0 && n > 1);
				t->group = i < errand_fall_first_half(n) ? left_group : right_group;
				break;
			case ERRAND_FALL_ALONE_AGAIN:
				assert_true(group != 0 && n == 1);
				break;
			case ERRAND_FALL_FAILED:
				assert_true(t->culprit);
				assert_true(t->fall.alone_falls == 2);
				t->place = BLAMED;
				break;
		}
	}
}

/* Run these at once; true if the server fell. */
static bool
run(const int *flight, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (tasks[flight[i]].culprit)
		{
			judge(flight, n);
			return true;
		}
	}
	for (int i = 0; i < n; i++)
		tasks[flight[i]].place = DONE;
	return false;
}

/* Some queued tasks, or one whole group of suspects, whichever is due. */
static int
next_flight(Random *r, int *flight)
{
	int capacity = 1 + (int) random_below(r, 16);
	int group = 0;
	int n = 0;

	for (int i = 0; i < n_tasks && group == 0; i++)
		if (tasks[i].place == SUSPECTED)
			group = tasks[i].group;
	for (int i = 0; i < n_tasks; i++)
	{
		if (group != 0 ? tasks[i].place == SUSPECTED && tasks[i].group == group :
						 tasks[i].place == QUEUED && n < capacity)
			flight[n++] = i;
	}
	return n;
}

static void
test_walk(void **state)
{
	Random r = seeded_random("poison");
	int most_falls = 0;

	(void) state;
	for (int walk = 0; walk < 2000; walk++)
	{
		int flight[MAX_TASKS];
		int culprits = 0;
		int falls = 0;
		int n;

		n_tasks = 1 + (int) random_below(&r, MAX_TASKS);
		last_group = 0;
		memset(tasks, 0, sizeof(tasks));
		for (int i = 0; i < n_tasks; i++)
		{
			tasks[i].culprit = random_below(&r, 16) == 0;
			culprits += tasks[i].culprit;
		}
		while ((n = next_flight(&r, flight)) > 0)
			falls += run(flight, n);
		for (int i = 0; i < n_tasks; i++)
			assert_int_equal(tasks[i].place, tasks[i].culprit ? BLAMED : DONE);

		/* two to be suspect, five halvings of 16 and the rest, two alone */
		assert_true(falls <= culprits * 9);
		if (falls > most_falls)
			most_falls = falls;
	}
	assert_true(most_falls > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_halves),
									   cmocka_unit_test(test_walk)};

	return cmocka_run_group_tests_name("poison", tests, NULL, NULL);
}
