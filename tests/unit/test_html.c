/*
 * test_html.c
 *		Titles of HTML pages, hostile ones too.
 */
#include "unit.h"

#include "html.h"

typedef struct Case
{
	const char *page;
	size_t len;
	const char *title; /* NULL: none */
} Case;

static const Case cases[] = {
	{LIT("<html><head><title>Hello</title></head></html>"), "Hello"},
	{LIT("<TITLE lang=en>\n\t Two \r\n words\f </TiTlE>"), "Two words"},
	{LIT("<title>&lt;a&gt; &amp; &quot;b&quot; &apos;</title>"), "<a> & \"b\" '"},
	{LIT("<title>&#72;&#x69;&#X21; &#128; &#0;&#xD800;&#x110000;</title>"),
	 "Hi! € \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	{LIT("<title>&#99999999999999999999;</title>"), "\xef\xbf\xbd"},
	{LIT("<title>caf&eacute; &ndash; &euro;5 &#x1F600;</title>"), "café – €5 😀"},
	{LIT("<title>&amp &lt &nosuch; &#; &#x; & &amp;amp; &eacute</title>"),
	 "& < &nosuch; &#; &#x; & &amp; &eacute"},
	{LIT("<title>a&#32;&#10;b&nbsp;c</title>"), "a b\xc2\xa0"
												"c"},
	{LIT("<title>1 < 2 <b>bold</b> </titles></title>"), "1 < 2 <b>bold</b> </titles>"},
	{LIT("<title></title>"), ""},
	{LIT("<title> \n </title >"), ""},
	{LIT("<title/>still open</title>"), "still open"},
	{LIT("<!-- <title>no</title> --><title>yes</title>"), "yes"},
	{LIT("<!--><title>yes</title>-->"), "yes"},
	{LIT("<script>\"<title>no</title>\"</script><title>yes</title>"), "yes"},
	{LIT("<style><title>no</title></style><STYLE a='</style>'></style><title>yes</title>"), "yes"},
	{LIT("<svg><title>no</title></svg><svg/><title>yes</title>"), "yes"},
	{LIT("<a b=\"<title>no</title>\" c = '<title>no</title>' d\"e><title>yes</title>"), "yes"},
	{LIT("<titled>no</titled><title>yes</title><title>second</title>"), "yes"},
	{LIT("<!doctype html><?xml?><title>yes</title>"), "yes"},
	{LIT("a < b <title>yes</title>"), "yes"},
	{LIT(""), NULL},
	{LIT("<"), NULL},
	{LIT("<title"), NULL},
	{LIT("<title>"), NULL},
	{LIT("<title>not closed"), NULL},
	{LIT("<title>not closed</title"), NULL},
	{LIT("<!-- <title>no</title>"), NULL},
	{LIT("<script><title>no</title>"), NULL},
	{LIT("<a b=\"><title>no</title>"), NULL},
	{LIT("{\"title\": \"no page\"}"), NULL},
};

static bool
title_of(const char *page, size_t len, bool utf8, char **title)
{
	char *copy = exact_copy(page, len);
	char *out = malloc(len + 1);
	size_t out_len = 0;
	bool found;

	assert_non_null(out);
	found = errand_html_title(copy, len, utf8, out, &out_len);
	assert_true(out_len <= len);
	out[out_len] = '\0';
	free(copy);
	*title = out;
	return found;
}

static void
test_table(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		char *title;
		bool found = title_of(cases[i].page, cases[i].len, true, &title);

		if (found != (cases[i].title != NULL) || (found && strcmp(title, cases[i].title) != 0))
			fail_msg("%s: %s", cases[i].page, found ? title : "none");
		free(title);
	}
}

static void
test_not_utf8(void **state)
{
	char *title;

	(void) state;
	assert_true(title_of(LIT("<title>\xe9&eacute;&lt;</title>"), false, &title));
	assert_string_equal(title, "\xe9?<");
	free(title);
}

/* Every name is found, and no longer or shorter one. */
static void
test_entities(void **state)
{
	(void) state;
	assert_int_equal(errand_html_entity(LIT("AElig")), 0xc6);
	assert_int_equal(errand_html_entity(LIT("zwnj")), 0x200c);
	assert_int_equal(errand_html_entity(LIT("thetasym")), 0x3d1);
	assert_int_equal(errand_html_entity(LIT("sup")), 0x2283);
	assert_int_equal(errand_html_entity(LIT("sup1")), 0xb9);
	assert_int_equal(errand_html_entity(LIT("su")), 0);
	assert_int_equal(errand_html_entity(LIT("amps")), 0);
	assert_int_equal(errand_html_entity(LIT("thetasymx")), 0);
	assert_int_equal(errand_html_entity(LIT("am\0")), 0);
	assert_int_equal(errand_html_entity(LIT("")), 0);
}

/* What would be quadratic if anything were searched twice: a second would be far too long. */
static void
test_linear(void **state)
{
	static const char *const pieces[] = {"<",			"<!--",	  "<a b=\"", "<script>",
										 "<title>&amp", "</titl", "<svg>",	 "&#"};
	const size_t len = 4000000;
	char *page = malloc(len);

	(void) state;
	assert_non_null(page);
	for (size_t i = 0; i < LENGTH_OF(pieces); i++)
	{
		size_t n = strlen(pieces[i]);
		char *title;

		for (size_t at = 0; at < len; at++)
			page[at] = pieces[i][at % n];
		assert_false(title_of(page, len, true, &title));
		free(title);
	}
	free(page);
}

static void
test_random(void **state)
{
	static const char *const pieces[] = {"<title>",	  "</title>", "<!--", "-->",	  "<script>",
										 "</script>", "<svg",	  "/>",	  ">",		  "\"",
										 "=",		  "&",		  "#",	  "x",		  "amp",
										 ";",		  " ",		  "a",	  "\xc3\xa9", "\0"};
	Random r = seeded_random("html");

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		char page[400];
		size_t len = 0;
		char *title;

		for (uint64_t n = random_below(&r, 30); n > 0; n--)
		{
			const char *piece = pieces[random_below(&r, LENGTH_OF(pieces))];
			size_t m = *piece ? strlen(piece) : 1;

			memcpy(page + len, piece, m);
			len += m;
		}
		(void) title_of(page, len, i % 2 == 0, &title);
		free(title);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),
									   cmocka_unit_test(test_not_utf8),
									   cmocka_unit_test(test_entities),
									   cmocka_unit_test(test_linear),
									   cmocka_unit_test(test_random)};

	return cmocka_run_group_tests_name("html", tests, NULL, NULL);
}
