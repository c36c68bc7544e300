/*
 * fuzz_url.c
 *		URLs: what we take, curl takes, too, and finds the same host and port.
 */
#include "fuzz.h"

#include <curl/curl.h>

#include "url.h"

/* curl writes IPv4 addresses out, and lower-cases nothing but schemes. */
static void
same_host(const char *curls, const ErrandUrlParts *p)
{
	uint32_t address;
	char text[16];

	if (p->ipv6_literal)
		MUST(curls[0] == '[');
	else if (errand_host_ipv4(p->host, p->host_len, &address))
	{
		snprintf(text, sizeof(text), "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
				 address >> 8 & 255, address & 255);
		MUST(strcmp(curls, text) == 0);
	}
	else
		MUST(strlen(curls) == p->host_len && memcmp(curls, p->host, p->host_len) == 0);
}

static void
ask_curl(const char *url, const ErrandUrlParts *p)
{
	CURLU *u = curl_url();
	char *host = NULL, *port = NULL;

	MUST(curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK);
	MUST(curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	MUST(curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
	same_host(host, p);
	MUST(atoi(port) == p->port);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	ErrandUrlCheck check = errand_url_check(s, size);
	ErrandUrlParts p;
	uint32_t address;
	char *url;

	MUST(strlen(errand_url_reason(check)) > 0);
	errand_host_ipv4(s, size, &address);
	MUST(errand_url_split(s, size, &p) == (check == ERRAND_URL_OK));
	if (check != ERRAND_URL_OK)
		return 0;
	MUST(within(p.host, p.host_len, s, size) && within(p.path, p.path_len, s, size));
	MUST(p.port >= 1 && p.port <= 65535 && p.host_len > 0);
	MUST(p.path_len == 0 || p.path[0] == '/' || p.path[0] == '?');
	MUST(memchr(s, '\0', size) == NULL && memchr(s, '\n', size) == NULL);
	url = terminated(s, size);
	ask_curl(url, &p);
	free(url);
	return 0;
}
