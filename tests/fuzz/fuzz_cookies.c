/*
 * fuzz_cookies.c
 *		Cookies that a server sets: they go to that host only, and what is sent
 *		is one line.
 */
#include "fuzz.h"

#include "postgres.h"

#include "core/header.h"
#include "kinds/http_cookies.h"
#include "memory.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	List *jar = NIL;
	size_t half = size / 2;
	char *sent;

	errand_cookies_take(&jar, "https://a.example/x", (const char *) data, half);
	errand_cookies_take(&jar, "http://b.example/", (const char *) data + half, size - half);
	sent = errand_cookies_for(jar, "https://A.example/y", "mine=1; a=2");
	MUST(sent != NULL && errand_header_value_ok(sent, strlen(sent)) && strlen(sent) < 8300);
	sent = errand_cookies_for(jar, "http://b.example:8080/", NULL);
	MUST(sent == NULL || errand_header_value_ok(sent, strlen(sent)));
	MUST(errand_cookies_for(jar, "http://c.example/", NULL) == NULL);
	fuzz_forget();
	return 0;
}
