/*
 * test_standing.c
 *		News of a task that is older than what is known.
 */
#include "unit.h"

#include "standing.h"

enum
{
	NONE,
	WAITING,
	SCHEDULED,
	RUNNING,
	RETRYING,
	READY,
	FINAL
};

static const struct
{
	const char *what;
	ErrandStanding known;
	ErrandStanding told;
	int from;
	bool late;
} cases[] = {
	{"a claim", {1, 0, READY}, {1, 1, RUNNING}, READY, false},
	{"a settle", {1, 1, RUNNING}, {1, 1, FINAL}, RUNNING, false},
	{"a failure", {1, 1, RUNNING}, {1, 1, RETRYING}, RUNNING, false},
	{"its time has come", {1, 1, RETRYING}, {1, 1, READY}, RETRYING, false},
	{"the next attempt", {1, 1, READY}, {1, 2, RUNNING}, READY, false},
	{"a submit after the claim", {1, 1, RUNNING}, {1, 0, READY}, NONE, true},
	{"a submit after the end", {1, 1, FINAL}, {1, 0, READY}, NONE, true},
	{"a claim after the end", {1, 1, FINAL}, {1, 1, RUNNING}, READY, true},
	{"freed after the end", {1, 1, FINAL}, {1, 0, READY}, WAITING, true},
	{"a failure after its due time", {1, 1, READY}, {1, 1, RETRYING}, RUNNING, true},
	{"rescheduled", {1, 0, READY}, {1, 0, SCHEDULED}, READY, false},
	{"parked: the number is not used", {1, 1, RUNNING}, {1, 0, SCHEDULED}, RUNNING, false},
	{"and ready again", {1, 0, SCHEDULED}, {1, 0, READY}, SCHEDULED, false},
	{"cancelled while it waits", {1, 2, READY}, {1, 0, FINAL}, READY, false},
	{"the next run", {1, 3, FINAL}, {2, 3, READY}, FINAL, false},
	{"the run before", {2, 3, READY}, {1, 3, FINAL}, RUNNING, true},
	{"a second end", {1, 1, FINAL}, {1, 1, FINAL}, RUNNING, true},
	{"an end whose claim was not heard", {1, 0, WAITING}, {1, 1, FINAL}, RUNNING, false},
};

static void
test_table(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
		if (errand_standing_late(&cases[i].known, &cases[i].told, cases[i].from) != cases[i].late)
			fail_msg("%s", cases[i].what);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

	return cmocka_run_group_tests_name("standing", tests, NULL, NULL);
}
