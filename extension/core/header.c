/*
 * header.c
 *		Decides what may stand in an HTTP header.
 *
 * Process: any (backends at submit, workers before each request).  Pure
 * functions: must never allocate, ereport, consult the locale or look at a byte
 * outside the length given.
 */
#include "header.h"

#include "ascii.h"

#define TRACEPARENT_LENGTH 55

/*
 * What the engine and libcurl set themselves.  A second Content-Length or
 * Transfer-Encoding is how requests are smuggled; Host would name another server
 * than the one that was checked.
 */
static const char *const forbidden[] = {"host",
										"content-length",
										"transfer-encoding",
										"connection",
										"upgrade",
										"expect",
										"keep-alive",
										"te",
										"trailer",
										NULL};

/* Header names that carry secrets without saying so. */
static const char *const credentials[] = {"authorization",
										  "authentication",
										  "x-auth",
										  "x-auth-key",
										  "auth-key",
										  "x-access-key",
										  "access-key",
										  "x-subscription-key",
										  "x-functions-key",
										  "ocp-apim-subscription-key",
										  "x-master-key",
										  "x-session-id",
										  "x-session",
										  "dpop",
										  NULL};

/* What gives away a name that carries a secret, wherever in it it stands. */
static const char *const credential_stems[] = {"authorization", "cookie",	  "token",	 "secret",
											   "passw",			"credential", "api-key", "apikey",
											   "signature",		NULL};

static bool
is_token_byte(char c)
{
	/* memchr() over the array without its NUL: strchr() would accept a NUL. */
	static const char punctuation[] = "!#$%&'*+-.^_`|~";

	return errand_ascii_is_alnum(c) || memchr(punctuation, c, sizeof(punctuation) - 1) != NULL;
}

/* A name's byte as comparisons see it: lower case, "_" as "-". */
static char
fold(char c)
{
	return c == '_' ? '-' : errand_ascii_lower(c);
}

/* Does word stand at the start of name? */
static bool
starts_with(const char *name, size_t len, const char *word)
{
	size_t n = strlen(word);

	if (n > len)
		return false;
	for (size_t i = 0; i < n; i++)
		if (fold(name[i]) != word[i])
			return false;
	return true;
}

static bool
is_one_of(const char *name, size_t len, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strlen(*words) == len && starts_with(name, len, *words))
			return true;
	return false;
}

bool
errand_is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_token_byte(s[i]))
			return false;
	return len > 0;
}

bool
errand_header_value_ok(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (errand_ascii_is_control(s[i]) && s[i] != '\t')
			return false;
	return true;
}

bool
errand_header_forbidden(const char *name, size_t len)
{
	return is_one_of(name, len, forbidden) || starts_with(name, len, "proxy-");
}

bool
errand_header_is_credential(const char *name, size_t len)
{
	if (is_one_of(name, len, credentials))
		return true;
	for (const char *const *stem = credential_stems; *stem != NULL; stem++)
		for (size_t at = 0; at < len; at++)
			if (starts_with(name + at, len - at, *stem))
				return true;
	return false;
}

/* len lower-case hexadecimal digits; *zero is whether all of them are 0. */
static bool
is_lower_hex(const char *s, size_t len, bool *zero)
{
	*zero = true;
	for (size_t i = 0; i < len; i++)
	{
		if (errand_ascii_hex(s[i]) < 0 || errand_ascii_lower(s[i]) != s[i])
			return false;
		if (s[i] != '0')
			*zero = false;
	}
	return true;
}

bool
errand_traceparent_ok(const char *s, size_t len)
{
	bool zero_trace;
	bool zero_parent;
	bool ignored;

	return len == TRACEPARENT_LENGTH && memcmp(s, "00-", 3) == 0 && s[35] == '-' && s[52] == '-' &&
		   is_lower_hex(s + 3, 32, &zero_trace) && !zero_trace &&
		   is_lower_hex(s + 36, 16, &zero_parent) && !zero_parent &&
		   is_lower_hex(s + 53, 2, &ignored);
}
