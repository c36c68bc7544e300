-- Numbers by the minute, for charts.  The leader writes what the counters in
-- shared memory have counted (bgworker/queue/rollup.c); 30 days are kept.

-- A histogram is a list of pairs: the bucket (extension/core/histogram.h), and
-- how many fell into it.
CREATE TABLE errand.rollup (
    minute    timestamptz NOT NULL,
    submitted bigint      NOT NULL,
    succeeded bigint      NOT NULL,
    failed    bigint      NOT NULL,
    cancelled bigint      NOT NULL,
    retried   bigint      NOT NULL,
    depth     bigint      NOT NULL,
    oldest_ms bigint      NOT NULL,
    kind      "char"      NOT NULL CHECK (kind IN ('q', 't', 's', 'a')),
    name      text        NOT NULL COLLATE "C",
    wait_hist integer[]   NOT NULL,
    run_hist  integer[]   NOT NULL,
    upto      timestamptz NOT NULL,
    unknown   bigint      NOT NULL DEFAULT 0, -- of the failed
    -- by retry(): of those that had succeeded, failed, were unknown, cancelled
    retaken   bigint[]    NOT NULL DEFAULT '{0,0,0,0}',
    PRIMARY KEY (kind, name, minute)
);
CREATE INDEX rollup_minute ON errand.rollup (minute);
SELECT pg_catalog.pg_extension_config_dump('errand.rollup', '');

-- Function:   _rollup(...)
-- A minute that two leaders share is put together.  The first row of all is one
-- in which something happened: a dump that is being restored brings rows of its
-- own, which ours must not stand in the way of.
-- Tables:     reads, writes rollup
CREATE FUNCTION errand._rollup(p_minute timestamptz, p_kind "char", p_name text, p_submitted bigint, p_succeeded bigint,
    p_failed bigint, p_cancelled bigint, p_retried bigint, p_depth bigint, p_oldest_ms bigint, p_wait integer[], p_run integer[],
    p_upto timestamptz, p_unknown bigint DEFAULT 0, p_retaken bigint[] DEFAULT '{0,0,0,0}')
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.rollup AS r (minute, kind, name, submitted, succeeded, failed, cancelled, retried, depth, oldest_ms, wait_hist, run_hist, upto,
        unknown, retaken)
    SELECT p_minute, p_kind, p_name, p_submitted, p_succeeded, p_failed, p_cancelled, p_retried, p_depth, p_oldest_ms, p_wait, p_run, p_upto,
        p_unknown, p_retaken
    WHERE p_submitted + p_succeeded + p_failed + p_cancelled + p_retried > 0 OR EXISTS (SELECT FROM errand.rollup)
    ON CONFLICT (kind, name, minute) DO UPDATE SET submitted = r.submitted + excluded.submitted,
        succeeded = r.succeeded + excluded.succeeded, failed = r.failed + excluded.failed,
        cancelled = r.cancelled + excluded.cancelled, retried = r.retried + excluded.retried,
        depth = excluded.depth, oldest_ms = excluded.oldest_ms, wait_hist = r.wait_hist || excluded.wait_hist,
        run_hist = r.run_hist || excluded.run_hist, upto = excluded.upto, unknown = r.unknown + excluded.unknown,
        retaken = ARRAY[r.retaken[1] + excluded.retaken[1], r.retaken[2] + excluded.retaken[2], r.retaken[3] + excluded.retaken[3],
            r.retaken[4] + excluded.retaken[4]];
END $$;

-- Function:   _rollup_trim(now, limit)
-- Returns:    how many that are older than 30 days went
-- Tables:     deletes from rollup
CREATE FUNCTION errand._rollup_trim(p_now timestamptz, p_limit integer)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_gone bigint;
BEGIN
    DELETE FROM errand.rollup AS r WHERE r.ctid = ANY (ARRAY(
        SELECT x.ctid FROM errand.rollup AS x WHERE x.minute < p_now - interval '30 days'
        ORDER BY x.minute LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_gone = ROW_COUNT;
    RETURN v_gone;
END $$;

-- Function:   _rollup_recount(until)
-- After a crash: what was counted in memory alone, from the last row up to then, is counted by the rows
-- of tasks.  Only the newest 300,000 final ones are looked at, so that it takes no longer than a second;
-- what ended and is older than these stays uncounted, and so do retries and times.
-- Tables:     reads outcome, task; writes rollup
CREATE FUNCTION errand._rollup_recount(p_until timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_since timestamptz := coalesce((SELECT max(r.upto) FROM errand.rollup AS r WHERE r.kind = 'a'), '-infinity');
BEGIN
    PERFORM errand._rollup(date_trunc('minute', CASE WHEN isfinite(v_since) THEN v_since ELSE p_until END), k.kind, k.name,
        sum(c.submitted)::bigint, sum(c.succeeded)::bigint, sum(c.failed)::bigint, sum(c.cancelled)::bigint, 0, 0, 0, '{}', '{}', p_until,
        sum(c.unknown)::bigint)
    FROM (
        SELECT t.queue, t.type, 0 AS submitted, (o.state = 'S')::integer AS succeeded, (o.state IN ('F', 'U'))::integer AS failed,
            (o.state = 'C')::integer AS cancelled, (o.state = 'U')::integer AS unknown
        FROM (SELECT x.id, x.state, x.finished_at FROM errand.outcome AS x ORDER BY x.id DESC LIMIT 300000) AS o
        JOIN errand.task AS t ON t.id = o.id
        WHERE o.finished_at >= v_since AND o.finished_at < p_until
        UNION ALL
        SELECT t.queue, t.type, 1, 0, 0, 0, 0
        FROM (SELECT x.queue, x.type, x.submitted_at FROM errand.task AS x ORDER BY x.id DESC LIMIT 300000) AS t
        WHERE t.submitted_at >= v_since AND t.submitted_at < p_until
    ) AS c CROSS JOIN LATERAL (VALUES ('q'::"char", c.queue), ('t', c.type), ('a', '')) AS k (kind, name)
    GROUP BY k.kind, k.name;
END $$;

-- Function:   _rollup_sums()
-- Returns:    what was counted up to now
-- Tables:     reads rollup
CREATE FUNCTION errand._rollup_sums()
RETURNS TABLE (submitted bigint, succeeded bigint, failed bigint, cancelled bigint, retried bigint, unknown bigint,
    retaken_succeeded bigint, retaken_failed bigint, retaken_unknown bigint, retaken_cancelled bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT sum(r.submitted)::bigint, sum(r.succeeded)::bigint, sum(r.failed)::bigint, sum(r.cancelled)::bigint,
        sum(r.retried)::bigint, sum(r.unknown)::bigint, sum(r.retaken[1])::bigint, sum(r.retaken[2])::bigint, sum(r.retaken[3])::bigint,
        sum(r.retaken[4])::bigint FROM errand.rollup AS r WHERE r.kind = 'a';
END $$;
