/*
 * fuzz_frames.c
 *		Messages of a stream in pieces, in any order: the buffer stays in its
 *		bounds, and what came is there, or counted.
 */
#include "fuzz.h"

#include "sources/frames.h"

static void
look_at(const ErrandFrames *f)
{
	size_t bytes = 0;
	int n = 0;

	for (const ErrandFrame *m = f->first; m != NULL; m = m->next, n++)
	{
		MUST(m->len <= f->max_message);
		bytes += m->len;
		MUST(m->next != NULL || m == f->last);
	}
	MUST(n == f->n && bytes <= f->bytes);
	MUST(f->n <= 1 || f->bytes <= f->max_bytes);
	MUST(f->received >= f->dropped);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ErrandFrames f = {/* of a message that is too large 1000 bytes are kept */ .max_bytes = 6000,
					  .max_message = 1200};
	int64_t now = 0;

	while (size >= 2)
	{
		uint8_t what = data[0];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		if (what < 8)
			errand_frames_cut(&f);
		else if (what < 16)
			errand_frames_stored(&f, f.n < what - 8 ? f.n : what - 8);
		else
			errand_frames_add(&f, data + 2, len, what & 1, what & 2, now++);
		look_at(&f);
		data += 2 + len;
		size -= 2 + len;
	}
	errand_frames_free(&f);
	return 0;
}
