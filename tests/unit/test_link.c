/*
 * test_link.c
 *		Reading Link headers.
 */
#include "unit.h"

#include "link.h"

typedef struct Case
{
	const char *value;
	size_t len;
	const char *next; /* NULL: none */
} Case;

static const Case cases[] = {
	{LIT("<https://a/?page=2>; rel=\"next\""), "https://a/?page=2"},
	{LIT("</b>;rel=next"), "/b"},
	{LIT("<?p=2>; rel=NEXT"), "?p=2"},
	{LIT("<>; rel=next"), ""},
	{LIT("<a>; rel=\"prev\", <b>; rel=\"next\", <c>; rel=\"last\""), "b"},
	{LIT("<a>; rel=\"prev next\""), "a"},
	{LIT("<a>; title=\"x, <b>; rel=next\"; rel=prev"), NULL},
	{LIT("<a>; title=\"a \\\" b\"; rel=next"), "a"},
	{LIT("<a>; rel=prev; rel=next"), NULL}, /* only the first counts */
	{LIT("<a,b;c>; rel=next"), "a,b;c"},
	{LIT("<a> ; rel = next"), "a"},
	{LIT("<a>,<b>;rel=next"), "b"},
	{LIT(" , <a>; rel=next"), "a"},
	{LIT("<a>; rel=\"next"), "a"},
	{LIT("<a>; rel=nextpage"), NULL},
	{LIT("<a>; rel"), NULL},
	{LIT("<a>; rel="), NULL},
	{LIT("<a>;"), NULL},
	{LIT("<a; rel=next"), NULL},
	{LIT("a; rel=next"), NULL},
	{LIT("<a>; rel=prev x <b>; rel=next"), NULL},
	{LIT("<a>; rel=\"next\\"), NULL},
	{LIT(""), NULL},
	{LIT("<"), NULL},
	{LIT(";;;,,,"), NULL},
};

static void
finds_next(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char *copy = exact_copy(cases[i].value, cases[i].len);
		size_t len = 0;
		const char *next = errand_link_find(copy, cases[i].len, "next", &len);

		if ((next == NULL) != (cases[i].next == NULL) ||
			(next != NULL &&
			 (len != strlen(cases[i].next) || memcmp(next, cases[i].next, len) != 0)))
			fail_msg("<%s>: %.*s", cases[i].value, next ? (int) len : 4, next ? next : "none");
		free(copy);
	}
}

/* Any bytes: no read outside, an end, and a target that lies inside. */
static void
survives_anything(void **state)
{
	static const char bytes[] = "<>;,=\"\\ \trelnextab";
	Random r = seeded_random("links");

	(void) state;
	for (int i = 0; i < 200000; i++)
	{
		size_t size = (size_t) random_below(&r, 40);
		char text[40];
		char *copy;
		size_t len = 0;
		const char *next;

		for (size_t k = 0; k < size; k++)
			text[k] = bytes[random_below(&r, sizeof(bytes) - 1)];
		copy = exact_copy(text, size);
		next = errand_link_find(copy, size, "next", &len);
		if (next != NULL)
			assert_true(next > copy && next + len < copy + size);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(finds_next),
									   cmocka_unit_test(survives_anything)};

	return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
