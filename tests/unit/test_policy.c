/*
 * test_policy.c
 *		Which addresses a task may connect to.
 */
#include "unit.h"
#include "addresses.h"
#include "url.h"

typedef struct Case
{
	const char *address;
	ErrandEgress expected;
} Case;

/* Each range by its first and last address and its neighbours. */
static const Case cases[] = {{"0.0.0.0", RESERVED},
							 {"0.255.255.255", RESERVED},
							 {"1.0.0.0", PUBLIC},
							 {"9.255.255.255", PUBLIC},
							 {"10.0.0.0", PRIVATE},
							 {"10.255.255.255", PRIVATE},
							 {"11.0.0.0", PUBLIC},
							 {"100.63.255.255", PUBLIC},
							 {"100.64.0.0", PRIVATE},
							 {"100.127.255.255", PRIVATE},
							 {"100.128.0.0", PUBLIC},
							 {"100.100.100.200", METADATA},
							 {"126.255.255.255", PUBLIC},
							 {"127.0.0.0", LOOPBACK},
							 {"127.0.0.1", LOOPBACK},
							 {"127.255.255.255", LOOPBACK},
							 {"128.0.0.0", PUBLIC},
							 {"168.63.129.16", METADATA},
							 {"168.63.129.17", PUBLIC},
							 {"169.253.255.255", PUBLIC},
							 {"169.254.0.0", LINK_LOCAL},
							 {"169.254.169.254", METADATA},
							 {"169.254.170.2", METADATA},
							 {"169.254.255.255", LINK_LOCAL},
							 {"169.255.0.0", PUBLIC},
							 {"172.15.255.255", PUBLIC},
							 {"172.16.0.0", PRIVATE},
							 {"172.31.255.255", PRIVATE},
							 {"172.32.0.0", PUBLIC},
							 {"191.255.255.255", PUBLIC},
							 {"192.0.0.0", RESERVED},
							 {"192.0.0.255", RESERVED},
							 {"192.0.0.192", METADATA},
							 {"192.0.1.0", PUBLIC},
							 {"192.0.1.255", PUBLIC},
							 {"192.0.2.0", RESERVED},
							 {"192.0.2.255", RESERVED},
							 {"192.0.3.0", PUBLIC},
							 {"192.88.98.255", PUBLIC},
							 {"192.88.99.1", RESERVED},
							 {"192.88.100.0", PUBLIC},
							 {"192.167.255.255", PUBLIC},
							 {"192.168.0.0", PRIVATE},
							 {"192.168.255.255", PRIVATE},
							 {"192.169.0.0", PUBLIC},
							 {"198.17.255.255", PUBLIC},
							 {"198.18.0.0", RESERVED},
							 {"198.19.255.255", RESERVED},
							 {"198.20.0.0", PUBLIC},
							 {"198.51.99.255", PUBLIC},
							 {"198.51.100.0", RESERVED},
							 {"198.51.100.255", RESERVED},
							 {"198.51.101.0", PUBLIC},
							 {"203.0.112.255", PUBLIC},
							 {"203.0.113.0", RESERVED},
							 {"203.0.113.255", RESERVED},
							 {"203.0.114.0", PUBLIC},
							 {"223.255.255.255", PUBLIC},
							 {"224.0.0.0", MULTICAST},
							 {"239.255.255.255", MULTICAST},
							 {"240.0.0.0", RESERVED},
							 {"255.255.255.255", RESERVED},
							 {"8.8.8.8", PUBLIC},
							 {"93.184.216.34", PUBLIC},

							 /* mapped: the kernel makes IPv4 of it */
							 {"::ffff:127.0.0.1", LOOPBACK},
							 {"::ffff:10.1.2.3", PRIVATE},
							 {"::ffff:169.254.169.254", METADATA},
							 {"::ffff:0.0.0.0", RESERVED},
							 {"::ffff:224.0.0.1", MULTICAST},
							 {"::ffff:8.8.8.8", PUBLIC},
							 /* compatible: named after what it wraps, never public */
							 {"::127.0.0.1", LOOPBACK},
							 {"::10.0.0.1", PRIVATE},
							 {"::169.254.169.254", METADATA},
							 {"::8.8.8.8", RESERVED},
							 {"::2", RESERVED},
							 {"::", RESERVED},
							 {"::1", LOOPBACK},
							 /* translated (SIIT) and what else lies below 2000::/3 */
							 {"::ffff:0:127.0.0.1", RESERVED},
							 {"::ffff:0:8.8.8.8", RESERVED},
							 {"100::1", RESERVED},
							 {"1fff:ffff::1", RESERVED},
							 /* NAT64, both prefixes */
							 {"64:ff9b::a9fe:a9fe", METADATA},
							 {"64:ff9b::127.0.0.1", LOOPBACK},
							 {"64:ff9b::10.0.0.1", PRIVATE},
							 {"64:ff9b::8.8.8.8", PUBLIC},
							 {"64:ff9b::1:8.8.8.8", RESERVED},
							 {"64:ff9b:1::127.0.0.1", LOOPBACK},
							 {"64:ff9b:1::8.8.8.8", PUBLIC},
							 {"64:ff9b:1::169.254.169.254", METADATA},
							 {"64:ff9b:1:7f00:0:100::", LOOPBACK},	 /* 127.0.0.1 at /48 */
							 {"64:ff9b:1:a9fe:a9:fe00::", METADATA}, /* 169.254.169.254 at /48 */
							 {"64:ff9b:1:808:8:800::", PUBLIC},		 /* 8.8.8.8 at /48 */
							 {"64:ff9b:1:7f00::8.8.8.8", LOOPBACK},	 /* readable both ways */
							 {"64:ff9b:1:808:8:800:0:1", RESERVED},	 /* neither */
							 {"64:ff9b:2::8.8.8.8", RESERVED},
							 /* 6to4 */
							 {"2002:7f00:1::", LOOPBACK},
							 {"2002:a00:1::1", PRIVATE},
							 {"2002:a9fe:a9fe::", METADATA},
							 {"2002:808:808::1", PUBLIC},
							 /* Teredo: server 8.8.8.8 or 10.0.0.1, client inverted */
							 {"2001:0:808:808::f7f7:f7f7", PUBLIC},
							 {"2001:0:808:808::80ff:fffe", LOOPBACK},
							 {"2001:0:a00:1::f7f7:f7f7", PRIVATE},
							 {"2001::f7f7:f7f7", RESERVED},
							 {"2001:0:808:808::5601:5601", METADATA},
							 /* ISATAP */
							 {"2600::5efe:10.0.0.1", PRIVATE},
							 {"2600::200:5efe:127.0.0.1", LOOPBACK},
							 {"2600::5efe:8.8.8.8", PUBLIC},
							 {"2600::100:5efe:127.0.0.1", PUBLIC},
							 /* the rest of IPv6 */
							 {"fc00::", PRIVATE},
							 {"fd12:3456::1", PRIVATE},
							 {"fdff:ffff::1", PRIVATE},
							 {"fe00::1", RESERVED},
							 {"fbff::1", RESERVED},
							 {"fd00:ec2::254", METADATA},
							 {"fd00:ec2::253", PRIVATE},
							 {"fd20:ce::254", METADATA},
							 {"fe80::1", LINK_LOCAL},
							 {"febf::1", LINK_LOCAL},
							 {"fec0::1", PRIVATE},
							 {"feff::1", PRIVATE},
							 {"ff00::", MULTICAST},
							 {"ff02::1", MULTICAST},
							 {"2001:db7::1", PUBLIC},
							 {"2001:db8::1", RESERVED},
							 {"2001:db9::1", PUBLIC},
							 {"2001:2::1", RESERVED},
							 {"2001:10::1", RESERVED},
							 {"2001:20::1", RESERVED},
							 {"2001:1ff:ffff::1", RESERVED},
							 {"2001:200::1", PUBLIC},
							 {"2001:4860:4860::8888", PUBLIC},
							 {"2606:4700::1111", PUBLIC},
							 {"3ffe:ffff::1", PUBLIC},
							 {"3fff::1", RESERVED},
							 {"3fff:fff::1", RESERVED},
							 {"3fff:1000::1", PUBLIC},
							 {"4000::1", RESERVED},
							 {"5f00::1", RESERVED}};

static void
test_ranges(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(cases); i++)
	{
		ErrandEgress got = classify(cases[i].address, 80, "");

		if (got != cases[i].expected)
			fail_msg("%s: %s, expected %s", cases[i].address, errand_egress_name(got),
					 errand_egress_name(cases[i].expected));
		if (errand_egress_allowed(got) != (cases[i].expected == PUBLIC))
			fail_msg("%s: allowed", cases[i].address);
	}
}

/* From the URL as a user types it to the verdict: every spelling of loopback. */
static void
test_urls_end_to_end(void **state)
{
	static const char *const refused[] = {"http://127.0.0.1/",
										  "http://127.1/",
										  "http://127.0.1/",
										  "http://2130706433/",
										  "http://0x7f.1/",
										  "http://0x7f000001/",
										  "http://017700000001/",
										  "http://0177.0.0.1/",
										  "http://0/",
										  "http://0.0.0.0/",
										  "http://127.255.255.255:5432/",
										  "http://[::1]/",
										  "http://[::]/",
										  "http://[::ffff:127.0.0.1]/",
										  "http://[::ffff:7f00:1]/",
										  "http://[0:0:0:0:0:ffff:7f00:1]/",
										  "http://[::127.0.0.1]/",
										  "http://[64:ff9b::a9fe:a9fe]/",
										  "http://[2002:7f00:1::]/",
										  "http://169.254.169.254/latest/meta-data/",
										  "http://2852039166/",
										  "http://0xa9fea9fe/",
										  "http://10.0.0.1/",
										  "http://192.168.1.1/",
										  "http://172.16.0.1/",
										  "http://100.64.0.1/",
										  "http://[fd00::1]/",
										  "http://[fe80::1]/",
										  "http://[ff02::1]/",
										  "http://255.255.255.255/"};
	static const char *const allowed[] = {"http://8.8.8.8/", "http://134744072/",
										  "https://[2606:4700::1111]/", "http://[::ffff:8.8.8.8]/"};

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(refused) + LENGTH_OF(allowed); i++)
	{
		bool expected = i >= LENGTH_OF(refused);
		const char *url = expected ? allowed[i - LENGTH_OF(refused)] : refused[i];
		ErrandUrlParts p;
		char host[64];
		uint32_t v4;

		assert_true(errand_url_split(url, strlen(url), &p));
		snprintf(host, sizeof(host), "%.*s", (int) p.host_len, p.host);
		if (!p.ipv6_literal)
		{
			assert_true(errand_host_ipv4(p.host, p.host_len, &v4));
			snprintf(host, sizeof(host), "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255, v4 >> 8 & 255,
					 v4 & 255);
		}
		if (errand_egress_allowed(classify(host, p.port, "")) != expected)
			fail_msg("%s", url);
	}
}

static void
test_what_is_no_address(void **state)
{
	Address a;
	socklen_t len = make_address("8.8.8.8", 80, &a);
	struct sockaddr_storage other;

	(void) state;
	assert_int_equal(errand_policy_classify(NULL, 16, NULL, 0), ERRAND_EGRESS_BAD_FAMILY);
	for (socklen_t cut = 0; cut < len; cut++)
	{
		char *copy = exact_copy((const char *) &a, cut);

		assert_int_equal(errand_policy_classify((struct sockaddr *) copy, cut, NULL, 0),
						 ERRAND_EGRESS_BAD_FAMILY);
		free(copy);
	}
	len = make_address("2606:4700::1111", 80, &a);
	for (socklen_t cut = 0; cut < len; cut++)
	{
		char *copy = exact_copy((const char *) &a, cut);

		assert_int_equal(errand_policy_classify((struct sockaddr *) copy, cut, NULL, 0),
						 ERRAND_EGRESS_BAD_FAMILY);
		free(copy);
	}
	for (int family = 0; family < 64; family++)
	{
		memset(&other, 0, sizeof(other));
		other.ss_family = (sa_family_t) family;
		if (family != AF_INET && family != AF_INET6)
			assert_int_equal(errand_policy_classify((struct sockaddr *) &other, sizeof(other), NULL,
													0),
							 ERRAND_EGRESS_BAD_FAMILY);
	}
	assert_false(errand_egress_allowed(ERRAND_EGRESS_BAD_FAMILY));
}

/* At an odd address: curl hands sockaddrs out of packed structures. */
static void
test_unaligned(void **state)
{
	Address a;
	socklen_t len = make_address("127.0.0.1", 80, &a);
	char buf[64];

	(void) state;
	memcpy(buf + 1, &a, len);
	assert_int_equal(errand_policy_classify((const struct sockaddr *) (const void *) (buf + 1), len,
											NULL, 0),
					 LOOPBACK);
}

static void
test_suggest(void **state)
{
	static const char *const pairs[][2] = {{"127.0.0.1", "127.0.0.1/32:8080"},
										   {"::1", "[::1]/128:8080"},
										   {"::ffff:10.0.0.1", "10.0.0.1/32:8080"},
										   {"fd00:1111:2222:3333:4444:5555:6666:7777",
											"[fd00:1111:2222:3333:4444:5555:6666:7777]/128:8080"}};
	Address a;
	char buf[64];

	(void) state;
	for (size_t i = 0; i < LENGTH_OF(pairs); i++)
	{
		make_address(pairs[i][0], 8080, &a);
		assert_true(errand_policy_suggest(&a.sa, buf, sizeof(buf)));
		assert_string_equal(buf, pairs[i][1]);

		/* listing what was suggested allows it, and only that port */
		assert_int_equal(classify(pairs[i][0], 8080, buf), LISTED);
		assert_int_not_equal(classify(pairs[i][0], 8081, buf), LISTED);

		/* too small by any amount: nothing, and nothing past the end */
		for (size_t n = 0; n <= strlen(pairs[i][1]); n++)
		{
			char filler[64] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
			char *small = exact_copy(filler, n);

			assert_false(errand_policy_suggest(&a.sa, small, n));
			if (n > 0)
				assert_string_equal(small, "");
			free(small);
		}
	}
	make_address("127.0.0.1", 0, &a);
	assert_true(errand_policy_suggest(&a.sa, buf, sizeof(buf)));
	assert_string_equal(buf, "127.0.0.1/32");
	make_address("127.0.0.1", 65535, &a);
	assert_true(errand_policy_suggest(&a.sa, buf, sizeof(buf)));
	assert_string_equal(buf, "127.0.0.1/32:65535");
	a.sa.sa_family = AF_UNIX;
	assert_false(errand_policy_suggest(&a.sa, buf, sizeof(buf)));
	assert_string_equal(buf, "");
	assert_false(errand_policy_suggest(NULL, buf, sizeof(buf)));
}

static void
test_names(void **state)
{
	(void) state;
	for (int i = ERRAND_EGRESS_PUBLIC; i <= ERRAND_EGRESS_BAD_FAMILY; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(errand_egress_name((ErrandEgress) i),
									errand_egress_name((ErrandEgress) j));
	assert_string_equal(errand_egress_name((ErrandEgress) 99), "unsupported");
	assert_string_equal(errand_egress_name((ErrandEgress) -1), "unsupported");
}

/*
 * Random addresses, biased towards the prefixes that matter: whatever holds a
 * private IPv4 address in a form a network may unwrap is never public.
 */
static void
test_walk(void **state)
{
	static const char *const wraps[] = {"::ffff:%s", "::%s", "64:ff9b::%s", "64:ff9b:1::%s",
										"2600::5efe:%s"};
	Random r = seeded_random("policy");

	(void) state;
	for (int step = 0; step < 20000; step++)
	{
		uint32_t v4 = (uint32_t) next_random(&r);
		char text[64];
		char wrapped[96];
		ErrandEgress plain;

		if (step % 2 == 0)
			v4 = (v4 & 0xffffff) | (step % 4 == 0 ? 127u << 24 : 10u << 24);
		snprintf(text, sizeof(text), "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255, v4 >> 8 & 255,
				 v4 & 255);
		plain = classify(text, 80, "");
		for (size_t w = 0; w < LENGTH_OF(wraps); w++)
		{
			snprintf(wrapped, sizeof(wrapped), wraps[w], text);
			if (plain != PUBLIC && errand_egress_allowed(classify(wrapped, 80, "")))
				fail_msg("%s", wrapped);
		}
		snprintf(wrapped, sizeof(wrapped), "2002:%x:%x::1", v4 >> 16, v4 & 0xffff);
		assert_int_equal(classify(wrapped, 80, ""), plain);
		snprintf(wrapped, sizeof(wrapped), "2001:0:808:808::%x:%x", (v4 >> 16) ^ 0xffff,
				 (v4 & 0xffff) ^ 0xffff);
		assert_int_equal(classify(wrapped, 80, ""), plain);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranges),
									   cmocka_unit_test(test_urls_end_to_end),
									   cmocka_unit_test(test_what_is_no_address),
									   cmocka_unit_test(test_unaligned),
									   cmocka_unit_test(test_suggest),
									   cmocka_unit_test(test_names),
									   cmocka_unit_test(test_walk)};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
