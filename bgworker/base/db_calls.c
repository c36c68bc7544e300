/*
 * db_calls.c
 *		The table of the calls that our processes make through the SQL door.
 *
 * For db.c, in all of them.  Nothing but calls of internal functions stands here:
 * what they do is in sql/.
 */
#include "postgres.h"

#include "base/db_calls.h"
#include "catalog/pg_type.h"

#define A_INT8 INT8ARRAYOID
#define A_INT4 INT4ARRAYOID
#define A_INT2 INT2ARRAYOID
#define A_TEXT TEXTARRAYOID
#define A_CHAR CHARARRAYOID
#define A_TIME TIMESTAMPTZARRAYOID
#define A_BOOL BOOLARRAYOID
#define A_BYTES BYTEAARRAYOID
#define A_OID OIDARRAYOID
#define A_JSON JSONBARRAYOID

const ErrandDbCallDef errand_db_calls[DB_CALLS] = {
	[DB_PAIRS] = {"SELECT * FROM errand._pairs()", 0, {0}},
	[DB_CLAIM] = {"SELECT * FROM errand._claim($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
				  12,
				  {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, A_TEXT, A_INT2, A_INT8,
				   A_INT4, INT4OID, TIMESTAMPTZOID, A_OID}},
	[DB_CLAIM_SUSPECTS] = {"SELECT * FROM errand._claim_suspects($1,$2,$3,$4,$5,$6,$7,$8)",
						   8,
						   {INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, INT4OID, INT4OID,
							TIMESTAMPTZOID, OIDOID}},
	[DB_LEASE_LOCK] = {"SELECT errand._lease_lock($1) AS tokens", 1, {A_INT8}},
	[DB_MARK_SENT] = {"SELECT errand._mark_sent($1,$2)", 2, {A_INT8, A_INT4}},
	[DB_SETTLE] =
		{"SELECT errand._settle($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)",
		 21,
		 {A_INT8, A_INT4,  A_INT2,	A_CHAR, A_TIME, A_TIME, INT4OID, A_INT2, A_BOOL, A_TEXT, A_TEXT,
		  A_TEXT, A_BYTES, A_BYTES, A_JSON, A_INT4, A_INT4, A_INT4,	 A_INT4, A_INT4, A_JSON}},
	[DB_REQUEUE] =
		{"SELECT errand._requeue($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22) "
		 "AS places",
		 22,
		 {A_INT8, A_INT4, A_INT2, A_INT2, A_INT2, A_TEXT, A_CHAR, A_TIME, A_TIME, A_TIME, INT4OID,
		  A_INT2, A_BOOL, A_TEXT, A_TEXT, A_INT4, A_INT4, A_INT4, A_INT4, A_INT4, A_JSON, A_OID}},
	[DB_RELEASE_SIDE] = {"SELECT errand._release_side($1,$2,$3)", 3, {A_INT8, A_INT8, A_INT8}},
	[DB_LEASE_DROP] = {"SELECT errand._lease_drop($1)", 1, {A_INT8}},
	[DB_LEASE_TRIM] = {"SELECT errand._lease_trim($1,$2)", 2, {A_INT8, A_INT8}},
	[DB_CANCEL_REQUESTS] = {"SELECT * FROM errand._cancel_requests()", 0, {0}},
	[DB_REAP_TAKE] = {"SELECT * FROM errand._reap_take($1,$2,$3,$4)",
					  4,
					  {A_INT8, INT8OID, TIMESTAMPTZOID, INT4OID}},
	[DB_REAP_LOST] = {"SELECT * FROM errand._reap_lost($1,$2,$3,$4)",
					  4,
					  {A_INT8, A_INT4, A_INT2, A_INT2}},
	[DB_REAP_RETURN] = {"SELECT errand._reap_return($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)",
						12,
						{A_INT8, A_INT4, A_INT2, A_INT2, A_CHAR, A_INT8, A_INT2, TEXTOID, TEXTOID,
						 INT4OID, TIMESTAMPTZOID, TIMESTAMPTZOID}},
	[DB_INSTANCE] = {"SELECT * FROM errand._instance()", 0, {0}},
	[DB_QUEUES] = {"SELECT * FROM errand._queues()", 0, {0}},
	[DB_LIMITS] = {"SELECT * FROM errand._limits()", 0, {0}},
	[DB_DUE] = {"SELECT * FROM errand._due($1,$2)", 2, {TIMESTAMPTZOID, INT4OID}},
	[DB_NEXT_DUE] = {"SELECT errand._next_due() AS at", 0, {0}},
	[DB_EXPIRE] = {"SELECT * FROM errand._expire($1,$2)", 2, {TIMESTAMPTZOID, INT4OID}},
	[DB_RECOUNT] = {"SELECT * FROM errand._recount()", 0, {0}},
	[DB_SUSPECTS_NEXT] = {"SELECT errand._suspects_next() AS role", 0, {0}},
	[DB_DECORATIONS] = {"SELECT * FROM errand._decorations()", 0, {0}},
	[DB_RETAIN] = {"SELECT * FROM errand._retain($1,$2,$3,$4)",
				   4,
				   {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID}},
	[DB_CANCEL] = {"SELECT errand._cancel_ask($1,$2,$3,$4,$5) AS asked",
				   5,
				   {INT8OID, OIDOID, BOOLOID, TEXTOID, TIMESTAMPTZOID}},
	[DB_CANCEL_WAITING] = {"SELECT * FROM errand._cancel_waiting($1)", 1, {TIMESTAMPTZOID}},
	[DB_CACHE_FIND] = {"SELECT * FROM errand._cache_find($1,$2)", 2, {A_INT8, TIMESTAMPTZOID}},
	[DB_CACHE_STORE] = {"SELECT errand._cache_store($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)",
						11,
						{A_OID, A_BYTES, A_INT8, A_INT2, A_TEXT, A_BYTES, A_BYTES, A_TEXT, A_TEXT,
						 A_BOOL, TIMESTAMPTZOID}},
	[DB_CACHE_TRIM] = {"SELECT errand._cache_trim($1)", 1, {TIMESTAMPTZOID}},
	[DB_CHUNKS_ADD] = {"SELECT errand._chunks_add($1,$2,$3,$4)",
					   4,
					   {A_INT8, A_INT4, A_INT4, A_BYTES}},
	[DB_CHUNKS_FORGET] = {"SELECT errand._chunks_forget($1)", 1, {A_INT8}},
	[DB_CHUNKS_SWEEP] = {"SELECT errand._chunks_sweep($1) AS more", 1, {INT4OID}},
	[DB_ROLLUP] = {"SELECT errand._rollup($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)",
				   15,
				   {TIMESTAMPTZOID, CHAROID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
					INT8OID, INT8OID, A_INT4, A_INT4, TIMESTAMPTZOID, INT8OID, A_INT8}},
	[DB_ROLLUP_TRIM] = {"SELECT errand._rollup_trim($1,$2) AS gone", 2, {TIMESTAMPTZOID, INT4OID}},
	[DB_ROLLUP_RECOUNT] = {"SELECT errand._rollup_recount($1)", 1, {TIMESTAMPTZOID}},
	[DB_ROLLUP_SUMS] = {"SELECT * FROM errand._rollup_sums()", 0, {0}},
	[DB_OLDEST] = {"SELECT * FROM errand._oldest()", 0, {0}},
	[DB_SOURCES_SETTLED] = {"SELECT errand._sources_settled($1,$2)", 2, {A_INT8, TIMESTAMPTZOID}},
	[DB_SOURCES_TEND] = {"SELECT errand._sources_tend($1) AS at", 1, {TIMESTAMPTZOID}},
	[DB_SOURCES_TRIM] = {"SELECT errand._sources_trim($1)", 1, {TIMESTAMPTZOID}},
	[DB_SOURCE_TEST] = {"SELECT errand._source_test_submit($1::jsonb,$2) AS id",
						2,
						{TEXTOID, TIMESTAMPTZOID}},
	[DB_QUEUE_SET] = {"SELECT errand._queue_set($1,$2,$3)", 3, {TEXTOID, BOOLOID, BOOLOID}},
	[DB_SECRETS] = {"SELECT * FROM errand._secrets($1,$2)", 2, {A_INT8, A_TEXT}},
	[DB_SECRET_SETTING] = {"SELECT errand._secret_setting($1) AS value", 1, {TEXTOID}},
	[DB_PROXIES] = {"SELECT * FROM errand._proxies()", 0, {0}},
	[DB_FOLLOW_UP] = {"SELECT * FROM errand._follow_up($1,$2)", 2, {A_INT8, TIMESTAMPTZOID}},
	[DB_SCHEDULES_FIRE] = {"SELECT * FROM errand._schedules_fire($1,$2)",
						   2,
						   {TIMESTAMPTZOID, INT4OID}},
	[DB_SCHEDULES_NEXT] = {"SELECT errand._schedules_next($1) AS at", 1, {TIMESTAMPTZOID}},
	[DB_OUTBOX_SUBMIT] = {"SELECT * FROM errand._outbox_submit($1,$2)",
						  2,
						  {INT8OID, TIMESTAMPTZOID}},
	[DB_FREE] = {"SELECT * FROM errand._free($1,$2,$3,$4)",
				 4,
				 {A_INT8, A_INT8, TIMESTAMPTZOID, INT4OID}},
	[DB_FREE_CHILDREN] = {"SELECT * FROM errand._free_children($1,$2,$3)",
						  3,
						  {A_INT8, TIMESTAMPTZOID, INT4OID}},
	[DB_UNFREED] = {"SELECT * FROM errand._unfreed($1,$2)", 2, {INT8OID, INT4OID}},
	[DB_GROUP_COUNT] = {"SELECT errand._group_count($1,$2)", 2, {A_INT8, A_CHAR}},
	[DB_RELAY_CHECK] = {"SELECT * FROM errand._relay_check($1,$2)", 2, {A_TEXT, A_TEXT}},
	[DB_STREAMS] = {"SELECT * FROM errand._streams()", 0, {0}},
	[DB_STREAMS_WANTED] = {"SELECT errand._streams_wanted() AS wanted", 0, {0}},
	[DB_STREAM_SECRETS] = {"SELECT * FROM errand._stream_secrets($1,$2)", 2, {TEXTOID, A_TEXT}},
	[DB_STREAM_FRAMES] = {"SELECT errand._stream_frames($1,$2,$3,$4,$5,$6) AS taken",
						  6,
						  {TEXTOID, A_BYTES, A_CHAR, INT8OID, INT4OID, TIMESTAMPTZOID}},
	[DB_STREAM_TOLD] = {"SELECT errand._stream_told($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
						10,
						{TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT4OID, TEXTOID,
						 INT8OID, BOOLOID, TEXTOID, TIMESTAMPTZOID}},
	[DB_GROUP_FOLD] = {"SELECT * FROM errand._group_fold($1,$2)", 2, {TIMESTAMPTZOID, INT4OID}},
};
