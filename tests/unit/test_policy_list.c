/*
 * test_policy_list.c
 *		The list of networks that an administrator allows.
 */
#include "unit.h"

#include "addresses.h"

typedef struct ListCase
{
	const char *allow;
	const char *address;
	int port;
	ErrandEgress expected;
} ListCase;

static const ListCase list_cases[] = {{"127.0.0.1/32:8080", "127.0.0.1", 8080, LISTED},
									  {"127.0.0.1/32:8080", "127.0.0.1", 8081, LOOPBACK},
									  {"127.0.0.1/32:8080", "127.0.0.2", 8080, LOOPBACK},
									  {"127.0.0.1/32:8080", "0.0.0.0", 8080, RESERVED},
									  {"127.0.0.1:8080", "127.0.0.1", 8080, LISTED},
									  {"127.0.0.1", "127.0.0.1", 1, LISTED},
									  {"127.0.0.1:1", "127.0.0.1", 1, LISTED},
									  {"127.0.0.1:65535", "127.0.0.1", 65535, LISTED},
									  {"127.0.0.1/8", "127.255.0.9", 1,
									   LISTED}, /* host bits do not count */
									  {"10.0.0.0/8", "10.255.255.255", 1, LISTED},
									  {"10.0.0.0/8", "11.0.0.0", 1, PUBLIC},
									  {"10.0.0.0/9", "10.127.255.255", 1, LISTED},
									  {"10.0.0.0/9", "10.128.0.0", 1, PRIVATE},
									  {"10.128.0.0/9", "10.128.0.1", 1, LISTED},
									  {"10.128.0.0/9", "10.127.0.1", 1, PRIVATE},
									  {"10.255.0.0/15", "10.254.0.1", 1, LISTED},
									  {"10.255.0.0/15", "10.253.0.1", 1, PRIVATE},
									  {"10.0.0.0/31", "10.0.0.1", 1, LISTED},
									  {"10.0.0.0/31", "10.0.0.2", 1, PRIVATE},
									  {"0.0.0.0/0", "127.0.0.1", 1, LISTED},
									  {"0.0.0.0/0", "::1", 1, LOOPBACK},
									  {"0.0.0.0/0", "8.8.8.8", 1, PUBLIC},
									  {"0.0.0.0/0:80", "127.0.0.1", 81, LOOPBACK},
									  {"169.254.169.254", "169.254.169.254", 80, LISTED},
									  /* mapped addresses are IPv4 on both sides */
									  {"127.0.0.1", "::ffff:127.0.0.1", 1, LISTED},
									  {"::ffff:127.0.0.1", "127.0.0.1", 1, LISTED},
									  {"::ffff:127.0.0.0/104", "::ffff:127.9.9.9", 1, LISTED},
									  {"::ffff:0:0/96", "127.0.0.1", 1, LISTED},
									  {"::ffff:0:0/95", "127.0.0.1", 1, LOOPBACK},
									  {"::/0", "::ffff:127.0.0.1", 1, LOOPBACK},
									  {"::/0", "127.0.0.1", 1, LOOPBACK},
									  /* other wrappings need listing as what they are */
									  {"127.0.0.1", "::127.0.0.1", 1, LOOPBACK},
									  {"127.0.0.0/8", "64:ff9b::127.0.0.1", 1, LOOPBACK},
									  {"127.0.0.0/8", "2002:7f00:1::", 1, LOOPBACK},
									  {"64:ff9b::/96", "64:ff9b::10.0.0.1", 1, LISTED},
									  {"::1", "::1", 1, LISTED},
									  {"::1/128", "::1", 1, LISTED},
									  {"[::1]", "::1", 1, LISTED},
									  {"[::1]:443", "::1", 443, LISTED},
									  {"[::1]:443", "::1", 80, LOOPBACK},
									  {"[::1]/128:443", "::1", 443, LISTED},
									  {"[::1]/128:443", "::1", 80, LOOPBACK},
									  {"::1/128:443", "::1", 443, LISTED},
									  {"fd00::/8", "fd12::1", 1, LISTED},
									  {"fd00::/8", "fc12::1", 1, PRIVATE},
									  {"fe80::/10", "febf::1", 1, LISTED},
									  {"::/0", "::1", 1, LISTED},
									  /* several, however separated */
									  {"10.0.0.0/8,127.0.0.1", "127.0.0.1", 1, LISTED},
									  {"10.0.0.0/8 127.0.0.1", "127.0.0.1", 1, LISTED},
									  {" , 10.0.0.0/8 ,\t\n,, 127.0.0.1 , ", "127.0.0.1", 1,
									   LISTED},
									  {"10.0.0.0/8,fd00::/8,[::1]:80", "::1", 80, LISTED}};

static void
test_lists(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(list_cases); i++)
	{
		const ListCase *c = &list_cases[i];
		ErrandEgress got = classify(c->address, c->port, c->allow);

		if (got != c->expected)
			fail_msg("<%s>, %s port %d: %s, expected %s", c->allow, c->address, c->port,
					 errand_egress_name(got), errand_egress_name(c->expected));
	}
}

static void
test_bad_lists(void **state)
{
	static const char *const bad[] = {
		"x",
		"localhost",
		"example.com",
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/+8",
		"10.0.0.0/8x",
		"10.0.0.0/0008",
		"10.0.0.0/8/8",
		"10.0.0/8",
		"10",
		"010.0.0.1",
		"256.0.0.1",
		"10.0.0.1:",
		"10.0.0.1:0",
		"10.0.0.1:65536",
		"10.0.0.1:000080",
		"10.0.0.1:80:80",
		"10.0.0.1/8:",
		"10.0.0.1:x",
		":80",
		"/8",
		"/8:80",
		"::1/129",
		"::1/",
		"[::1",
		"::1]",
		"[]",
		"[]:80",
		"[::1]x",
		"[::1]80",
		"[10.0.0.1]:80",
		"[10.0.0.1]",
		"[::1]:",
		"[::1]:0",
		"[::1]/128:",
		"fe80::1%eth0",
		":::1",
		"1:2",
		"10.0.0.0/8;127.0.0.1",
		"10.0.0.0-10.0.0.9",
		"*",
		"10.*",
		"[[::1]]",
		"1111111111111111111111111111111111111111111111111111111111111111111111111",
		"\xff",
		"10.0.0.1/8\xc2\xa0"};
	ErrandCidr out[4];

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(bad); i++)
	{
		char list[160];
		const char *item = NULL;
		size_t len = 0;

		snprintf(list, sizeof(list), "10.0.0.0/8, %s ,::1", bad[i]);
		if (errand_policy_parse(list, out, 4, &item, &len) != -1)
			fail_msg("<%s> is taken", bad[i]);
		assert_ptr_equal(item, list + strlen("10.0.0.0/8, "));
		assert_int_equal(len, strlen(bad[i]));
		assert_int_equal(errand_policy_parse(list, NULL, 0, NULL, NULL), -1);
	}
}

static void
test_list_counts(void **state)
{
	ErrandCidr out[3];
	const char *item = NULL;
	size_t len = 0;

	(void) state;
	assert_int_equal(errand_policy_parse("", out, 3, &item, &len), 0);
	assert_int_equal(errand_policy_parse(" ,, ", out, 0, &item, &len), 0);
	assert_int_equal(errand_policy_parse("::1 ::2 ::3", out, 3, &item, &len), 3);
	assert_null(item);
	memset(out, 0x5a, sizeof(out));
	assert_int_equal(errand_policy_parse("::1 ::2 ::3", out, 2, &item, &len), -1);
	assert_int_equal(out[2].prefix, 0x5a); /* never past the end */
	assert_int_equal(len, 3);
	assert_memory_equal(item, "::3", 3);
	assert_int_equal(errand_policy_parse("::1 ::2 ::3", NULL, 0, NULL, NULL), 3);

	assert_int_equal(errand_policy_parse("10.1.2.3/12:99", out, 3, NULL, NULL), 1);
	assert_true(out[0].v4 && out[0].prefix == 12 && out[0].port == 99);
	assert_memory_equal(out[0].addr, "\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

/* Noise: no crash, no over-read, and what is taken has sane fields. */
static void
test_list_noise(void **state)
{
	static const char alphabet[] = "0123456789.:/[]fF, %x\t\xff";
	Random r = seeded_random("policy list");

	(void) state;
	for (int step = 0; step < 100000; step++)
	{
		char text[41];
		size_t len = random_below(&r, 40);
		char *copy;
		ErrandCidr out[3];
		int n;

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[random_below(&r, sizeof(alphabet) - 1)];
		text[len] = '\0';
		copy = exact_copy(text, len + 1);
		n = errand_policy_parse(copy, out, 3, NULL, NULL);
		assert_true(n >= -1 && n <= 3);
		for (int i = 0; i < n; i++)
			assert_true(out[i].prefix <= (out[i].v4 ? 32 : 128));
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists),
									   cmocka_unit_test(test_bad_lists),
									   cmocka_unit_test(test_list_counts),
									   cmocka_unit_test(test_list_noise)};

	return cmocka_run_group_tests_name("policy_list", tests, NULL, NULL);
}
