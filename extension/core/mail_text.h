/*
 * mail_text.h
 *		Writes an e-mail (RFC 5322, MIME) into a buffer of the caller's.
 *
 * Twice over the same mail: once to measure, with data NULL, and once to
 * write.  What is written has CRLF line ends, no line over 998 bytes (76 in
 * what is encoded), no byte above 0x7e and no line that begins with a dot.
 */
#ifndef ERRAND_CORE_MAIL_TEXT_H
#define ERRAND_CORE_MAIL_TEXT_H

#include "mail.h"

typedef struct ErrandMailText
{
	char *data;	 /* NULL: only measure */
	size_t size; /* of data */
	size_t len;	 /* written, or what it would take */
	size_t column;
} ErrandMailText;

typedef struct ErrandMailBytes
{
	const char *data; /* NULL: there is none */
	size_t len;
} ErrandMailBytes;

typedef struct ErrandMailHeader
{
	ErrandMailBytes name;
	ErrandMailBytes value;
} ErrandMailHeader;

typedef struct ErrandMailFile
{
	ErrandMailBytes name;
	ErrandMailBytes type;
	ErrandMailBytes content;
} ErrandMailFile;

/* Everything was checked with mail.h's functions. */
typedef struct ErrandMail
{
	ErrandMailAddress from;
	ErrandMailAddress reply_to; /* spec NULL: none */
	const ErrandMailAddress *to;
	int n_to;
	const ErrandMailAddress *cc;
	int n_cc;
	ErrandMailBytes subject;
	ErrandMailBytes text;
	ErrandMailBytes html;
	const ErrandMailHeader *headers;
	int n_headers;
	const ErrandMailFile *files;
	int n_files;
	const char *charset;	/* of names, subject, text and html, as "utf-8" */
	const char *date;		/* ready to be sent */
	const char *message_id; /* with its angle brackets */
	const char *boundary;	/* of letters and digits, at most 40, nowhere in the texts */
} ErrandMail;

extern void errand_mail_write(ErrandMailText *t, const ErrandMail *m);

/* The pieces. */
extern bool errand_mail_is_plain(const char *s, size_t len, size_t longest_word);
extern void errand_mail_put_char(ErrandMailText *t, char c);
extern void errand_mail_put(ErrandMailText *t, const char *s, size_t len);
extern void errand_mail_put_text(ErrandMailText *t, const char *s);
extern void
errand_mail_put_users_header(ErrandMailText *t, const ErrandMailHeader *h, const char *charset);
extern void errand_mail_put_header(ErrandMailText *t, const char *name, const char *value,
								   size_t len, const char *charset);
extern void errand_mail_put_addresses(ErrandMailText *t, const char *name,
									  const ErrandMailAddress *list, int n, const char *charset);
extern void errand_mail_put_body(ErrandMailText *t, const char *data, size_t len);
extern void errand_mail_put_base64(ErrandMailText *t, const char *data, size_t len);

/*
 * May these bytes follow DATA as they are?  Lines end with CRLF, the last one
 * too, there is no other CR or LF and no NUL, no line is longer than 998 bytes
 * or begins with a dot.
 */
extern bool errand_mail_wire_ok(const char *data, size_t len);

#endif /* ERRAND_CORE_MAIL_TEXT_H */
