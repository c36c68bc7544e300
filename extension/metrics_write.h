/*
 * metrics_write.h
 *		The text format of metrics: Prometheus' 0.0.4, or OpenMetrics 1.0.
 */
#ifndef ERRAND_METRICS_WRITE_H
#define ERRAND_METRICS_WRITE_H

#include "lib/stringinfo.h"
#include "meters.h"

typedef struct ErrandMetrics
{
	StringInfoData s;
	bool openmetrics;
	const char *name; /* of the family under way */
	bool counter;
} ErrandMetrics;

/* Begins a family.  name is without _total; type is counter, gauge or histogram. */
extern void
errand_metric_family(ErrandMetrics *w, const char *name, const char *type, const char *help);

/* A sample of the family under way; labels are names and values in turn, NULL ends them. */
extern void errand_metric_sample(ErrandMetrics *w, const char *const *labels, double value);

/* A histogram likewise, of so many bounds. */
extern void errand_metric_histogram(ErrandMetrics *w, const char *const *labels,
									const ErrandBuckets *b, int n_bounds);

#endif
