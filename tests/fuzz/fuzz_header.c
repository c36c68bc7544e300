/*
 * fuzz_header.c
 *		Header names and values: what is allowed is one line of one header.
 */
#include "fuzz.h"

#include "header.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;

	if (errand_header_value_ok(s, size))
		MUST(!memchr(s, '\r', size) && !memchr(s, '\n', size) && !memchr(s, '\0', size));
	if (errand_is_token(s, size))
		MUST(size > 0 && !memchr(s, ':', size) && !memchr(s, ' ', size) &&
			 errand_header_value_ok(s, size));
	if (errand_traceparent_ok(s, size))
		MUST(size == 55 && errand_is_token(s, size));
	/* what is forbidden is so in every case, and with "_" for "-" */
	if (errand_header_forbidden(s, size))
	{
		char *other = exact(s, size);

		for (size_t i = 0; i < size; i++)
			other[i] = other[i] == '-'					  ? '_' :
					   other[i] >= 'a' && other[i] <= 'z' ? (char) (other[i] - 32) :
															other[i];
		MUST(errand_header_forbidden(other, size));
		free(other);
	}
	errand_header_is_credential(s, size);
	return 0;
}
