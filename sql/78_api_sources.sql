-- Routes of sources: looking, and steering with the role's own rights.

-- Function:   _source_minutes(name, now)
-- Returns:    how many rows were stored in each of the last 30 minutes
CREATE FUNCTION errand._source_minutes(p_name text, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_last timestamptz := date_trunc('minute', p_now);
BEGIN
    RETURN (SELECT jsonb_agg(coalesce(h.succeeded, 0) ORDER BY m.minute)
            FROM generate_series(v_last - interval '29 min', v_last, interval '1 min') AS m (minute)
            LEFT JOIN errand.stat_history AS h ON h.kind = 'source' AND h.name = p_name AND h.minute = m.minute);
END $$;

-- Function:   _source_details(name)
-- Returns:    the last runs of a source, and its last bad items
CREATE FUNCTION errand._source_details(p_name text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object(
        'runs', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'state', r.state, 'started_at', errand._iso(r.started_at),
                'finished_at', errand._iso(r.finished_at), 'pages', r.pages, 'items', r.items, 'stored', r.stored, 'rejected', r.rejected,
                'duplicate', r.duplicate, 'error', left(r.error, 500)) ORDER BY r.id DESC), '[]')
            FROM (SELECT x.* FROM errand.source_runs AS x WHERE x.source = p_name ORDER BY x.id DESC LIMIT 10) AS r),
        'rejects', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', j.id, 'stage', j.stage, 'reason', left(j.reason, 500), 'last_at', errand._iso(j.last_at),
                'times', j.times, 'item', left(coalesce(j.item::text, j.raw), 500)) ORDER BY j.last_at DESC, j.id DESC), '[]')
            FROM (SELECT x.* FROM errand.rejects AS x WHERE x.source = p_name ORDER BY x.last_at DESC, x.id DESC LIMIT 10) AS j));
END $$;

-- Function:   _source_rows(name, now)
-- name: NULL: all that the role may see.
-- Returns:    sources with their stages and the last rows that were stored; of
--             one source its last runs and bad items, too
CREATE FUNCTION errand._source_rows(p_name text, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET intervalstyle = postgres AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('source', s.source, 'kind', s.kind, 'state', s.state,
            'every', coalesce(d.every::text, d.cron), 'target', d.target, 'description', d.description,
            'last_run', errand._iso(s.last_run), 'next_run', errand._iso(s.next_run), 'last_success', errand._iso(s.last_success),
            'items_stored', s.items_stored, 'items_rejected', s.items_rejected, 'items_duplicate', s.items_duplicate, 'error', s.error,
            'degraded_since', errand._iso(s.degraded_since), 'connected_since', errand._iso(s.connected_since),
            'missed', s.missed, 'dropped', s.dropped, 'stages', g.stages, 'last_items', coalesce(i.items, '[]'), 'views', coalesce(v.views, '[]'),
            'stored_per_minute', errand._source_minutes(s.source, p_now))
            || CASE WHEN p_name IS NULL THEN '{}' ELSE errand._source_details(s.source) END ORDER BY s.source), '[]')
        FROM errand.stat_sources AS s JOIN errand.sources AS d ON d.name = s.source
        LEFT JOIN (
            SELECT x.source, jsonb_agg(jsonb_build_object('stage', x.stage, 'workers', x.workers, 'depth', x.depth, 'running', x.running, 'done', x.done,
                'failed', x.failed, 'per_second', x.per_second, 'p50_ms', x.p50_ms, 'p95_ms', x.p95_ms, 'queue', x.queue)
                ORDER BY array_position(ARRAY['fetch', 'transform', 'store'], x.stage)) AS stages
            FROM errand.stat_stages AS x WHERE p_name IS NULL OR x.source = p_name GROUP BY x.source) AS g USING (source)
        LEFT JOIN (
            SELECT y.source, jsonb_agg(jsonb_build_object('view', y.name, 'description', left(obj_description(y.view, 'pg_class'), 200)) ORDER BY y.name) AS views
            FROM errand._source_views(p_name) AS y GROUP BY y.source) AS v USING (source)
        CROSS JOIN LATERAL (
            SELECT jsonb_agg(l.value ORDER BY l.id DESC, l.n DESC) AS items FROM (
                SELECT n.id, e.value, e.n
                FROM (SELECT y.id, y.items FROM errand.source_items AS y WHERE y.source = s.source ORDER BY y.id DESC LIMIT 3) AS n
                CROSS JOIN LATERAL jsonb_array_elements(n.items) WITH ORDINALITY AS e (value, n)
                ORDER BY n.id DESC, e.n DESC LIMIT 20) AS l) AS i
        WHERE p_name IS NULL OR s.source = p_name);
END $$;

-- Function:   _api_sources(args, now)
CREATE FUNCTION errand._api_sources(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_known(p_args, 'source');
    RETURN jsonb_build_object('sources', errand._source_rows(errand._arg_text(p_args, 'source'), p_now));
END $$;

-- Function:   _source_snapshot(name)
-- Returns:    what a subscription to source:NAME begins with: its row
-- Raises:     42704 if there is none that the role may see
CREATE FUNCTION errand._source_snapshot(p_name text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_row jsonb := errand._source_rows(p_name, clock_timestamp()) -> 0;
BEGIN
    IF v_row IS NULL THEN
        RAISE EXCEPTION 'there is no source "%"', left(p_name, 200)
            USING ERRCODE = '42704', HINT = 'SELECT * FROM errand.sources lists yours.';
    END IF;
    RETURN v_row;
END $$;

-- Function:   _source_news(id)   called by the relay, which then asks who may see it
-- Returns:    {"source", "id", "at", "items"}: what was stored in one go, large rows by key; NULL if it is gone
-- Tables:     reads source_news, source
CREATE FUNCTION errand._source_news(p_id bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('source', s.name, 'id', n.id, 'at', errand._iso(n.at), 'items', n.items)
            FROM errand.source_news AS n JOIN errand.source AS s ON s.id = n.source WHERE n.id = p_id);
END $$;

-- Function:   _api_source_start(args, now), _api_source_stop, _api_source_run
CREATE FUNCTION errand._api_source_start(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.start_source(errand._arg_need(p_args, 'name'));
    RETURN errand._done(true);
END $$;

CREATE FUNCTION errand._api_source_stop(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.stop_source(errand._arg_need(p_args, 'name'));
    RETURN errand._done(true);
END $$;

CREATE FUNCTION errand._api_source_run(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    RETURN jsonb_build_object('run', errand.run_source_now(errand._arg_need(p_args, 'name')));
END $$;

COMMENT ON FUNCTION errand._source_minutes IS 'internal: rows stored, by the minute.';
COMMENT ON FUNCTION errand._source_details IS 'internal: the last runs and bad items of a source.';
COMMENT ON FUNCTION errand._source_rows IS 'internal: sources, with their stages and last rows.';
COMMENT ON FUNCTION errand._source_snapshot IS 'internal: what a subscription to a source begins with.';
COMMENT ON FUNCTION errand._source_news IS 'internal: rows that a source stored in one go.';
