/*
 * metrics_write.c
 *		The text format of metrics: families, samples, histograms.
 *
 * Runs in every backend and in the relay.  It knows nothing of what the numbers
 * mean.
 */
#include "postgres.h"

#include <math.h>

#include "metrics.h"
#include "metrics_write.h"

void
errand_metric_family(ErrandMetrics *w, const char *name, const char *type, const char *help)
{
	w->name = name;
	w->counter = strcmp(type, "counter") == 0;
	appendStringInfo(&w->s, "# HELP %s%s %s\n# TYPE %s%s %s\n", name,
					 w->counter && !w->openmetrics ? "_total" : "", help, name,
					 w->counter && !w->openmetrics ? "_total" : "", type);
}

/* A label's value: backslash, quote and line feed are escaped. */
static void
label(ErrandMetrics *w, const char *name, const char *value)
{
	char last = w->s.data[w->s.len - 1];

	appendStringInfo(&w->s, "%s%s=\"", last == '{' ? "" : ",", name);
	for (const char *p = value; *p; p++)
	{
		if (*p == '\n')
			appendStringInfoString(&w->s, "\\n");
		else
		{
			if (*p == '\\' || *p == '"')
				appendStringInfoChar(&w->s, '\\');
			appendStringInfoChar(&w->s, *p);
		}
	}
	appendStringInfoChar(&w->s, '"');
}

/* NULL ends the labels. */
static void
sample_name(ErrandMetrics *w, const char *suffix, const char *const *labels)
{
	appendStringInfo(&w->s, "%s%s", w->name, suffix);
	if (labels == NULL || labels[0] == NULL)
		return;
	appendStringInfoChar(&w->s, '{');
	for (int i = 0; labels[i] != NULL; i += 2)
		label(w, labels[i], labels[i + 1]);
	appendStringInfoChar(&w->s, '}');
}

void
errand_metric_sample(ErrandMetrics *w, const char *const *labels, double value)
{
	sample_name(w, w->counter ? "_total" : "", labels);
	appendStringInfo(&w->s, value == floor(value) && fabs(value) < 1e15 ? " %.0f\n" : " %.9g\n",
					 value);
}

void
errand_metric_histogram(ErrandMetrics *w, const char *const *labels, const ErrandBuckets *b,
						int n_bounds)
{
	const char *all[12] = {0};
	char bound[32];
	uint64 count = 0;
	int n = 0;

	while (labels[n] != NULL)
	{
		all[n] = labels[n];
		n++;
	}
	all[n] = "le";
	all[n + 1] = bound;
	for (int i = 0; i <= ERRAND_BUCKETS; i++)
	{
		count += b->n[i];
		if (i >= n_bounds && i < ERRAND_BUCKETS)
			continue;
		if (i == ERRAND_BUCKETS)
			strlcpy(bound, "+Inf", sizeof(bound));
		else
			snprintf(bound, sizeof(bound),
					 w->openmetrics && errand_bucket_bound_s(i) == floor(errand_bucket_bound_s(i)) ?
						 "%.1f" :
						 "%.10g",
					 errand_bucket_bound_s(i));
		sample_name(w, "_bucket", all);
		appendStringInfo(&w->s, " " UINT64_FORMAT "\n", count);
	}
	sample_name(w, "_sum", labels);
	appendStringInfo(&w->s, " %.6f\n", b->sum_us / 1e6);
	sample_name(w, "_count", labels);
	appendStringInfo(&w->s, " " UINT64_FORMAT "\n", count);
}
