/*
 * decode.c
 *		_decode(): bytes of an answer as text of this database.
 *
 * Runs in every backend and in executors.  The bytes are a stranger's.
 */
#include "postgres.h"

#include "compat.h"
#include "core/charset.h"
#include "core/xml.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(errand_decode);

/* Text in UTF-8, in the current context. */
typedef struct Decoded
{
	char *s;
	size_t len;
} Decoded;

static Decoded
from_western(const char *s, size_t len)
{
	Decoded d = {palloc_extended(3 * len + 1, MCXT_ALLOC_HUGE), 0};

	d.len = errand_western_to_utf8(s, len, d.s);
	return d;
}

static Decoded
from_utf16(const char *s, size_t len, bool big_endian)
{
	Decoded d = {palloc_extended(3 * (len / 2) + 4, MCXT_ALLOC_HUGE), 0};

	d.len = errand_utf16_to_utf8(s, len, big_endian, d.s);
	return d;
}

/* What says it is UTF-8 and is not is taken for windows-1252; a cut character at the end goes. */
static Decoded
from_utf8(const char *s, size_t len)
{
	int valid = pg_encoding_verifymbstr(PG_UTF8, s, (int) len);
	const char *nul = memchr(s, '\0', len);
	Decoded d = {(char *) s, len};

	if (nul != NULL && valid == nul - s) /* NUL is taken out later */
		valid += pg_encoding_verifymbstr(PG_UTF8, nul + 1, (int) (s + len - nul - 1)) + 1;
	if ((size_t) valid == len)
		return d;
	if (len - valid < 4)
	{
		d.len = valid;
		return d;
	}
	return from_western(s, len);
}

/* Other names of encodings than PostgreSQL's own. */
static int
encoding_of(const char *name)
{
	static const char *const others[][2] = {
		{"gb2312", "gbk"},		 {"x-gbk", "gbk"},			{"x-sjis", "sjis"},
		{"windows-31j", "sjis"}, {"ks_c_5601-1987", "uhc"}, {"euc-kr", "uhc"},
		{"x-euc-jp", "eucjp"},	 {"koi8-ru", "koi8u"},		{"big5-hkscs", "big5"},
	};

	for (int i = 0; i < (int) lengthof(others); i++)
	{
		if (strcmp(name, others[i][0]) == 0)
			name = others[i][1];
	}
	return pg_char_to_encoding(name);
}

static Decoded
to_utf8(const char *s, size_t len, const char *type)
{
	char name[ERRAND_CHARSET_BYTES];
	size_t skip;
	int encoding;
	Decoded d;

	errand_charset_find(s, len, type, &skip, name);
	s += skip;
	len -= skip;
	if (strcmp(name, "utf-16le") == 0 || strcmp(name, "utf-16") == 0)
		return from_utf16(s, len, false);
	if (strcmp(name, "utf-16be") == 0)
		return from_utf16(s, len, true);
	if (errand_charset_is_western(name))
		return from_western(s, len);
	encoding = encoding_of(name);
	if (encoding < 0 || encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return from_utf8(s, len);
	d.s = (char *) pg_do_encoding_conversion((unsigned char *) pnstrdup(s, len), (int) len,
											 encoding, PG_UTF8);
	d.len = strlen(d.s);
	return d;
}

static void
drop_nuls(Decoded *d)
{
	char *out;
	size_t n = 0;

	if (memchr(d->s, '\0', d->len) == NULL)
		return;
	out = palloc_extended(d->len + 1, MCXT_ALLOC_HUGE);
	for (size_t i = 0; i < d->len; i++)
	{
		if (d->s[i] != '\0')
			out[n++] = d->s[i];
	}
	d->s = out;
	d->len = n;
}

static void
clean(Decoded *d)
{
	char *out = palloc_extended(errand_xml_clean_room(d->s, d->len), MCXT_ALLOC_HUGE);
	bool refused;

	d->len = errand_xml_clean(d->s, d->len, out, &refused);
	d->s = out;
	if (refused)
		ereport(ERROR, (errcode(ERRCODE_INVALID_XML_CONTENT),
						errmsg("the XML declares entities of its own: it is not read"),
						errhint("Such a document can take any amount of memory.")));
}

Datum
errand_decode(PG_FUNCTION_ARGS)
{
	bytea *body;
	Decoded d;
	char *out;

	if (PG_ARGISNULL(0))
		PG_RETURN_TEXT_P(cstring_to_text(""));
	body = PG_GETARG_BYTEA_PP(0);
	d = to_utf8(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body),
				PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	drop_nuls(&d);
	if (PG_GETARG_BOOL(2))
		clean(&d);
	if (d.len >= MaxAllocSize - VARHDRSZ)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the answer is too long for a text")));
	out = pnstrdup(d.s, d.len);
	out = pg_any_to_server(out, (int) d.len, PG_UTF8);
	PG_RETURN_TEXT_P(cstring_to_text(out));
}
