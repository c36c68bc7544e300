-- What errand.metrics() tells of sources and of the query cache (extension/metrics.c).

-- Function:   _source_metrics(openmetrics, now)
-- Of the first 200 sources each has samples of its own, the others share the
-- label "other".  What is counted is counted when a run ends.
-- Returns:    families and samples, as text
-- Tables:     reads source, source_state, stream_state, source_run: of the last the open runs alone
CREATE FUNCTION errand._source_metrics(p_openmetrics boolean, p_now timestamptz)
RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        WITH each AS MATERIALIZED (
            SELECT CASE WHEN row_number() OVER (ORDER BY s.id) <= 200 THEN s.name ELSE 'other' END AS name,
                t.runs_stored, t.runs_same, t.runs_failed, t.items_stored, t.items_duplicate, t.items_rejected, t.last_success,
                CASE WHEN s.enabled THEN greatest(0, extract(epoch FROM p_now - coalesce(t.degraded_since, CASE WHEN NOT o.open THEN t.next_run END, p_now))) END AS lag,
                CASE WHEN NOT s.enabled AND NOT o.open THEN 'stopped' WHEN s.enabled AND t.degraded_since IS NOT NULL THEN 'degraded'
                     WHEN o.open OR w.connected_at IS NOT NULL THEN 'running' ELSE 'idle' END AS state,
                w.messages, w.malformed, w.dropped, w.missed
            FROM errand.source AS s JOIN errand.source_state AS t ON t.source = s.id
            LEFT JOIN errand.stream_state AS w ON w.source = s.id AND s.kind = 'websocket'
            CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM errand.source_run AS r
                WHERE r.source = s.id AND r.finished_at IS NULL AND NOT r.stream) AS open) AS o),
        samples (family, label, value) AS (
            SELECT v.* FROM (
                SELECT format('source="%s"', replace(replace(e.name, '\', '\\'), '"', '\"')) AS source,
                    sum(e.runs_stored) AS runs_stored, sum(e.runs_same) AS runs_same, sum(e.runs_failed) AS runs_failed,
                    sum(e.items_stored) AS items_stored, sum(e.items_duplicate) AS items_duplicate, sum(e.items_rejected) AS items_rejected,
                    extract(epoch FROM max(e.last_success)) AS last_success, max(e.lag) AS lag, sum(e.messages) AS messages,
                    sum(e.malformed) AS malformed, sum(e.dropped) AS dropped, sum(e.missed) AS missed,
                    count(*) FILTER (WHERE e.state = 'stopped') AS stopped, count(*) FILTER (WHERE e.state = 'idle') AS idle,
                    count(*) FILTER (WHERE e.state = 'running') AS running, count(*) FILTER (WHERE e.state = 'degraded') AS degraded
                FROM each AS e GROUP BY e.name) AS s
            CROSS JOIN LATERAL (VALUES
                (1, s.source || ',outcome="ok"', s.runs_stored), (1, s.source || ',outcome="not_modified"', s.runs_same),
                (1, s.source || ',outcome="error"', s.runs_failed), (2, s.source || ',outcome="stored"', s.items_stored),
                (2, s.source || ',outcome="duplicate"', s.items_duplicate), (2, s.source || ',outcome="rejected"', s.items_rejected),
                (3, s.source, s.last_success), (4, s.source, s.lag),
                (5, s.source || ',state="stopped"', s.stopped), (5, s.source || ',state="idle"', s.idle),
                (5, s.source || ',state="running"', s.running), (5, s.source || ',state="degraded"', s.degraded),
                (6, s.source || ',outcome="received"', s.messages), (6, s.source || ',outcome="malformed"', s.malformed),
                (6, s.source || ',outcome="dropped"', s.dropped), (6, s.source || ',outcome="missed"', s.missed)) AS v (family, label, value)
            WHERE v.value IS NOT NULL
            UNION ALL
            SELECT 7, format('outcome="%s"', v.outcome), v.value FROM errand._cached_counts() AS c
            CROSS JOIN LATERAL (VALUES ('hit', c.hits), ('stale', c.stale), ('miss', c.misses)) AS v (outcome, value)),
        families (family, name, type, help) AS (VALUES
            (1, 'errand_source_runs', 'counter', 'Runs of sources that ended.'),
            (2, 'errand_source_items', 'counter', 'Items of sources, by what became of them.'),
            (3, 'errand_source_last_success_timestamp_seconds', 'gauge', 'When the last run that succeeded ended.'),
            (4, 'errand_source_lag_seconds', 'gauge', 'How long a started source has been degraded or overdue; 0: it is well.'),
            (5, 'errand_source_state', 'gauge', 'The state that a source is in.'),
            (6, 'errand_source_messages', 'counter', 'Messages of streams, by what became of them.'),
            (7, 'errand_query_cache_requests', 'counter', 'Calls of errand.cached(), by what they got.'))
        SELECT string_agg(format(E'# HELP %1$s %2$s\n# TYPE %1$s %3$s\n%4$s', f.name || CASE WHEN f.type = 'counter' AND NOT p_openmetrics THEN '_total' ELSE '' END,
            f.help, f.type, x.lines), '' ORDER BY f.family)
        FROM families AS f
        CROSS JOIN LATERAL (SELECT string_agg(format(E'%s%s{%s} %s\n', f.name, CASE f.type WHEN 'counter' THEN '_total' ELSE '' END, m.label, m.value), ''
            ORDER BY m.label) AS lines FROM samples AS m WHERE m.family = f.family) AS x);
END $$;
