/*
 * test_ws_frame.c
 *		Frames of WebSocket clients: right ones in all ways to be cut, wrong ones
 *		in all ways to be wrong.
 */
#include "unit.h"

#include "ws_frame.h"

#define MOST 70000

/* Writes a frame; returns its length.  bits: 7, 16 or 64 of the length. */
static size_t
frame(char *out, int first, int mask_bit, int bits, uint64_t length, const char *payload)
{
	static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
	size_t n = 0;

	out[n++] = (char) first;
	out[n++] = (char) (mask_bit | (bits == 7 ? (int) length : bits == 16 ? 126 : 127));
	for (int i = bits == 7 ? 0 : bits; i > 0; i -= 8)
		out[n++] = (char) (length >> (i - 8));
	if (mask_bit)
	{
		memcpy(out + n, mask, 4);
		n += 4;
	}
	for (size_t i = 0; payload != NULL && i < length; i++)
		out[n++] = (char) ((uint8_t) payload[i] ^ (mask_bit ? mask[i & 3] : 0));
	return n;
}

/* Reads it cut into pieces of a random length up to most; writes what happens as text. */
static void
tell(Random *r, const char *bytes, size_t len, size_t most, char *out)
{
	ErrandWsReader reader = {0};
	size_t n = 0;

	out[0] = '\0';
	for (size_t at = 0; at < len;)
	{
		size_t some = 1 + random_below(r, most);
		char *copy;

		if (some > len - at)
			some = len - at;
		copy = exact_copy(bytes + at, some);
		for (size_t done = 0, used; done < some; done += used)
		{
			ErrandWsPiece p;
			ErrandWsEvent e = errand_ws_read(&reader, copy + done, some - done, &used, &p);

			assert_true(used > 0 && used <= some - done);
			if (e == ERRAND_WS_MORE)
				continue;
			if (e == ERRAND_WS_BROKEN)
			{
				strcpy(out + n, "!");
				free(copy);
				return;
			}
			if (e != ERRAND_WS_DATA)
				out[n++] = e == ERRAND_WS_PING ? '<' : e == ERRAND_WS_PONG ? '>' : '#';
			memcpy(out + n, p.data, p.len);
			n += p.len;
			if (e != ERRAND_WS_DATA || p.final)
				out[n++] = p.binary ? ':' : '.';
			out[n] = '\0';
		}
		free(copy);
		at += some;
	}
}

static void
test_cut_anywhere(void **state)
{
	static char bytes[2 * MOST], out[2 * MOST], large[MOST];
	Random r = seeded_random("frames");
	size_t n = 0;

	(void) state;
	n += frame(bytes + n, 0x81, 0x80, 7, 5, "hello");
	n += frame(bytes + n, 0x01, 0x80, 7, 3, "one");
	n += frame(bytes + n, 0x89, 0x80, 7, 4, "ping");
	n += frame(bytes + n, 0x00, 0x80, 7, 0, "");
	n += frame(bytes + n, 0x8a, 0x80, 7, 0, "");
	n += frame(bytes + n, 0x80, 0x80, 7, 3, "two");
	n += frame(bytes + n, 0x82, 0x80, 7, 1, "b");
	n += frame(bytes + n, 0x81, 0x80, 7, 0, "");
	n += frame(bytes + n, 0x88, 0x80, 7, 2, "ok");
	for (int i = 0; i < 500; i++)
	{
		tell(&r, bytes, n, 1 + random_below(&r, n), out);
		assert_string_equal(out, "hello.one<ping.>.two.b:.#ok.");
	}
	memset(large, 'x', sizeof(large));
	for (size_t len = 126; len <= 65536; len = len == 126 ? 65535 : len + 1)
	{
		n = frame(bytes, 0x81, 0x80, len < 65536 ? 16 : 64, len, large);
		tell(&r, bytes, n, 5000, out);
		assert_int_equal(strlen(out), len + 1);
		assert_int_equal(strspn(out, "x"), len);
	}
}

static void
broken(const char *bytes, size_t len)
{
	Random r = {1};
	char out[1000];

	tell(&r, bytes, len, len, out);
	assert_string_equal(out + strlen(out) - 1, "!");
	tell(&r, bytes, len, 1, out);
	assert_string_equal(out + strlen(out) - 1, "!");
}

/* The first two bytes are enough for what is wrong in them. */
static void
start_broken(int first, int mask_bit, int bits, uint64_t length)
{
	char b[16];

	(void) frame(b, first, mask_bit, bits, length, NULL);
	broken(b, 2);
}

static void
test_wrong(void **state)
{
	char b[300];
	size_t n;

	(void) state;
	for (int op = 0; op < 16; op++)
	{
		start_broken(0x80 | op, 0, 7, 1); /* no mask */
		for (int rsv = 0x10; rsv < 0x80; rsv += 0x10)
			start_broken(0x80 | rsv | op, 0x80, 7, 1);
		if ((op >= 3 && op < 8) || op > 10 || op == 0)
			start_broken(0x80 | op, 0x80, 7, 1);
	}
	for (int op = 8; op <= 10; op++)
	{
		start_broken(op, 0x80, 7, 1);
		start_broken(0x80 | op, 0x80, 16, 126);
		start_broken(0x80 | op, 0x80, 64, 1);
	}
	n = frame(b, 0x01, 0x80, 7, 1, "a");
	broken(b, n + frame(b + n, 0x81, 0x80, 7, 1, "b"));
	n = frame(b, 0x81, 0x80, 7, 1, "a");
	broken(b, n + frame(b + n, 0x80, 0x80, 7, 1, "b"));
	broken(b, frame(b, 0x81, 0x80, 16, 125, NULL));
	broken(b, frame(b, 0x81, 0x80, 64, 65535, NULL));
	broken(b, frame(b, 0x81, 0x80, 64, UINT64_C(1) << 63, NULL));
}

/* Whatever comes, it ends, and within its bounds. */
static void
test_noise(void **state)
{
	Random r = seeded_random("noise");

	(void) state;
	for (int i = 0; i < 20000; i++)
	{
		char bytes[64], out[200];
		size_t len = 1 + random_below(&r, sizeof(bytes));

		for (size_t j = 0; j < len; j++)
			bytes[j] = (char) next_random(&r);
		bytes[0] = (char) (bytes[0] & 0x8f);
		if (len > 1)
			bytes[1] = (char) (bytes[1] | 0x80);
		tell(&r, bytes, len, len, out);
	}
}

static void
test_length_is_told(void **state)
{
	ErrandWsReader r = {0};
	ErrandWsPiece p;
	char b[20];
	size_t used;
	size_t n = frame(b, 0x81, 0x80, 64, UINT64_C(1) << 40, NULL);

	(void) state;
	assert_int_equal(errand_ws_read(&r, b, n, &used, &p), ERRAND_WS_MORE);
	b[0] = 0;
	assert_int_equal(errand_ws_read(&r, b, 1, &used, &p), ERRAND_WS_DATA);
	assert_true(p.left == (UINT64_C(1) << 40) - 1 && p.len == 1 && !p.final);
}

static void
test_close(void **state)
{
	(void) state;
	assert_int_equal(errand_ws_close_code("", 0), 0);
	assert_int_equal(errand_ws_close_code("\x03", 1), 1002);
	for (int code = 0; code < 65536; code++)
	{
		char b[2] = {(char) (code >> 8), (char) code};
		bool good = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
					 code != 1006) ||
					(code >= 3000 && code < 5000);

		assert_int_equal(errand_ws_close_code(b, 2), good ? code : 1002);
	}
	assert_int_equal(errand_ws_close_code(LIT("\x03\xe8 f\xc3\xa9")), 1000);
	assert_int_equal(errand_ws_close_code(LIT("\x03\xe8 f\xc3")), 1007);
	assert_true(errand_ws_utf8(LIT("a\0b\0\0")));
	assert_false(errand_ws_utf8(LIT("a\0\xff")));
	assert_false(errand_ws_utf8(LIT("\xc3\0\xa9")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_anywhere), cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_noise),		 cmocka_unit_test(test_length_is_told),
		cmocka_unit_test(test_close),
	};

	return cmocka_run_group_tests_name("ws_frame", tests, NULL, NULL);
}
