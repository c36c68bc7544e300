-- The route history: numbers over time.

-- Function:   _history_rows(kind, name, from, now)
-- Returns:    the rollups, and the minute that runs
CREATE FUNCTION errand._history_rows(p_kind text, p_name text, p_from timestamptz, p_now timestamptz)
RETURNS TABLE (minute timestamptz, submitted bigint, succeeded bigint, failed bigint, cancelled bigint, retried bigint,
    depth bigint, wait_hist integer[], run_hist integer[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT r.minute, r.submitted, r.succeeded, r.failed, r.cancelled, r.retried, r.depth, r.wait_hist, r.run_hist
    FROM errand.stat_history AS r WHERE r.kind = p_kind AND r.name = p_name AND r.minute >= p_from
    UNION ALL
    SELECT date_trunc('minute', p_now), n.submitted, n.succeeded, n.failed, n.cancelled, n.retried, n.depth, n.wait_hist, n.run_hist
    FROM errand._rollup_now(left(p_kind, 1)::"char") AS n WHERE n.name = p_name;
END $$;

-- Function:   _history(kind, name, from, step, now)
-- Returns:    an array for each number, one item a step; in steps without a
--             row nothing happened, and depth is what it was before
CREATE FUNCTION errand._history(p_kind text, p_name text, p_from timestamptz, p_step interval, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN (
        WITH steps AS (
            SELECT g.at, (extract(epoch FROM g.at - p_from) / extract(epoch FROM p_step))::integer AS n
            FROM generate_series(p_from, p_now, p_step) AS g (at)
        ), sums AS (
            SELECT floor(extract(epoch FROM r.minute - p_from) / extract(epoch FROM p_step))::integer AS n,
                sum(r.submitted) AS submitted, sum(r.succeeded) AS succeeded, sum(r.failed) AS failed, sum(r.cancelled) AS cancelled,
                sum(r.retried) AS retried, (array_agg(r.depth ORDER BY r.minute DESC))[1] AS depth,
                errand._hist(r.wait_hist) AS wait, errand._hist(r.run_hist) AS run
            FROM errand._history_rows(p_kind, p_name, p_from, p_now) AS r GROUP BY 1
        )
        SELECT jsonb_build_object('step_s', extract(epoch FROM p_step)::integer,
            'at', jsonb_agg(errand._iso(s.at) ORDER BY s.n), 'submitted', jsonb_agg(coalesce(x.submitted, 0) ORDER BY s.n),
            'succeeded', jsonb_agg(coalesce(x.succeeded, 0) ORDER BY s.n), 'failed', jsonb_agg(coalesce(x.failed, 0) ORDER BY s.n),
            'cancelled', jsonb_agg(coalesce(x.cancelled, 0) ORDER BY s.n), 'retried', jsonb_agg(coalesce(x.retried, 0) ORDER BY s.n),
            'depth', jsonb_agg(coalesce(x.depth, 0) ORDER BY s.n),
            'wait_p50_ms', jsonb_agg(x.wait[1] ORDER BY s.n), 'wait_p95_ms', jsonb_agg(x.wait[2] ORDER BY s.n),
            'wait_p99_ms', jsonb_agg(x.wait[3] ORDER BY s.n), 'run_p50_ms', jsonb_agg(x.run[1] ORDER BY s.n),
            'run_p95_ms', jsonb_agg(x.run[2] ORDER BY s.n), 'run_p99_ms', jsonb_agg(x.run[3] ORDER BY s.n))
        FROM steps AS s LEFT JOIN sums AS x ON x.n = s.n);
END $$;

-- Function:   _history_of(kind, name, from, step, now)
-- Returns:    the same; of a source that of its last stage, with its items:
--             found, stored, rejected, duplicate
CREATE FUNCTION errand._history_of(p_kind text, p_name text, p_from timestamptz, p_step interval, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_items jsonb := errand._history(p_kind, p_name, p_from, p_step, p_now);
BEGIN
    IF p_kind <> 'source' THEN
        RETURN v_items;
    END IF;
    RETURN errand._history('queue', errand._source_queue(p_name, 'store'), p_from, p_step, p_now)
        || jsonb_build_object('found', v_items -> 'submitted', 'stored', v_items -> 'succeeded', 'rejected', v_items -> 'failed',
            'duplicate', v_items -> 'cancelled');
END $$;

-- Function:   _history_range(range, kind, name, now)
-- Returns:    the same, up to now
-- Raises:     22023 if there is no such range
CREATE FUNCTION errand._history_range(p_range text, p_kind text, p_name text, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_length interval;
    v_step interval;
BEGIN
    CASE p_range
        WHEN '1h' THEN v_length := '1 h'; v_step := '1 min';
        WHEN '6h' THEN v_length := '6 h'; v_step := '5 min';
        WHEN '24h' THEN v_length := '24 h'; v_step := '15 min';
        WHEN '30d' THEN v_length := '720 h'; v_step := '3 h';
        ELSE PERFORM errand._arg_bad('"range" is not valid', 'It is 1h, 6h, 24h or 30d.');
    END CASE;
    RETURN errand._history_of(p_kind, p_name, date_bin(v_step, p_now, timestamptz '2000-01-01 UTC') - v_length + v_step, v_step, p_now)
        || jsonb_build_object('range', p_range);
END $$;

-- Function:   _api_history(args, now)
CREATE FUNCTION errand._api_history(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_range text := coalesce(errand._arg_text(p_args, 'range'), '1h');
    v_kind text;
    v_name text;
BEGIN
    PERFORM errand._arg_known(p_args, 'range', 'queue', 'task', 'source');
    IF (p_args ? 'queue')::integer + (p_args ? 'task')::integer + (p_args ? 'source')::integer > 1 THEN
        PERFORM errand._arg_bad('a history is of one thing', 'Name a queue, a task type or a source.');
    END IF;
    SELECT k.kind, errand._arg_text(p_args, k.kind) INTO v_kind, v_name FROM unnest(ARRAY['queue', 'task', 'source']) AS k (kind)
    WHERE errand._arg_text(p_args, k.kind) IS NOT NULL;
    IF v_range IN ('24h', '30d') THEN -- thousands of rows: everyone who looks shares one answer
        RETURN errand._cached_read('dashboard: history', '20 s', format('SELECT errand._history_range(%L, %L, %L, now())',
            v_range, coalesce(v_kind, 'all'), coalesce(v_name, '')));
    END IF;
    RETURN errand._history_range(v_range, coalesce(v_kind, 'all'), coalesce(v_name, ''), p_now);
END $$;

COMMENT ON FUNCTION errand._history_of IS 'internal: a history, of a source with its items.';
COMMENT ON FUNCTION errand._history_range IS 'internal: the history of a range.';
