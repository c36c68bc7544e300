-- Numbers over time: what the rollups hold, and the minute that runs.

-- Function:   _rollup_now(kind)   q queues, t task types, a all
-- Returns:    what was counted since the last rollup, to who sees all tasks
CREATE FUNCTION errand._rollup_now(p_kind "char")
RETURNS TABLE (name text, since timestamptz, submitted bigint, succeeded bigint, failed bigint, cancelled bigint, retried bigint,
    depth bigint, oldest_ms bigint, wait_hist integer[], run_hist integer[])
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_rollup_now_srf';

-- Function:   _hist_add(state, histogram), _hist_quantiles(state)
-- Behind the aggregate _hist(), which adds histograms up.
CREATE FUNCTION errand._hist_add(internal, integer[]) RETURNS internal
LANGUAGE c IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_hist_add';
CREATE FUNCTION errand._hist_quantiles(internal) RETURNS double precision[]
LANGUAGE c IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_hist_quantiles';

-- Aggregate:  _hist(histogram)
-- Returns:    p50, p95 and p99 in milliseconds; NULL if nothing fell into any
CREATE AGGREGATE errand._hist(integer[]) (SFUNC = errand._hist_add, STYPE = internal, FINALFUNC = errand._hist_quantiles);

-- One row a minute and queue (q), task type (t), or all (a); quiet minutes have none.
CREATE VIEW errand.stat_history WITH (security_barrier) AS
SELECT r.minute, CASE r.kind WHEN 'q' THEN 'queue' WHEN 't' THEN 'task' WHEN 's' THEN 'source' ELSE 'all' END AS kind, r.name,
    r.submitted, r.succeeded, r.failed, r.cancelled, r.retried, r.depth, r.oldest_ms, r.wait_hist, r.run_hist
FROM errand.rollup AS r WHERE (SELECT errand._sees_all(current_user));

CREATE FUNCTION errand.metrics(openmetrics boolean DEFAULT false) RETURNS text
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_metrics';

-- Function:   _stats()
-- Returns:    what the channel stats tells each second, from shared memory alone
-- Raises:     42501 unless the caller is a monitor
CREATE FUNCTION errand._stats() RETURNS jsonb
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_stats';
