-- What users see of sources: their own; monitor and admin see all.

CREATE VIEW errand.sources WITH (security_barrier) AS
SELECT s.name, s.kind, s.url, CASE WHEN NOT s.enabled AND o.id IS NULL THEN 'stopped' WHEN t.degraded_since IS NOT NULL AND s.enabled THEN 'degraded'
        WHEN o.id IS NOT NULL OR w.connected_at IS NOT NULL THEN 'running' ELSE 'idle' END AS state,
    s.every, s.cron, s.timezone, s.target, s.options ->> 'items' AS items, s.options ->> 'item_key' AS item_key, s.options ->> 'transform' AS transform,
    s.options -> 'columns' AS columns, s.options ->> 'on_conflict' AS on_conflict, s.options -> 'paginate' AS paginate,
    s.options -> 'cursor' AS cursor, t.cursor ->> 'value' AS cursor_value, s.fetch_workers, s.transform_workers, s.store_workers,
    s.timeout_ms * interval '1 ms' AS timeout, s.request - 'url' AS request,
    s.options - ARRAY['items', 'item_key', 'transform', 'columns', 'on_conflict', 'paginate', 'cursor', 'keys'] AS options,
    s.owner::name AS owner, s.enabled AS started, s.enabled_at AS started_at, s.defined_at, s.description
FROM errand.source AS s JOIN errand.source_state AS t ON t.source = s.id
LEFT JOIN errand.stream_state AS w ON w.source = s.id
LEFT JOIN LATERAL (SELECT r.id FROM errand.source_run AS r WHERE r.source = s.id AND r.finished_at IS NULL LIMIT 1) AS o ON true
WHERE s.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.stat_sources WITH (security_barrier) AS
SELECT s.name AS source, CASE WHEN NOT s.enabled AND o.runs = 0 THEN 'stopped' WHEN t.degraded_since IS NOT NULL AND s.enabled THEN 'degraded'
        WHEN o.runs > 0 OR w.connected_at IS NOT NULL THEN 'running' ELSE 'idle' END AS state,
    t.last_run, CASE WHEN s.enabled AND s.kind <> 'websocket' THEN coalesce(CASE WHEN t.planned_for = greatest(s.enabled_at, s.defined_at) THEN t.next_run END, s.enabled_at)
        WHEN s.enabled THEN w.next_try END AS next_run,
    t.last_success, t.items_stored + o.stored AS items_stored, t.items_rejected + o.rejected AS items_rejected,
    t.items_duplicate + o.duplicate AS items_duplicate, t.error, t.sqlstate, clock_timestamp() - t.last_success AS age,
    t.degraded_since, t.failures, t.runs, t.cursor ->> 'value' AS cursor_value, s.kind, s.owner::name AS owner,
    w.connected_at AS connected_since, w.last_message, w.messages, w.malformed, w.dropped, w.gaps, w.missed, w.gap AS last_gap,
    w.sequence, w.connects, w.error AS connection_error
FROM errand.source AS s JOIN errand.source_state AS t ON t.source = s.id
LEFT JOIN errand.stream_state AS w ON w.source = s.id
CROSS JOIN LATERAL (SELECT count(*) AS runs, coalesce(sum(r.stored), 0)::bigint AS stored, coalesce(sum(r.rejected), 0)::bigint AS rejected,
    coalesce(sum(r.duplicate), 0)::bigint AS duplicate FROM errand.source_run AS r WHERE r.source = s.id AND r.finished_at IS NULL) AS o
WHERE s.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

-- Per second: pages fetched, items transformed, rows stored, over the last minute.
CREATE VIEW errand.stat_stages WITH (security_barrier) AS
SELECT s.name AS source, g.stage, g.workers, coalesce(c.ready + c.scheduled + c.waiting, 0) + h.held AS depth,
    coalesce(c.succeeded, 0) AS done, coalesce(c.failed, 0) AS failed,
    round(CASE g.stage WHEN 'fetch' THEN p.pages WHEN 'transform' THEN p.items ELSE p.stored END / 60.0, 3)::double precision AS per_second,
    c.run_p50_ms AS p50_ms, c.run_p95_ms AS p95_ms, c.wait_p50_ms, c.wait_p95_ms, coalesce(c.running, 0) AS running, g.queue
FROM errand.source AS s
CROSS JOIN LATERAL (VALUES ('fetch', s.fetch_workers, 'f'::"char", errand._source_queue(s.name, 'fetch')),
    ('transform', s.transform_workers, 't', errand._source_queue(s.name, 'transform')),
    ('store', s.store_workers, 's', errand._source_queue(s.name, 'store'))) AS g (stage, workers, letter, queue)
LEFT JOIN errand._counters('q') AS c ON c.name = g.queue
CROSS JOIN LATERAL (SELECT count(*) AS held FROM errand.source_piece AS x JOIN errand.source_run AS r ON r.id = x.run
    WHERE r.source = s.id AND r.finished_at IS NULL AND x.stage = g.letter AND x.task IS NULL) AS h
CROSS JOIN LATERAL (SELECT coalesce(sum(r.pages), 0) AS pages, coalesce(sum(r.items), 0) AS items, coalesce(sum(r.stored), 0) AS stored
    FROM errand.source_run AS r WHERE r.source = s.id AND coalesce(r.finished_at, 'infinity') > clock_timestamp() - interval '1 min') AS p
WHERE s.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.rejects WITH (security_barrier) AS
SELECT s.name AS source, j.stage, j.reason, j.sqlstate, j.item_key, j.item, j.raw, j.at, j.last_at, j.times, j.run AS run_id, j.id
FROM errand.reject AS j JOIN errand.source AS s ON s.id = j.source
WHERE s.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.source_runs WITH (security_barrier) AS
SELECT s.name AS source, r.id, CASE r.state WHEN 'x' THEN 'running' WHEN 'S' THEN 'succeeded' WHEN 'N' THEN 'not_modified' ELSE 'failed' END AS state,
    r.started_at, r.finished_at, r.pages, r.items, r.stored, r.rejected, r.duplicate, r.sqlstate, r.error
FROM errand.source_run AS r JOIN errand.source AS s ON s.id = r.source
WHERE s.owner_oid = (SELECT x.oid FROM pg_catalog.pg_roles AS x WHERE x.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

-- What watchers are told of: rows that were stored of late.
CREATE VIEW errand.source_items WITH (security_barrier) AS
SELECT s.name AS source, n.id, n.at, n.run AS run_id, n.items
FROM errand.source_news AS n JOIN errand.source AS s ON s.id = n.source
WHERE s.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));
