/*
 * mail.c
 *		What may stand in an e-mail.
 *
 * Process: any; pure functions.  Whatever they let pass goes to a mail server
 * as it is: nothing that ends a line, an address or a quotation may pass.
 */
#include "mail.h"

#include <string.h>

#include "ascii.h"
#include "header.h"

/* What an unquoted user name is made of (RFC 5322 atext). */
static bool
is_atext(char c)
{
	return errand_ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool
local_ok(const char *s, size_t len)
{
	if (len == 0 || len > 64 || s[0] == '.' || s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (s[i] == '.' ? s[i - 1] == '.' : !is_atext(s[i]))
			return false;
	}
	return true;
}

/* Labels of letters, digits and hyphens. */
static bool
domain_ok(const char *s, size_t len)
{
	size_t label = 0;

	if (len == 0 || len > 253)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (s[i] == '.')
		{
			if (label == 0 || s[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!errand_ascii_is_alnum(s[i]) && (s[i] != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && s[len - 1] != '-';
}

static bool
spec_ok(const char *s, size_t len)
{
	const char *at = len > 0 ? memchr(s, '@', len) : NULL;

	if (at == NULL || len > 254)
		return false;
	return local_ok(s, (size_t) (at - s)) && domain_ok(at + 1, len - (size_t) (at - s) - 1);
}

/* A display name; quotes around it are taken off. */
static bool
name_ok(ErrandMailAddress *a)
{
	const char *special = ",;@<>\"\\";
	size_t len = a->name_len;

	if (len > ERRAND_MAIL_NAME_MAX)
		return false;
	if (len >= 2 && a->name[0] == '"' && a->name[len - 1] == '"')
	{
		a->name++;
		a->name_len -= 2;
		special = "<>\"\\";
	}
	for (size_t i = 0; i < a->name_len; i++)
	{
		if (errand_ascii_is_control(a->name[i]) || strchr(special, a->name[i]) != NULL)
			return false;
	}
	return true;
}

/* Blanks around, but no line ends. */
static void
trim_blanks(const char **s, size_t *len)
{
	while (*len > 0 && **s == ' ')
	{
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && (*s)[*len - 1] == ' ')
		(*len)--;
}

bool
errand_mail_address(const char *s, size_t len, ErrandMailAddress *out)
{
	const char *open;

	memset(out, 0, sizeof(*out));
	if (len == 0)
		return false;
	trim_blanks(&s, &len);
	if (len == 0 || s[len - 1] != '>')
	{
		out->spec = s;
		out->spec_len = len;
		return spec_ok(s, len);
	}
	open = memchr(s, '<', len);
	if (open == NULL)
		return false;
	out->name = s;
	out->name_len = (size_t) (open - s);
	out->spec = open + 1;
	out->spec_len = len - out->name_len - 2;
	trim_blanks(&out->name, &out->name_len);
	return name_ok(out) && spec_ok(out->spec, out->spec_len);
}

const char *
errand_mail_domain(const ErrandMailAddress *a, size_t *len)
{
	const char *at = memchr(a->spec, '@', a->spec_len);

	if (at == NULL)
	{
		*len = 0;
		return a->spec;
	}
	*len = a->spec_len - (size_t) (at - a->spec) - 1;
	return at + 1;
}

bool
errand_mail_line_ok(const char *s, size_t len, size_t max)
{
	if (len > max)
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (errand_ascii_is_control(s[i]))
			return false;
	}
	return true;
}

bool
errand_mail_header_ok(const char *name, size_t len)
{
	static const char *const ours[] = {"from",		 "sender",		 "reply-to",	"to",
									   "cc",		 "bcc",			 "subject",		"date",
									   "message-id", "mime-version", "return-path", "received"};

	/* a line of a mail never begins with a dot */
	if (len > 70 || !errand_is_token(name, len) || name[0] == '.')
		return false;
	if ((len >= 8 && errand_ascii_equals(name, 8, "content-")) ||
		(len >= 7 && errand_ascii_equals(name, 7, "resent-")))
		return false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
	{
		if (errand_ascii_equals(name, len, ours[i]))
			return false;
	}
	return true;
}

bool
errand_mail_filename_ok(const char *s, size_t len)
{
	if (len == 0 || !errand_mail_line_ok(s, len, ERRAND_MAIL_NAME_MAX))
		return false;
	for (size_t i = 0; i < len; i++)
	{
		if (strchr("/\\\"<>", s[i]) != NULL)
			return false;
	}
	return true;
}

/* name=value; a value may be quoted. */
static bool
parameter_ok(const char *s, size_t len)
{
	const char *equals = len > 0 ? memchr(s, '=', len) : NULL;
	const char *value;
	size_t name_len;
	size_t value_len;

	if (equals == NULL)
		return false;
	name_len = (size_t) (equals - s);
	value = equals + 1;
	value_len = len - name_len - 1;
	trim_blanks(&s, &name_len);
	trim_blanks(&value, &value_len);
	if (value_len >= 2 && value[0] == '"' && value[value_len - 1] == '"')
	{
		value++;
		value_len -= 2;
	}
	for (size_t i = 0; i < value_len; i++)
	{
		if (value[i] < 0x20 || value[i] > 0x7e || strchr("\"\\<>", value[i]) != NULL)
			return false;
	}
	return errand_is_token(s, name_len);
}

/* "; name=value" over and over, s being at the first semicolon or the end. */
static bool
parameters_ok(const char *s, size_t len)
{
	while (len > 0)
	{
		const char *next = len > 1 ? memchr(s + 1, ';', len - 1) : NULL;
		size_t one = next != NULL ? (size_t) (next - s) : len;

		if (!parameter_ok(s + 1, one - 1))
			return false;
		s += one;
		len -= one;
	}
	return true;
}

bool
errand_mail_type_ok(const char *s, size_t len)
{
	const char *slash = len > 0 ? memchr(s, '/', len) : NULL;
	const char *end = len > 0 ? memchr(s, ';', len) : NULL;
	size_t type_len;
	size_t both_len = end != NULL ? (size_t) (end - s) : len;

	if (slash == NULL || len > ERRAND_MAIL_NAME_MAX || slash >= s + both_len)
		return false;
	type_len = (size_t) (slash - s);
	if (!errand_is_token(s, type_len) || !errand_is_token(slash + 1, both_len - type_len - 1))
		return false;
	if (errand_ascii_equals(s, type_len, "multipart") ||
		errand_ascii_equals(s, type_len, "message"))
		return false;
	return parameters_ok(s + both_len, len - both_len);
}

static int
base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c != '\0' ? strchr(digits, c) : NULL;

	return p != NULL ? (int) (p - digits) : -1;
}

int64_t
errand_mail_base64_decode(const char *s, size_t len, char *out)
{
	uint32_t bits = 0;
	int n_digits = 0;
	int n_pads = 0;
	int64_t n = 0;

	for (size_t i = 0; i < len; i++)
	{
		int digit;

		if (errand_ascii_is_space(s[i]))
			continue;
		digit = s[i] == '=' ? 0 : base64_digit(s[i]);
		if (digit < 0 || (n_pads > 0 && s[i] != '='))
			return -1;
		n_pads += s[i] == '=';
		bits = bits << 6 | (uint32_t) digit;
		if (++n_digits < 4)
			continue;
		if (n_pads > 2)
			return -1;
		for (int k = 0; k < 3 - n_pads; k++, n++)
		{
			if (out != NULL)
				out[n] = (char) (bits >> (16 - 8 * k));
		}
		n_digits = 0;
		bits = 0;
	}
	return n_digits == 0 ? n : -1;
}

/* "[v6]" or a name or an IPv4 address, then perhaps a port. */
static bool
server_host(const char *s, size_t len, ErrandMailServer *out)
{
	const char *end;
	int64_t port = out->port;

	if (len > 0 && s[0] == '[')
	{
		end = memchr(s, ']', len);
		out->ipv6_literal = true;
		out->host = s + 1;
		if (end == NULL || end == s + 1)
			return false;
		out->host_len = (size_t) (end - s) - 1;
		for (size_t i = 0; i < out->host_len; i++)
			if (errand_ascii_hex(out->host[i]) < 0 && out->host[i] != ':' && out->host[i] != '.')
				return false;
		end++;
	}
	else
	{
		end = len > 0 ? memchr(s, ':', len) : NULL;
		end = end != NULL ? end : s + len;
		out->host = s;
		out->host_len = (size_t) (end - s);
		if (!domain_ok(out->host, out->host_len))
			return false;
	}
	if (end == s + len)
		return true;
	if (*end != ':' || !errand_ascii_uint(end + 1, len - (size_t) (end - s) - 1, 5, &port) ||
		port < 1 || port > 65535)
		return false;
	out->port = (int) port;
	return true;
}

bool
errand_mail_server(const char *url, ErrandMailServer *out)
{
	const char *slash;
	size_t len;

	memset(out, 0, sizeof(*out));
	if (strncmp(url, "smtps://", 8) == 0)
	{
		out->tls = true;
		out->port = 465;
		url += 8;
	}
	else if (strncmp(url, "smtp://", 7) == 0)
	{
		out->port = 25;
		url += 7;
	}
	else
		return false;
	slash = strchr(url, '/');
	len = slash != NULL ? (size_t) (slash - url) : strlen(url);
	if (slash != NULL && slash[1] != '\0')
	{
		out->helo = slash + 1;
		out->helo_len = strlen(out->helo);
		if (!domain_ok(out->helo, out->helo_len))
			return false;
	}
	return server_host(url, len, out);
}
