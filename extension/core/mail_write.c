/*
 * mail_write.c
 *		Puts an e-mail together: headers, alternatives, attachments.
 *
 * Process: any; pure functions that write into the caller's buffer.
 */
#include "mail_text.h"

#include "ascii.h"

/* filename="..." or, with other than plain ASCII, as RFC 2231 says. */
static void
put_filename(ErrandMailText *t, const ErrandMailBytes *name, const char *charset)
{
	static const char hex[] = "0123456789ABCDEF";

	errand_mail_put_text(t, "Content-Disposition: attachment;\r\n filename");
	if (errand_mail_is_plain(name->data, name->len, ERRAND_MAIL_NAME_MAX))
	{
		errand_mail_put_text(t, "=\"");
		errand_mail_put(t, name->data, name->len);
		errand_mail_put_text(t, "\"\r\n");
		return;
	}
	errand_mail_put_text(t, "*=");
	errand_mail_put_text(t, charset);
	errand_mail_put_text(t, "''");
	for (size_t i = 0; i < name->len; i++)
	{
		char c = name->data[i];

		if (errand_ascii_is_alnum(c) || c == '.' || c == '-' || c == '_')
		{
			errand_mail_put_char(t, c);
			continue;
		}
		errand_mail_put_char(t, '%');
		errand_mail_put_char(t, hex[(unsigned char) c >> 4]);
		errand_mail_put_char(t, hex[(unsigned char) c & 15]);
	}
	errand_mail_put_text(t, "\r\n");
}

static void
put_file(ErrandMailText *t, const ErrandMailFile *f, const char *charset)
{
	errand_mail_put_text(t, "Content-Type: ");
	errand_mail_put(t, f->type.data, f->type.len);
	errand_mail_put_text(t, "\r\nContent-Transfer-Encoding: base64\r\n");
	put_filename(t, &f->name, charset);
	errand_mail_put_text(t, "\r\n");
	errand_mail_put_base64(t, f->content.data, f->content.len);
}

/* multipart/kind, whose boundary is the mail's with a letter. */
static void
put_multipart(ErrandMailText *t, const char *kind, const char *boundary, char letter)
{
	errand_mail_put_text(t, "Content-Type: multipart/");
	errand_mail_put_text(t, kind);
	errand_mail_put_text(t, ";\r\n boundary=\"=_");
	errand_mail_put_char(t, letter);
	errand_mail_put_text(t, boundary);
	errand_mail_put_text(t, "\"\r\n\r\n");
}

static void
put_boundary(ErrandMailText *t, const char *boundary, char letter, const char *end)
{
	errand_mail_put_text(t, "--=_");
	errand_mail_put_char(t, letter);
	errand_mail_put_text(t, boundary);
	errand_mail_put_text(t, end);
	errand_mail_put_text(t, "\r\n");
}

static void
put_text_part(ErrandMailText *t, const char *type, const ErrandMailBytes *b, const char *charset)
{
	errand_mail_put_text(t, "Content-Type: text/");
	errand_mail_put_text(t, type);
	errand_mail_put_text(t, "; charset=");
	errand_mail_put_text(t, charset);
	errand_mail_put_text(t, "\r\n");
	errand_mail_put_body(t, b->data, b->len);
}

static void
put_texts(ErrandMailText *t, const ErrandMail *m)
{
	if (m->html.data == NULL)
		put_text_part(t, "plain", &m->text, m->charset);
	else if (m->text.data == NULL)
		put_text_part(t, "html", &m->html, m->charset);
	else
	{
		put_multipart(t, "alternative", m->boundary, 'a');
		put_boundary(t, m->boundary, 'a', "");
		put_text_part(t, "plain", &m->text, m->charset);
		put_boundary(t, m->boundary, 'a', "");
		put_text_part(t, "html", &m->html, m->charset);
		put_boundary(t, m->boundary, 'a', "--");
	}
}

static void
put_headers(ErrandMailText *t, const ErrandMail *m)
{
	errand_mail_put_addresses(t, "From", &m->from, 1, m->charset);
	if (m->reply_to.spec != NULL)
		errand_mail_put_addresses(t, "Reply-To", &m->reply_to, 1, m->charset);
	errand_mail_put_addresses(t, "To", m->to, m->n_to, m->charset);
	if (m->n_cc > 0)
		errand_mail_put_addresses(t, "Cc", m->cc, m->n_cc, m->charset);
	errand_mail_put_header(t, "Subject", m->subject.data, m->subject.len, m->charset);
	errand_mail_put_text(t, "Date: ");
	errand_mail_put_text(t, m->date);
	errand_mail_put_text(t, "\r\nMessage-ID: ");
	errand_mail_put_text(t, m->message_id);
	errand_mail_put_text(t, "\r\n");
	for (int i = 0; i < m->n_headers; i++)
		errand_mail_put_users_header(t, &m->headers[i], m->charset);
	errand_mail_put_text(t, "MIME-Version: 1.0\r\n");
}

void
errand_mail_write(ErrandMailText *t, const ErrandMail *m)
{
	put_headers(t, m);
	if (m->n_files == 0)
	{
		put_texts(t, m);
		return;
	}
	put_multipart(t, "mixed", m->boundary, 'm');
	put_boundary(t, m->boundary, 'm', "");
	put_texts(t, m);
	for (int i = 0; i < m->n_files; i++)
	{
		put_boundary(t, m->boundary, 'm', "");
		put_file(t, &m->files[i], m->charset);
	}
	put_boundary(t, m->boundary, 'm', "--");
}
