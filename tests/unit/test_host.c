/*
 * test_host.c
 *		The spellings of an IPv4 address.
 */
#include "unit.h"

#include "url.h"

typedef struct NumberCase
{
	const char *host;
	bool is_address;
	uint32_t address;
} NumberCase;

static const NumberCase number_cases[] = {{"127.0.0.1", true, 0x7f000001},
										  {"127.1", true, 0x7f000001},
										  {"127.0.1", true, 0x7f000001},
										  {"2130706433", true, 0x7f000001},
										  {"0x7f.1", true, 0x7f000001},
										  {"0X7F000001", true, 0x7f000001},
										  {"017700000001", true, 0x7f000001},
										  {"0177.0.0.01", true, 0x7f000001},
										  {"0", true, 0},
										  {"00", true, 0},
										  {"255.255.255.255", true, 0xffffffff},
										  {"4294967295", true, 0xffffffff},
										  {"1.16777215", true, 0x01ffffff},
										  {"1.2.65535", true, 0x0102ffff},
										  {"169.254.43518", true, 0xa9fea9fe},
										  {"4294967296", false, 0},
										  {"1.16777216", false, 0},
										  {"1.2.65536", false, 0},
										  {"1.2.3.256", false, 0},
										  {"256.2.3.4", false, 0},
										  {"1.2.3.4.5", false, 0},
										  {"1..2", false, 0},
										  {"1.2.3.", false, 0},
										  {".1", false, 0},
										  {"", false, 0},
										  {"0x", false, 0},
										  {"08", false, 0},
										  {"0xg", false, 0},
										  {"1a", false, 0},
										  {"-1", false, 0},
										  {"example.com", false, 0}};

static void
test_ipv4_spellings(void **state)
{
	(void) state;
	for (size_t i = 0; i < LENGTH_OF(number_cases); i++)
	{
		const NumberCase *c = &number_cases[i];
		size_t len = strlen(c->host);
		char *host = exact_copy(c->host, len);
		uint32_t address = 0;

		if (errand_host_ipv4(host, len, &address) != c->is_address || address != c->address)
			fail_msg("<%s>: %08x", c->host, address);
		free(host);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ipv4_spellings)};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
