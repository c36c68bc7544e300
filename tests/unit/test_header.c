/*
 * test_header.c
 *		What may stand in an HTTP header.
 */
#include "unit.h"

#include "header.h"

static void
test_token_of_each_byte(void **state)
{
	/* RFC 9110, 5.6.2, written out independently of the code */
	static const char tchars[] = "!#$%&'*+-.^_`|~0123456789"
								 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	(void) state;
	for (int i = 0; i < 256; i++)
	{
		char c = (char) i;
		bool expected = i != 0 && strchr(tchars, i) != NULL;
		char inside[3] = {'x', c, 'y'};

		if (errand_is_token(&c, 1) != expected || errand_is_token(inside, 3) != expected)
			fail_msg("byte %d", i);
	}
	assert_false(errand_is_token("", 0));
	assert_false(errand_is_token(NULL, 0));
	assert_true(errand_is_token(LIT("X-My_Header")));
	assert_false(errand_is_token(LIT("GET /")));
	assert_false(errand_is_token(LIT("X-A:")));
	assert_false(errand_is_token(LIT("X-A\r\nY")));
	assert_false(errand_is_token(LIT("X\0")));
}

static void
test_value_of_each_byte(void **state)
{
	(void) state;
	for (int i = 0; i < 256; i++)
	{
		char c = (char) i;
		char inside[3] = {'x', c, 'y'};
		bool expected = i == '\t' || (i >= 0x20 && i != 0x7f);

		if (errand_header_value_ok(&c, 1) != expected ||
			errand_header_value_ok(inside, 3) != expected)
			fail_msg("byte %d", i);
	}
	assert_true(errand_header_value_ok("", 0));
	assert_true(errand_header_value_ok(NULL, 0));
	assert_false(errand_header_value_ok(LIT("a\r\nHost: b")));
	assert_false(errand_header_value_ok(LIT("a\nHost: b")));
	assert_false(errand_header_value_ok(LIT("a\0")));
}

static void
test_forbidden(void **state)
{
	static const char *const yes[] = {"Host",
									  "host",
									  "HOST",
									  "Content-Length",
									  "content-length",
									  "Content_Length",
									  "Transfer-Encoding",
									  "TRANSFER_ENCODING",
									  "Connection",
									  "Upgrade",
									  "Expect",
									  "Keep-Alive",
									  "TE",
									  "te",
									  "Trailer",
									  "Proxy-Authorization",
									  "Proxy-Connection",
									  "proxy-anything",
									  "Proxy-"};
	static const char *const no[] = {"",
									 "Hos",
									 "Gost",
									 "Se",
									 "Groxy-a",
									 "Hosts",
									 "X-Host",
									 "Content-Type",
									 "Content-Length2",
									 "Content-Lengt",
									 "Accept",
									 "Accept-Encoding",
									 "Expectation",
									 "T",
									 "TEE",
									 "Trailers",
									 "Upgrade-Insecure-Requests",
									 "Authorization",
									 "Cookie",
									 "Idempotency-Key",
									 "Proxy",
									 "X-Proxy-A",
									 "Connections",
									 "Via"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(yes); i++)
		if (!errand_header_forbidden(yes[i], strlen(yes[i])))
			fail_msg("%s passes", yes[i]);
	for (size_t i = 0; i < LENGTH_OF(no); i++)
		if (errand_header_forbidden(no[i], strlen(no[i])))
			fail_msg("%s is refused", no[i]);
	assert_false(errand_header_forbidden(NULL, 0));
}

static void
test_credentials(void **state)
{
	static const char *const yes[] = {"Authorization",
									  "AUTHORIZATION",
									  "Cookie",
									  "Cookie2",
									  "Proxy-Authorization",
									  "X-Api-Key",
									  "x_api_key",
									  "X-Auth-Token",
									  "Api-Key",
									  "Apikey",
									  "X-APIKEY",
									  "X-Access-Token",
									  "X-CSRF-Token",
									  "Private-Token",
									  "X-Vault-Token",
									  "X-Amz-Security-Token",
									  "X-Goog-Api-Key",
									  "Ocp-Apim-Subscription-Key",
									  "X-Functions-Key",
									  "X-Secret",
									  "My-Password",
									  "X-Passwd",
									  "X-Credentials",
									  "X-Hub-Signature-256",
									  "X-Auth",
									  "X-Auth-Key",
									  "token"};
	static const char *const no[] = {"",		  "Accept",		  "Content-Type",	 "User-Agent",
									 "X-Author",  "Author",		  "Idempotency-Key", "traceparent",
									 "X-Task-Id", "X-Request-Id", "If-Match",		 "toke",
									 "X-Broken",  "X-Lookie",	  "Cooki",			 "Api",
									 "Key",		  "X-Sort-Key"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(yes); i++)
	{
		char *name = exact_copy(yes[i], strlen(yes[i]));

		if (!errand_header_is_credential(name, strlen(yes[i])))
			fail_msg("%s is taken across", yes[i]);
		free(name);
	}
	for (size_t i = 0; i < LENGTH_OF(no); i++)
	{
		char *name = exact_copy(no[i], strlen(no[i]));

		if (errand_header_is_credential(name, strlen(no[i])))
			fail_msg("%s is dropped", no[i]);
		free(name);
	}
	assert_false(errand_header_is_credential(NULL, 0));
}

#define TRACE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void
test_traceparent(void **state)
{
	static const char *const no[] = {"",
									 "00",
									 "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
									 "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
									 "00-00000000000000000000000000000000-b7ad6b7169203331-01",
									 "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
									 "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
									 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333G-01",
									 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
									 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
									 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
									 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
									 "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
									 "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
									 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01"};
	char *copy = exact_copy(LIT(TRACE));

	(void) state;
	assert_true(errand_traceparent_ok(copy, strlen(TRACE)));
	free(copy);
	assert_true(
		errand_traceparent_ok(LIT("00-00000000000000000000000000000001-0000000000000001-00")));
	for (size_t i = 0; i < LENGTH_OF(no); i++)
		if (errand_traceparent_ok(no[i], strlen(no[i])))
			fail_msg("%s passes", no[i]);

	/* any other byte at any place makes it none */
	for (size_t at = 0; at < strlen(TRACE); at++)
	{
		char bad[] = TRACE;

		bad[at] = 'g';
		assert_false(errand_traceparent_ok(bad, strlen(bad)));
		bad[at] = '\0';
		assert_false(errand_traceparent_ok(bad, strlen(TRACE)));
	}
	assert_false(errand_traceparent_ok(NULL, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_token_of_each_byte),
									   cmocka_unit_test(test_value_of_each_byte),
									   cmocka_unit_test(test_forbidden),
									   cmocka_unit_test(test_credentials),
									   cmocka_unit_test(test_traceparent)};

	return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
