/* fuzz_rate.c: rates lie within their bounds. */
#include "fuzz.h"

#include "rate.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	double rate = -1;

	if (errand_rate_parse((const char *) data, size, &rate))
		MUST(rate >= ERRAND_RATE_MIN && rate <= ERRAND_RATE_MAX);
	else
		MUST(rate == -1);
	return 0;
}
