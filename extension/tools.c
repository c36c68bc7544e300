/*
 * tools.c
 *		html_title(), stat_reset(): small things that users call.
 *
 * Runs in every backend.
 */
#include "postgres.h"

#include "call.h"
#include "compat.h"
#include "core/html.h"
#include "events.h"
#include "mb/pg_wchar.h"
#include "shared.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(errand_html_title_sql);
PG_FUNCTION_INFO_V1(errand_stat_reset);

Datum
errand_html_title_sql(PG_FUNCTION_ARGS)
{
	text *page = PG_GETARG_TEXT_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(page);
	char *out = palloc(len + 1);
	size_t out_len;

	if (!errand_html_title(VARDATA_ANY(page), len, GetDatabaseEncoding() == PG_UTF8, out, &out_len))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out, out_len));
}

/* At once, not at commit: what is summed up lies in shared memory. */
Datum
errand_stat_reset(PG_FUNCTION_ARGS)
{
	errand_enter();
	errand_require("admin");
	errand_counters_reset();
	PG_RETURN_VOID();
}
