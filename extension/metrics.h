/*
 * metrics.h
 *		What metrics.c reads of the meters.
 */
#ifndef ERRAND_METRICS_H
#define ERRAND_METRICS_H

#include "meters.h"

/* The upper bound of a bucket, in seconds. */
extern double errand_bucket_bound_s(int bucket);

/* The word for a method, as metrics show it. */
extern const char *errand_method_name(int method);

/* Whether nothing was counted. */
extern bool errand_buckets_empty(const ErrandBuckets *b);

/* Copies of this database's meters, from palloc; of its requests, false if there were none. */
extern ErrandMeter *errand_meters_copy(int *n);
extern bool errand_http_meter_copy(ErrandHttpMeter *out);

#endif
