/*
 * position.h
 *		Where a client of the relay stands: k<epoch in base 36>:<number>.
 */
#ifndef ERRAND_CORE_POSITION_H
#define ERRAND_CORE_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRAND_POSITION_BYTES 40 /* of a written one, with its NUL */

typedef struct ErrandPosition
{
	uint64_t epoch; /* random, of one life of the relay's history */
	uint64_t number;
} ErrandPosition;

/* Writes it, terminated; returns its length. */
extern size_t errand_position_write(ErrandPosition p, char out[ERRAND_POSITION_BYTES]);

/* Reads one that fills all len bytes; false if it is none. */
extern bool errand_position_read(const char *text, size_t len, ErrandPosition *out);

#endif /* ERRAND_CORE_POSITION_H */
