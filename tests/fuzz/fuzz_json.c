/*
 * fuzz_json.c
 *		JSON from outside: pieces lie within the text and within each other; no
 *		beginning of an object or array is JSON.
 */
#include "fuzz.h"

#include "http_head.h"
#include "json_read.h"

static ErrandJson json, part;

static void
look_at(int i, const char *s, size_t size)
{
	const ErrandJsonPiece *p = &json.piece[i];
	char out[64];
	long long n;

	MUST(within(p->text, p->len, s, size));
	MUST(p->next > i && p->next <= json.n);
	if (errand_json_string(&json, i, out, sizeof(out)))
		MUST(p->type == ERRAND_JSON_STRING && strlen(out) < sizeof(out) &&
			 errand_utf8_ok(out, strlen(out)));
	if (errand_json_int(&json, i, &n))
		MUST(p->type == ERRAND_JSON_NUMBER);
	if (p->type == ERRAND_JSON_OBJECT)
		MUST(errand_json_member(&json, i, "type") < p->next);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	char *begun;

	/* only UTF-8 is read */
	if (!errand_utf8_ok(s, size) || !errand_json_read(s, size, &json))
		return 0;
	MUST(json.n >= 1 && json.n <= ERRAND_JSON_PIECES && json.piece[0].next == json.n);
	for (int i = 0; i < json.n; i++)
		look_at(i, s, size);
	if (json.piece[0].type > ERRAND_JSON_ARRAY)
		return 0;
	while (size > 0 && s[size - 1] != '}' && s[size - 1] != ']')
		size--;
	begun = exact(s, size - 1);
	MUST(!errand_json_read(begun, size - 1, &part));
	free(begun);
	return 0;
}
