/*
 * meters.h
 *		Counters and histograms as Prometheus wants them, by queue and kind, in
 *		shared memory; and the text of errand.metrics().
 *
 * They only ever grow, so none is thrown out: when the table is full, queues
 * that come later share one, "other".  All under event_lock.
 */
#ifndef ERRAND_METERS_H
#define ERRAND_METERS_H

#include "events.h"
#include "shared.h"

#define ERRAND_BUCKETS 19	  /* bounds; errand_bucket_bound_s() */
#define ERRAND_BUCKETS_RUN 18 /* of these, those of runs and requests */

typedef struct ErrandBuckets
{
	uint64 sum_us;
	uint64 n[ERRAND_BUCKETS + 1]; /* the last: longer than all bounds */
} ErrandBuckets;

typedef enum ErrandMeterOutcome
{
	ERRAND_METER_SUCCEEDED,
	ERRAND_METER_FAILED,
	ERRAND_METER_CANCELLED,
	ERRAND_METER_TIMED_OUT,
	ERRAND_METER_OUTCOMES
} ErrandMeterOutcome;

typedef struct ErrandMeter
{
	ErrandCounterKey key; /* must be first; kind: the kind of task, its first letter */
	uint64 submitted;
	uint64 retried;
	uint64 finished[ERRAND_METER_OUTCOMES];
	uint64 attempts[ERRAND_METER_OUTCOMES];
	ErrandBuckets wait;
	ErrandBuckets run[ERRAND_METER_OUTCOMES];
} ErrandMeter;

/* HTTP requests of tasks, by method and class of status, of one database. */
#define ERRAND_METHODS 8		/* errand_method_name(); the last: any other */
#define ERRAND_STATUS_CLASSES 6 /* 1xx to 5xx; the first: no answer */
typedef struct ErrandHttpMeter
{
	Oid database; /* must be first: the key */
	ErrandBuckets n[ERRAND_METHODS][ERRAND_STATUS_CLASSES];
} ErrandHttpMeter;

/* For shared.c. */
extern Size errand_meters_bytes(void);
extern void errand_meters_startup(void);

/* Counts a change of state; caller holds event_lock.  Nothing fails. */
extern void errand_meter_apply(const ErrandEvent *e);

/* The number of a method's name; then a request of a task, caller holds event_lock. */
extern int errand_method_number(const char *name, int len);
extern void errand_meter_http(int method, int status, int64 us);

/*
 * All metrics of this database in the text format 0.0.4, or in OpenMetrics
 * 1.0; from palloc.  In a transaction: what tells of sources is read from their
 * small tables.
 */
extern char *errand_metrics_text(bool openmetrics);

#endif
