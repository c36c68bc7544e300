/*
 * http_head.c
 *		Reads the head of a request to the relay.
 *
 * Process: the relay; pure functions.  Must never read past len, and never
 * guess: what is not plainly HTTP/1.1 is refused.
 */
#include "ascii.h"
#include "http_head.h"

static bool
is_token_char(char c)
{
	return errand_ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* A line without its CR LF, at *at; false if it has not arrived whole or ends otherwise. */
typedef enum LineResult
{
	LINE_OK,
	LINE_MORE,
	LINE_BAD
} LineResult;

static LineResult
line_take(const char *text, size_t len, size_t *at, ErrandSpan *line)
{
	const char *start = text + *at;
	const char *eol = memchr(start, '\n', len - *at);

	if (eol == NULL)
		return LINE_MORE;
	if (eol == start || eol[-1] != '\r')
		return LINE_BAD;
	line->p = start;
	line->len = (size_t) (eol - start) - 1;
	*at += line->len + 2;
	/* no CR, and no other control but a tab, within a line */
	for (size_t i = 0; i < line->len; i++)
		if (errand_ascii_is_control(start[i]) && start[i] != '\t')
			return LINE_BAD;
	return LINE_OK;
}

static ErrandMethod
method_of(ErrandSpan m)
{
	if (m.len == 3 && memcmp(m.p, "GET", 3) == 0)
		return ERRAND_GET;
	if (m.len == 4 && memcmp(m.p, "HEAD", 4) == 0)
		return ERRAND_HEAD;
	if (m.len == 4 && memcmp(m.p, "POST", 4) == 0)
		return ERRAND_POST;
	return ERRAND_METHOD_OTHER;
}

/* "/path?query", or the same behind http://host: that host counts then. */
static bool
target_read(ErrandSpan target, ErrandHttpHead *out, bool *absolute)
{
	const char *question;

	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char) target.p[i] <= ' ' || (unsigned char) target.p[i] > '~' ||
			target.p[i] == '#')
			return false;
	*absolute = target.len > 7 && errand_ascii_equals(target.p, 7, "http://");
	if (*absolute)
	{
		const char *host = target.p + 7;
		const char *slash = memchr(host, '/', target.len - 7);

		if (slash == NULL)
			return false;
		out->host = (ErrandSpan){host, (size_t) (slash - host)};
		target.len -= (size_t) (slash - target.p);
		target.p = slash;
	}
	if (target.len == 0 || target.p[0] != '/')
		return false;
	question = memchr(target.p, '?', target.len);
	out->path = target;
	if (question != NULL)
	{
		out->path.len = (size_t) (question - target.p);
		out->query = (ErrandSpan){question + 1, target.len - out->path.len - 1};
	}
	return true;
}

/* "GET /path HTTP/1.1"; 0, or the negated status. */
static int
request_line(ErrandSpan line, ErrandHttpHead *out, int *minor, bool *absolute)
{
	ErrandSpan method = {line.p, 0};
	ErrandSpan target;
	const char *blank;

	while (method.len < line.len && is_token_char(line.p[method.len]))
		method.len++;
	if (method.len == 0 || method.len == line.len || line.p[method.len] != ' ')
		return -400;
	target.p = line.p + method.len + 1;
	blank = memchr(target.p, ' ', line.len - method.len - 1);
	if (blank == NULL)
		return -400;
	target.len = (size_t) (blank - target.p);
	if (line.p + line.len - blank != 9 || memcmp(blank + 1, "HTTP/", 5) != 0 ||
		!errand_ascii_is_digit(blank[6]) || blank[7] != '.' || !errand_ascii_is_digit(blank[8]))
		return -400;
	if (blank[6] != '1')
		return -505;
	*minor = blank[8] - '0';
	out->method = method_of(method);
	return target_read(target, out, absolute) ? 0 : -400;
}

bool
errand_span_next(ErrandSpan *rest, char separator, ErrandSpan *piece)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	end = memchr(rest->p, separator, rest->len);
	piece->p = rest->p;
	if (end == NULL)
	{
		piece->len = rest->len;
		rest->p = NULL;
		rest->len = 0;
		return true;
	}
	piece->len = (size_t) (end - rest->p);
	rest->len -= piece->len + 1;
	rest->p = end + 1;
	return true;
}

/* Connection: what its list of words asks for. */
static void
connection_read(ErrandSpan value, ErrandHttpHead *out, bool *wants_upgrade)
{
	ErrandSpan word;

	while (errand_span_next(&value, ',', &word))
	{
		errand_ascii_trim(&word.p, &word.len);
		if (errand_ascii_equals(word.p, word.len, "close"))
			out->keep_alive = false;
		else if (errand_ascii_equals(word.p, word.len, "upgrade"))
			*wants_upgrade = true;
	}
}

typedef struct KnownHeader
{
	const char *name;
	size_t offset;
} KnownHeader;

#define HEADER(name, field)                                                                        \
	{                                                                                              \
		name, offsetof(ErrandHttpHead, field)                                                      \
	}

/* Those that may come once. */
static const KnownHeader once[] = {
	HEADER("origin", origin),
	HEADER("authorization", authorization),
	HEADER("content-type", content_type),
	HEADER("if-none-match", if_none_match),
	HEADER("last-event-id", last_event_id),
	HEADER("sec-websocket-key", ws_key),
	HEADER("sec-websocket-version", ws_version),
};

typedef struct HeadState
{
	int minor;
	bool absolute; /* the target named the host */
	bool has_host;
	bool wants_upgrade; /* Connection does */
	bool websocket;		/* Upgrade is */
} HeadState;

static int
length_read(ErrandSpan value, ErrandHttpHead *out)
{
	if (out->has_length || !errand_ascii_uint(value.p, value.len, 18, &out->content_length))
		return -400;
	out->has_length = true;
	return 0;
}

static int
host_read(ErrandSpan value, ErrandHttpHead *out, HeadState *s)
{
	if (s->has_host)
		return -400;
	s->has_host = true;
	if (!s->absolute)
		out->host = value;
	return 0;
}

/* One header; 0, or the negated status. */
static int
header_read(ErrandSpan name, ErrandSpan value, ErrandHttpHead *out, HeadState *s)
{
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
	{
		ErrandSpan *field = (ErrandSpan *) ((char *) out + once[i].offset);

		if (!errand_ascii_equals(name.p, name.len, once[i].name))
			continue;
		if (field->p != NULL)
			return -400;
		*field = value;
		return 0;
	}
	if (errand_ascii_equals(name.p, name.len, "host"))
		return host_read(value, out, s);
	if (errand_ascii_equals(name.p, name.len, "content-length"))
		return length_read(value, out);
	if (errand_ascii_equals(name.p, name.len, "transfer-encoding"))
		return -501;
	if (errand_ascii_equals(name.p, name.len, "connection"))
		connection_read(value, out, &s->wants_upgrade);
	else if (errand_ascii_equals(name.p, name.len, "upgrade"))
		s->websocket |= errand_ascii_equals(value.p, value.len, "websocket");
	else if (errand_ascii_equals(name.p, name.len, "expect"))
		out->expect_continue = errand_ascii_equals(value.p, value.len, "100-continue");
	else if (errand_ascii_equals(name.p, name.len, "accept") && out->accept.p == NULL)
		out->accept = value;
	else if (errand_ascii_equals(name.p, name.len, "sec-websocket-protocol"))
	{
		if (out->ws_protocols == ERRAND_WS_OFFERS)
			return -431;
		out->ws_protocol[out->ws_protocols++] = value;
	}
	return 0;
}

/* "Name: value"; 0, or the negated status. */
static int
header_line(ErrandSpan line, ErrandHttpHead *out, HeadState *s)
{
	ErrandSpan name = {line.p, 0};
	ErrandSpan value;

	while (name.len < line.len && is_token_char(line.p[name.len]))
		name.len++;
	/* this refuses folded lines, and blanks before the colon, too */
	if (name.len == 0 || name.len == line.len || line.p[name.len] != ':')
		return -400;
	value.p = line.p + name.len + 1;
	value.len = line.len - name.len - 1;
	errand_ascii_trim(&value.p, &value.len);
	return header_read(name, value, out, s);
}

/* What holds for the head as a whole. */
static int
head_check(ErrandHttpHead *out, const HeadState *s)
{
	if (s->minor == 0)
		out->keep_alive = false;
	else if (!s->has_host)
		return -400;
	out->upgrade = s->wants_upgrade && s->websocket && s->minor > 0;
	return 0;
}

int
errand_request_head(const char *text, size_t len, ErrandHttpHead *out)
{
	HeadState s = {0};
	ErrandSpan line;
	size_t at = 0;
	size_t most = len < ERRAND_HEAD_MAX ? len : ERRAND_HEAD_MAX;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	out->keep_alive = true;
	/* an empty line before it is what some clients leave behind a body */
	if (most >= 2 && text[0] == '\r' && text[1] == '\n')
		at = 2;
	for (int n = 0; rc == 0; n++)
	{
		LineResult r = line_take(text, most, &at, &line);

		if (r == LINE_MORE)
			return len >= ERRAND_HEAD_MAX ? -431 : 0;
		if (r == LINE_BAD)
			return -400;
		if (n == 0)
			rc = request_line(line, out, &s.minor, &s.absolute);
		else if (line.len == 0)
		{
			rc = head_check(out, &s);
			break;
		}
		else
			rc = n > ERRAND_HEAD_LINES ? -431 : header_line(line, out, &s);
	}
	return rc == 0 ? (int) at : rc;
}

bool
errand_utf8_ok(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *) text;

	for (size_t i = 0; i < len;)
	{
		unsigned char c = s[i];
		size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || i + n > len)
			return false;
		for (size_t k = 1; k < n; k++)
			if ((s[i + k] & 0xc0) != 0x80)
				return false;
		if ((c == 0xe0 && s[i + 1] < 0xa0) || (c == 0xed && s[i + 1] > 0x9f) ||
			(c == 0xf0 && s[i + 1] < 0x90) || (c == 0xf4 && s[i + 1] > 0x8f))
			return false;
		i += n;
	}
	return true;
}

bool
errand_percent_decode(ErrandSpan in, bool plus, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++)
	{
		char c = in.p[i];

		if (c == '%')
		{
			int high = in.len - i > 2 ? errand_ascii_hex(in.p[i + 1]) : -1;
			int low = in.len - i > 2 ? errand_ascii_hex(in.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			c = (char) (high * 16 + low);
			i += 2;
		}
		else if (c == '+' && plus)
			c = ' ';
		out[n++] = c;
	}
	out[n] = '\0';
	return errand_utf8_ok(out, n);
}
