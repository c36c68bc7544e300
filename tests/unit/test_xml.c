/*
 * test_xml.c
 *		XML of the wild made readable, and the charsets it comes in.
 */
#include "unit.h"

#include "charset.h"
#include "xml.h"

typedef struct Case
{
	const char *in;
	size_t len;
	const char *out; /* NULL: refused */
} Case;

static const Case cases[] = {
	{LIT("<a>b</a>"), "<a>b</a>"},
	{LIT(""), ""},
	{LIT(" \n<?xml version='1.0' encoding='x'?><a/>"), "<a/>"},
	{LIT("<?xml-stylesheet href='x'?><a/>"), "<?xml-stylesheet href='x'?><a/>"},
	{LIT("<?xml "), ""},
	{LIT("<a>&amp;&lt;&gt;&quot;&apos;</a>"), "<a>&amp;&lt;&gt;&quot;&apos;</a>"},
	{LIT("<a>&eacute;&nbsp;&mdash;</a>"), "<a>é\xc2\xa0—</a>"},
	{LIT("<a b='x&y=1'>R&D &nosuch; & &;</a>"),
	 "<a b='x&amp;y=1'>R&amp;D &amp;nosuch; &amp; &amp;;</a>"},
	{LIT("&"), "&amp;"},
	{LIT("&amp"), "&amp;amp"},
	{LIT("&#38;&#60;&#x3e;"), "&#38;&#60;&#x3e;"},
	{LIT("&#146;&#x92;&#65;&#0;&#xD800;&#xFFFFFFFF;&#x1F600;"),
	 "’’A\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd😀"},
	{LIT("&#;&#x;"), "&amp;#;\xef\xbf\xbd"},
	{LIT("a\x01\x08\x0b\x1f\tb\r\nc"), "a\tb\r\nc"},
	{LIT("<![CDATA[R&D &eacute; <b>\x07]]>&eacute;"), "<![CDATA[R&D &eacute; <b>]]>é"},
	{LIT("<![CDATA[never closed &"), "<![CDATA[never closed &"},
	{LIT("<!-- a -- b & c -->x<!---->y<!-- z"), "xy"},
	{LIT("<!DOCTYPE rss PUBLIC \"-//X//DTD > 1//EN\" 'http://x/[y'>z"), "z"},
	{LIT("<!DOCTYPE a [ <!ELEMENT b (c)> <!ATTLIST b c CDATA '>'> ] >z"), "z"},
	{LIT("<!doctype html>z"), "z"},
	{LIT("<!DOCTYPE a [<!ENTITY x 'y'>]>z"), NULL},
	{LIT("<!DOCTYPE a [<!entity % x SYSTEM 'file:///etc/passwd'>]>z"), NULL},
	{LIT("<!DOCTYPE a SYSTEM '<!ENTITY'>z"), NULL},
	{LIT("<!DOCTYPE"), ""},
};

static char *
clean(const char *s, size_t len, size_t *out_len, bool *refused)
{
	char *copy = exact_copy(s, len);
	size_t room = errand_xml_clean_room(copy, len);
	char *out = malloc(room);

	assert_non_null(out);
	*out_len = errand_xml_clean(copy, len, out, refused);
	assert_true(*out_len <= room);
	free(copy);
	return out;
}

static void
test_table(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		bool refused;
		size_t len;
		char *out = clean(cases[i].in, cases[i].len, &len, &refused);

		assert_int_equal(refused, cases[i].out == NULL);
		if (cases[i].out != NULL)
		{
			assert_int_equal(len, strlen(cases[i].out));
			assert_memory_equal(out, cases[i].out, len);
		}
		free(out);
	}
}

/* What begins again and again and never ends takes no more than its length. */
static void
test_linear(void **state)
{
	static const char *const pieces[] = {"<!--", "<![CDATA[", "<!DOCTYPE [",
										 "&#",	 "&amp",	  "<!DOCTYPE '"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(pieces); i++)
	{
		size_t n = strlen(pieces[i]);
		size_t count = 200000;
		char *s = malloc(n * count);
		bool refused;
		size_t len;

		assert_non_null(s);
		for (size_t k = 0; k < count; k++)
			memcpy(s + k * n, pieces[i], n);
		free(clean(s, n * count, &len, &refused));
		free(s);
	}
}

static void
test_random(void **state)
{
	static const char *const words[] = {"<!--",	  "-->",	"<![CDATA[", "]]>",	 "<!DOCTYPE",
										"[",	  "]",		">",		 "'",	 "\"",
										"&",	  "&#",		"x",		 ";",	 "amp",
										"eacute", "<?xml ", "?>",		 "\xc3", "\xa9"};
	uint32_t seed = 1;

	(void) state;
	for (int round = 0; round < 20000; round++)
	{
		char text[400] = "";
		size_t len = 0;
		bool refused;
		size_t out_len;

		for (int i = 0; i < 20; i++)
		{
			const char *word;

			seed = seed * 1664525 + 1013904223;
			word = words[(seed >> 16) % LENGTH_OF(words)];
			memcpy(text + len, word, strlen(word));
			len += strlen(word);
		}
		free(clean(text, len, &out_len, &refused));
	}
}

typedef struct Charset
{
	const char *s;
	size_t len;
	const char *type;
	const char *name;
	size_t skip;
} Charset;

static const Charset charsets[] = {
	{LIT("<a/>"), NULL, "utf-8", 0},
	{LIT(""), NULL, "utf-8", 0},
	{LIT("\xEF\xBB\xBF<a/>"), "text/xml; charset=latin1", "utf-8", 3},
	{LIT("\xFF\xFE<\0"), NULL, "utf-16le", 2},
	{LIT("\xFE\xFF\0<"), NULL, "utf-16be", 2},
	{LIT("<\0?\0"), NULL, "utf-16le", 0},
	{LIT("\0{"), NULL, "utf-16be", 0},
	{LIT("<a/>"), "text/xml; Charset = \"ISO-8859-1\"; x=y", "iso-8859-1", 0},
	{LIT("<?xml version='1.0' encoding='KOI8-R'?>"), "text/xml", "koi8-r", 0},
	{LIT("\n <?xml version=\"1.0\" ENCODING = \"Shift_JIS\" ?>"), NULL, "shift_jis", 0},
	{LIT("<?xml version='1.0' encoding='"), NULL, "utf-8", 0},
	{LIT("<?xml version='1.0'?><a encoding='x'/>"), NULL, "utf-8", 0},
	{LIT("<a/>"), "text/xml; charset=", "utf-8", 0},
	{LIT("<a/>"), "text/xml; charset=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee",
	 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddd", 0},
};

static void
test_charsets(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(charsets); i++)
	{
		char *copy = exact_copy(charsets[i].s, charsets[i].len);
		char name[ERRAND_CHARSET_BYTES];
		size_t skip;

		errand_charset_find(copy, charsets[i].len, charsets[i].type, &skip, name);
		assert_string_equal(name, charsets[i].name);
		assert_int_equal(skip, charsets[i].skip);
		free(copy);
	}
	assert_true(errand_charset_is_western("windows-1252"));
	assert_false(errand_charset_is_western("iso-8859-15"));
}

static void
test_utf16(void **state)
{
	static const char pair[] = {0x34, (char) 0xD8, 0x1E, (char) 0xDD}; /* U+1D11E */
	char *copy = exact_copy(pair, 4);
	char out[16];

	(void) state;
	assert_int_equal(errand_utf16_to_utf8(copy, 4, false, out), 4);
	assert_memory_equal(out, "\xf0\x9d\x84\x9e", 4);
	/* half a pair, half a unit */
	assert_int_equal(errand_utf16_to_utf8(copy, 3, false, out), 3);
	assert_memory_equal(out, "\xef\xbf\xbd", 3);
	free(copy);
	assert_int_equal(errand_utf16_to_utf8("\0A\x20\xAC", 4, true, out), 4);
	assert_memory_equal(out, "A€", 4);
	assert_int_equal(errand_western_to_utf8("\x80\x81\xe9z", 4, out), 8);
	assert_memory_equal(out, "€\xc2\x81éz", 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_linear),
									   cmocka_unit_test(test_random),
									   cmocka_unit_test(test_charsets),
									   cmocka_unit_test(test_utf16)};

	return cmocka_run_group_tests_name("xml", tests, NULL, NULL);
}
