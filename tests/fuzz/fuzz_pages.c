/*
 * fuzz_pages.c
 *		What strangers' pages and feeds consist of: charsets, titles, XML.
 */
#include "fuzz.h"

#include "charset.h"
#include "html.h"
#include "http_head.h"
#include "xml.h"

static void
convert(const char *s, size_t size)
{
	char *out = malloc(size / 2 * 3 + 3);

	MUST(errand_utf16_to_utf8(s, size, false, out) <= size / 2 * 3 + 3);
	MUST(errand_utf16_to_utf8(s, size, true, out) <= size / 2 * 3 + 3);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	char name[ERRAND_CHARSET_BYTES];
	char *type = terminated(s, size < 40 ? size : 40), *out;
	size_t skip = 0, len = 0;
	bool refused = false;

	errand_charset_find(s, size, type, &skip, name);
	MUST(skip <= size && memchr(name, '\0', sizeof(name)) != NULL);
	errand_charset_is_western(name);
	free(type);
	convert(s, size);
	out = malloc(size + 1);
	if (errand_html_title(s, size, true, out, &len))
		MUST(len <= size &&
			 (!errand_utf8_ok(s, size) || errand_utf8_ok(out, len) || memchr(out, '\0', len)));
	free(out);
	out = malloc(errand_xml_clean_room(s, size) + 1);
	MUST(errand_xml_clean(s, size, out, &refused) <= errand_xml_clean_room(s, size));
	free(out);
	return 0;
}
