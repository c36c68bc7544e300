/*
 * json_read.h
 *		Reading small JSON texts from outside, strictly and in bounded memory.
 *
 * The text becomes a list of pieces in document order; texts are decoded when
 * they are asked for.  (jansson is no choice: a library of the server has a
 * function of a name that it uses itself.)
 */
#ifndef ERRAND_CORE_JSON_READ_H
#define ERRAND_CORE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

#define ERRAND_JSON_PIECES 256
#define ERRAND_JSON_DEPTH 8

typedef enum ErrandJsonType
{
	ERRAND_JSON_OBJECT, /* its members follow: key, value, key, value, ... */
	ERRAND_JSON_ARRAY,	/* its elements follow */
	ERRAND_JSON_STRING,
	ERRAND_JSON_NUMBER,
	ERRAND_JSON_TRUE,
	ERRAND_JSON_FALSE,
	ERRAND_JSON_NULL
} ErrandJsonType;

typedef struct ErrandJsonPiece
{
	ErrandJsonType type;
	const char *text; /* of a string what stands between its quotes */
	size_t len;
	int n;	  /* members or elements */
	int next; /* the piece behind this one and all within it */
} ErrandJsonPiece;

typedef struct ErrandJson
{
	int n; /* pieces; the first is the text's value */
	ErrandJsonPiece piece[ERRAND_JSON_PIECES];
} ErrandJson;

/*
 * Reads a text that is valid UTF-8.  False if it is no JSON, nests deeper than
 * ERRAND_JSON_DEPTH, has more than ERRAND_JSON_PIECES pieces, an object with a
 * key twice, or a string with a NUL.
 */
extern bool errand_json_read(const char *text, size_t len, ErrandJson *out);

/* The value of a key of the object, as a piece's number; -1 if there is none. */
extern int errand_json_member(const ErrandJson *j, int object, const char *key);

/*
 * Decodes a string into out, terminated, which has room for size bytes.  False
 * if it is no string or too long.
 */
extern bool errand_json_string(const ErrandJson *j, int piece, char *out, size_t size);

/* A whole number within 18 digits; false if the piece is none. */
extern bool errand_json_int(const ErrandJson *j, int piece, long long *out);

#endif /* ERRAND_CORE_JSON_READ_H */
