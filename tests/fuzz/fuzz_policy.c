/*
 * fuzz_policy.c
 *		The egress policy: a list that can be read, and an address that it judges.
 *		What it suggests to list makes just that address allowed.
 */
#include "fuzz.h"

#include <netinet/in.h>

#include "policy.h"

static void
judge(const struct sockaddr *sa, socklen_t len, const ErrandCidr *allow, int n)
{
	ErrandEgress egress = errand_policy_classify(sa, len, allow, n);
	ErrandEgress bare = errand_policy_classify(sa, len, NULL, 0);
	ErrandCidr own;
	char text[64];

	MUST(strlen(errand_egress_name(egress)) > 0 && bare != ERRAND_EGRESS_LISTED);
	/* a list only adds */
	MUST(!errand_egress_allowed(bare) || errand_egress_allowed(egress));
	MUST(errand_policy_suggest(sa, text, sizeof(text)));
	MUST(errand_policy_parse(text, &own, 1, NULL, NULL) == 1);
	MUST(errand_egress_allowed(errand_policy_classify(sa, len, &own, 1)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
	ErrandCidr allow[8];
	const char *bad = NULL;
	size_t bad_len = 0;
	char *list;
	int n;

	if (size < 16)
		return 0;
	memcpy(&v4.sin_addr, data, 4);
	memcpy(&v6.sin6_addr, data, 16);
	list = terminated((const char *) data + 16, size - 16);
	n = errand_policy_parse(list, allow, 8, &bad, &bad_len);
	MUST(n >= -1 && n <= 8);
	if (n < 0)
	{
		MUST(within(bad, bad_len, list, strlen(list)));
		n = 0;
	}
	judge((struct sockaddr *) &v4, sizeof(v4), allow, n);
	judge((struct sockaddr *) &v6, sizeof(v6), allow, n);
	errand_policy_classify((struct sockaddr *) data, (socklen_t) size, allow, n);
	free(list);
	return 0;
}
