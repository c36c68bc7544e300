/*
 * mail.h
 *		What may stand in an e-mail: addresses, headers, names of files and
 *		types, and the setting that names the server.
 *
 * All functions accept any bytes; s may be NULL only if len is 0.
 */
#ifndef ERRAND_CORE_MAIL_H
#define ERRAND_CORE_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRAND_MAIL_RECIPIENTS_MAX 100
#define ERRAND_MAIL_ATTACHED_MAX (10 * 1024 * 1024) /* bytes, decoded, all together */
#define ERRAND_MAIL_SUBJECT_MAX 2000				/* bytes */
#define ERRAND_MAIL_NAME_MAX 200					/* bytes: display and file names */
#define ERRAND_MAIL_VALUE_MAX 900					/* bytes of a header of the user's */
#define ERRAND_MAIL_LINE_MAX 998					/* bytes, RFC 5322 */

/* One mailbox; the name is empty if there is none.  Points into what was parsed. */
typedef struct ErrandMailAddress
{
	const char *name; /* without quotes, any encoding */
	size_t name_len;
	const char *spec; /* user@host, ASCII */
	size_t spec_len;
} ErrandMailAddress;

/*
 * "user@host", "Name <user@host>" or "\"Na, me\" <user@host>": one address and
 * nothing else.  False if it is not that; quoted user names, domain literals,
 * groups, comments and non-ASCII addresses are not.
 */
extern bool errand_mail_address(const char *s, size_t len, ErrandMailAddress *out);

/* The host of an address, behind the @. */
extern const char *errand_mail_domain(const ErrandMailAddress *a, size_t *len);

/* A subject, a value of a header: no control characters, not longer than that. */
extern bool errand_mail_line_ok(const char *s, size_t len, size_t max);

/* May a user set this header: a name, and none that is made from arguments? */
extern bool errand_mail_header_ok(const char *name, size_t len);

/* A file's name, without a folder: no controls, slashes, quotes or angle brackets. */
extern bool errand_mail_filename_ok(const char *s, size_t len);

/* type/subtype with parameters; not multipart and message, which contain others. */
extern bool errand_mail_type_ok(const char *s, size_t len);

/*
 * Decode base64, blanks and line ends left out.  Returns how many bytes there
 * are, -1 if it is not base64.  out may be NULL, else has room for len * 3 / 4.
 */
extern int64_t errand_mail_base64_decode(const char *s, size_t len, char *out);

/* smtp[s]://host[:port][/name], name being what EHLO says.  Points into the text. */
typedef struct ErrandMailServer
{
	bool tls; /* from the first byte on */
	const char *host;
	size_t host_len;
	bool ipv6_literal; /* host is without its brackets */
	int port;
	const char *helo;
	size_t helo_len; /* 0: the machine's own */
} ErrandMailServer;

extern bool errand_mail_server(const char *url, ErrandMailServer *out);

#endif /* ERRAND_CORE_MAIL_H */
