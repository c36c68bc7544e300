/* fuzz_retry_after.c: whatever a server asks for, the wait lies within a day. */
#include "fuzz.h"

#include "retry_after.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int64_t now[] = {0, INT64_C(1795795200000), -1, INT64_C(253402300799999)};

	for (size_t i = 0; i < sizeof(now) / sizeof(now[0]); i++)
	{
		int64_t ms = errand_retry_after_ms((const char *) data, size, now[i]);

		MUST(ms >= -1 && ms <= INT64_C(86400000));
	}
	return 0;
}
