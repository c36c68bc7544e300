/*-------------------------------------------------------------------------
 *
 * redirect.c
 *	  Whether a response leads on, and what the next request is then.
 *
 * Runs in the errand worker.  Redirects are ours and not curl's: each hop is
 * checked, looked up and pinned like the first.  Must never send a credential
 * to another origin, go from https to http, or to anything but these two.
 *
 *-------------------------------------------------------------------------
 */
#include <string.h>

#include "net/internal.h"

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Does this response say to ask elsewhere, and was that wished? */
bool
errand_redirect_wanted(const ErrandTransfer *t)
{
	size_t len;

	return t->req.follow_redirects > 0 && is_redirect(t->resp.status) &&
		   errand_net_find_header(&t->head, "location", &len) != NULL && len > 0;
}

/*
 * 303 asks for a GET of something else; 301 and 302 do so for a POST, as all
 * browsers have it.  307 and 308 repeat the request as it was.
 */
static void
change_method(ErrandTransfer *t)
{
	int status = t->resp.status;
	bool post = strcmp(t->method, "POST") == 0;

	if (strcmp(t->method, "HEAD") == 0 || strcmp(t->method, "GET") == 0)
		return;
	if (status == 303 || ((status == 301 || status == 302) && post))
	{
		t->method = "GET";
		t->send_body = false;
		t->changed_method = true;
	}
}

/*
 * Turn t into its next hop: t->url, method and headers.  False with t->resp
 * filled if it may not go there.
 */
bool
errand_redirect_follow(ErrandTransfer *t)
{
	size_t len = 0;
	const char *location = errand_net_find_header(&t->head, "location", &len);
	char error[256];
	ErrandUrl *url;

	if (t->resp.redirects >= t->req.follow_redirects)
	{
		errand_net_fail(t, ERRAND_FAIL_REDIRECT, "more than %d redirect%s", t->req.follow_redirects,
						t->req.follow_redirects == 1 ? "" : "s");
		return false;
	}
	url = errand_neturl_resolve(t->net, t->url, location, len, t->req.has_secrets, error,
								sizeof(error));
	if (url == NULL)
	{
		errand_net_fail(t, ERRAND_FAIL_REDIRECT, "redirect refused: %s", error);
		return false;
	}
	if (t->url->https && !url->https)
	{
		errand_net_fail(t, ERRAND_FAIL_REDIRECT, "redirect refused: it leads from https to http");
		errand_neturl_release(url);
		return false;
	}
	if (!errand_neturl_same_host(url, t->url))
		t->left_origin = true;
	change_method(t);
	if (t->left_origin && t->send_body && t->req.secret_body)
	{
		errand_net_fail(t, ERRAND_FAIL_REDIRECT,
						"redirect refused: it would carry a secret in the body to %s", url->key);
		errand_neturl_release(url);
		return false;
	}
	errand_neturl_release(t->url);
	t->url = url;
	t->resp.redirects++;
	return true;
}
