/* fuzz_link.c: a link's target lies within the header, between its brackets. */
#include "fuzz.h"

#include "link.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	size_t len = 0;
	const char *target = errand_link_find(s, size, "next", &len);

	if (target == NULL)
		return 0;
	MUST(within(target - 1, len + 2, s, size));
	MUST(target[-1] == '<' && target[len] == '>' && !memchr(target, '>', len));
	return 0;
}
