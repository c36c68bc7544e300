/*
 * unit.h
 *		What every unit test of the decision core includes: cmocka, hostile
 *		buffers, and random numbers that a seed repeats.
 */
#ifndef ERRAND_TESTS_UNIT_H
#define ERRAND_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A literal and its length, for functions that take both. */
#define LIT(text) (text), (sizeof(text) - 1)

/*
 * A copy that ends exactly where its allocation ends, so that the sanitizer
 * catches a read of even one byte too many.  The caller frees it.
 */
static inline char *
exact_copy(const char *s, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, s, len);
	return copy;
}

/* xorshift64*: the same seed gives the same walk everywhere. */
typedef struct Random
{
	uint64_t state;
} Random;

static inline uint64_t
next_random(Random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * UINT64_C(2685821657736338717);
}

/* Uniform in 0..n-1; n > 0. */
static inline uint64_t
random_below(Random *r, uint64_t n)
{
	return next_random(r) % n;
}

/* Uniform in [0, 1). */
static inline double
random_unit(Random *r)
{
	return (double) (next_random(r) >> 11) / 9007199254740992.0;
}

/*
 * The seed of a walk: fixed, unless ERRAND_TEST_SEED says otherwise.  Printed,
 * so that a failure can be repeated.
 */
static inline Random
seeded_random(const char *what)
{
	const char *text = getenv("ERRAND_TEST_SEED");
	Random r = {text != NULL ? strtoull(text, NULL, 10) : 20261122};

	if (r.state == 0)
		r.state = 1;
	print_message("%s: seed %llu\n", what, (unsigned long long) r.state);
	return r;
}

#endif /* ERRAND_TESTS_UNIT_H */
