/*
 * decorate.c
 *		log_execution and measure_performance of task types.
 *
 * Runs in worker and executor processes.  Types that say nothing special cost
 * one comparison.
 */
#include "postgres.h"

#include "base/db.h"
#include "lib/stringinfo.h"
#include "queue/decorate.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/memutils.h"

typedef struct Decoration
{
	char type[ERRAND_NAME_BYTES]; /* key */
	bool logged;
	bool unmeasured;
} Decoration;

static HTAB *decorations = NULL; /* NULL: none */

static void
forget(void)
{
	if (decorations != NULL)
		hash_destroy(decorations);
	decorations = NULL;
}

static void
read_row(int row)
{
	char *type = errand_db_text(row, errand_db_column("name"));
	Decoration *d;
	bool isnull;

	d = hash_search(decorations, type, HASH_ENTER, NULL);
	d->logged = DatumGetBool(errand_db_value(row, errand_db_column("logged"), &isnull));
	d->unmeasured = DatumGetBool(errand_db_value(row, errand_db_column("unmeasured"), &isnull));
}

void
errand_decorations_read(void)
{
	int n = errand_db_call(DB_DECORATIONS, NULL);
	HASHCTL info = {0};

	forget();
	if (n == 0)
		return;
	info.keysize = ERRAND_NAME_BYTES;
	info.entrysize = sizeof(Decoration);
	info.hcxt = TopMemoryContext;
	decorations = hash_create("errand decorations", 64, &info,
							  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	for (int i = 0; i < n; i++)
		read_row(i);
}

static const Decoration *
find(const char *type)
{
	return decorations != NULL ? hash_search(decorations, type, HASH_FIND, NULL) : NULL;
}

bool
errand_measured(const char *type)
{
	const Decoration *d = find(type);

	return d == NULL || !d->unmeasured;
}

/* The line as JSON, begun: what both have. */
static void
line_begin(StringInfo s, const char *event, const ErrandRun *r)
{
	initStringInfo(s);
	appendStringInfo(s, "{\"event\":\"%s\",\"task\":%lld,\"type\":", event, (long long) r->id);
	escape_json(s, r->type);
	appendStringInfoString(s, ",\"queue\":");
	escape_json(s, r->queue);
	appendStringInfo(s, ",\"attempt\":%d", r->attempt);
}

void
errand_log_begin(const ErrandRun *r)
{
	const Decoration *d = find(r->type);
	StringInfoData s;

	if (d == NULL || !d->logged)
		return;
	line_begin(&s, "start", r);
	ereport(LOG, (errmsg("errand: %s}", s.data), errhidestmt(true)));
	pfree(s.data);
}

void
errand_log_end(const ErrandRun *r)
{
	const Decoration *d = find(r->type);
	int64 us = r->started_at != 0 ? Max(0, r->finished_at - r->started_at) : 0;
	StringInfoData s;

	if (d == NULL || !d->logged || r->outcome == ERRAND_READY || r->outcome == ERRAND_SCHEDULED)
		return;
	line_begin(&s, "end", r);
	appendStringInfo(&s, ",\"state\":\"%s\",\"ms\":%.3f",
					 r->outcome == ERRAND_ATTEMPT_INTERRUPTED ? "interrupted" :
																errand_state_name(r->outcome),
					 us / 1000.0);
	if (r->error != NULL && r->outcome != ERRAND_SUCCEEDED)
	{
		appendStringInfoString(&s, ",\"error\":");
		escape_json(&s, r->error);
	}
	ereport(LOG, (errmsg("errand: %s}", s.data), errhidestmt(true)));
	pfree(s.data);
}
