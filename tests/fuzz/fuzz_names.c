/*
 * fuzz_names.c
 *		Who asks the relay and from where: hosts, origins, lists of them, proxies,
 *		positions, and errors without their particulars.
 */
#include "fuzz.h"

#include "fingerprint.h"
#include "origin.h"
#include "position.h"
#include "proxy.h"

static void
lists(const char *text)
{
	const char *rest = text, *item;
	size_t len;

	if (errand_listen_list_ok(text))
		while (errand_list_next(&rest, &item, &len))
			MUST(within(item, len, text, strlen(text)) && len > 0);
	errand_origin_list_ok(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *) data;
	ErrandAuthority a;
	ErrandProxyParts p;
	ErrandPosition at, again;
	char out[64], *text = terminated(s, size);

	lists(text);
	if (errand_authority_parse(s, size, &a))
		MUST(within(a.host, a.host_len, s, size) && a.host_len > 0 && a.port >= 0 &&
			 a.port <= 65535);
	if (errand_proxy_split(s, size, &p))
		MUST(within(p.host, p.host_len, s, size) && p.port >= 1 && p.port <= 65535);
	if (errand_position_read(s, size, &at))
	{
		size_t len = errand_position_write(at, out);

		MUST(len < ERRAND_POSITION_BYTES && errand_position_read(out, len, &again));
		MUST(at.epoch == again.epoch && at.number == again.number);
	}
	/* nobody is let in by a list that is empty and a name that is not loopback */
	if (errand_host_allowed(s, size, "127.0.0.1", "", ""))
		MUST(errand_authority_parse(s, size, &a));
	errand_origin_allowed(s, size, "127.0.0.1:80", 12, false, text, text);
	MUST(errand_fingerprint(s, size, out, sizeof(out)) < sizeof(out));
	free(text);
	return 0;
}
