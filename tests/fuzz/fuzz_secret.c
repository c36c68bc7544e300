/* fuzz_secret.c: references to secrets come in order, do not overlap, and have names. */
#include "fuzz.h"

#include "secret.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	ErrandSecretRef ref;
	size_t from = 0;

	errand_secret_name_ok(s, size);
	while (errand_secret_next(s, size, from, &ref))
	{
		MUST(ref.start >= from && ref.end > ref.start && ref.end <= size);
		MUST(within(ref.name, ref.name_len, s + ref.start, ref.end - ref.start) &&
			 ref.name_len >= 1);
		MUST(memcmp(s + ref.start, ERRAND_SECRET_PREFIX, strlen(ERRAND_SECRET_PREFIX)) == 0);
		MUST(ref.name_len > ERRAND_SECRET_NAME_MAX ||
			 errand_secret_name_ok(ref.name, ref.name_len));
		from = ref.end;
	}
	return 0;
}
