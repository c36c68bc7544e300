/*
 * fuzz.h
 *		What every fuzz target shares: what must hold, and pieces of the input.
 *
 * libFuzzer hands over a copy that ends where its allocation ends, so that the
 * address sanitizer sees a read of even one byte too many.
 */
#ifndef ERRAND_TESTS_FUZZ_H
#define ERRAND_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(condition)                                                                            \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
		{                                                                                          \
			fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition);             \
			abort();                                                                               \
		}                                                                                          \
	} while (0)

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Is the piece [p, p + n) within [s, s + len)? */
static inline bool
within(const char *p, size_t n, const char *s, size_t len)
{
	return p >= s && n <= len && (size_t) (p - s) <= len - n;
}

/* A terminated copy, for what takes one; the caller frees it. */
static inline char *
terminated(const char *s, size_t len)
{
	char *copy = malloc(len + 1);

	MUST(copy != NULL);
	if (len > 0)
		memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

/* An exact copy, for a piece of the input; the caller frees it. */
static inline char *
exact(const char *s, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	MUST(copy != NULL);
	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

#endif /* ERRAND_TESTS_FUZZ_H */
