-- What users look at.  Every view carries the rights in itself: a role sees
-- its own tasks, monitor and admin see all.  One branch for each state, so
-- that a filter on live states never reads history.

-- Function:   _progress(id)
-- Returns:    how far the task that an executor runs has come, as its handler says; or NULL
CREATE FUNCTION errand._progress(p_id bigint)
RETURNS double precision
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_progress_of';

-- Function:   _progress_text(id)
-- Returns:    what its handler says of it, or NULL
CREATE FUNCTION errand._progress_text(p_id bigint)
RETURNS text
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_progress_text_of';

-- Every run in a lease that is not settled.  Granted to nobody.
CREATE VIEW errand.runs AS
SELECT u.id, u.attempt, u.run, l.claimed_at, l.pid
FROM errand.lease AS l CROSS JOIN LATERAL unnest(l.ids, l.attempts, l.runs) AS u (id, attempt, run)
WHERE NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = u.id)
  AND NOT EXISTS (SELECT FROM errand.attempt AS a WHERE a.task_id = u.id AND a.attempt = u.attempt)
  AND NOT EXISTS (SELECT FROM errand.later AS x WHERE x.id = u.id)
  AND NOT EXISTS (SELECT FROM errand.ready AS x WHERE x.id = u.id)
  AND NOT EXISTS (SELECT FROM errand.suspect AS x WHERE x.id = u.id);

CREATE VIEW errand.tasks WITH (security_barrier) AS
SELECT t.id, s.state, t.type AS task, t.kind, t.queue, t.priority::integer AS priority, s.attempt,
    t.max_attempts::integer AS max_attempts, t.submitted_at, coalesce(s.due_at, t.run_at) AS run_at, s.started_at,
    s.finished_at, t.owner::name AS owner, t.key, t.task_group, t.tags, CASE WHEN s.state = 'running' AND t.kind = 'sql' THEN errand._progress(t.id) END AS progress, s.error,
    CASE WHEN s.state = 'running' AND t.kind = 'sql' THEN errand._progress_text(t.id) END AS progress_message
FROM (
    SELECT r.id, 'ready'::text AS state, r.attempt, NULL::timestamptz AS due_at, NULL::timestamptz AS started_at,
        NULL::timestamptz AS finished_at, NULL::text AS error
    FROM errand.ready AS r
    UNION ALL
    SELECT p.id, 'ready', p.attempt, NULL, NULL, NULL, 'in flight when the server crashed, waits to run apart'
    FROM errand.suspect AS p
    UNION ALL
    SELECT l.id, 'scheduled', l.attempt, l.due_at, NULL, NULL, NULL FROM errand.later AS l WHERE l.state = 's'
    UNION ALL
    SELECT l.id, 'retrying', l.attempt, l.due_at, NULL, NULL,
        (SELECT a.error FROM errand.attempt AS a WHERE a.task_id = l.id AND a.attempt = l.attempt)
    FROM errand.later AS l WHERE l.state = 'r'
    UNION ALL
    SELECT l.id, 'waiting', l.attempt, NULL, NULL, NULL, NULL FROM errand.later AS l WHERE l.state = 'w'
    UNION ALL
    SELECT x.id, 'running', x.attempt, NULL, x.claimed_at, NULL, NULL FROM errand.runs AS x
    UNION ALL
    SELECT o.id, 'succeeded', o.attempt, NULL, o.started_at, o.finished_at, NULL FROM errand.outcome AS o WHERE o.state = 'S'
    UNION ALL
    SELECT o.id, 'failed', o.attempt, NULL, o.started_at, o.finished_at, o.error FROM errand.outcome AS o WHERE o.state = 'F'
    UNION ALL
    SELECT o.id, 'cancelled', o.attempt, NULL, o.started_at, o.finished_at, o.error FROM errand.outcome AS o WHERE o.state = 'C'
    UNION ALL
    SELECT o.id, 'unknown', o.attempt, NULL, o.started_at, o.finished_at, o.error FROM errand.outcome AS o WHERE o.state = 'U'
) AS s JOIN errand.task AS t ON t.id = s.id
WHERE t.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.attempts WITH (security_barrier) AS
SELECT a.task_id, a.attempt,
    CASE a.state WHEN 'S' THEN 'succeeded' WHEN 'F' THEN 'failed' WHEN 'r' THEN 'failed' WHEN 'C' THEN 'cancelled'
        WHEN 'U' THEN 'unknown' WHEN 'L' THEN 'lost' WHEN 'I' THEN 'interrupted' ELSE 'running' END AS state,
    a.started_at, a.finished_at, a.worker, a.status_code::integer AS status_code, a.sqlstate, a.error,
    CASE WHEN a.dns_us IS NOT NULL THEN jsonb_build_object('dns_ms', round(a.dns_us / 1000.0, 3), 'connect_ms', round(a.connect_us / 1000.0, 3),
        'tls_ms', round(a.tls_us / 1000.0, 3), 'wait_ms', round(a.wait_us / 1000.0, 3), 'transfer_ms', round(a.transfer_us / 1000.0, 3)) END AS timings,
    a.extra ->> 'detail' AS detail, a.extra ->> 'context' AS context, a.extra -> 'notices' AS notices
FROM (
    SELECT x.task_id, x.attempt, x.state, x.started_at, x.finished_at, x.worker, x.status_code, x.sqlstate, x.error,
        x.dns_us, x.connect_us, x.tls_us, x.wait_us, x.transfer_us, x.extra
    FROM errand.attempt AS x
    UNION ALL
    SELECT o.id, o.attempt, o.state, o.started_at, o.finished_at, o.worker, o.status_code, o.sqlstate, o.error,
        o.dns_us, o.connect_us, o.tls_us, o.wait_us, o.transfer_us, o.extra
    FROM errand.outcome AS o WHERE o.worker IS NOT NULL OR o.started_at IS NOT NULL
    UNION ALL
    SELECT x.id, x.attempt, 'x', x.claimed_at, NULL, x.pid, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM errand.runs AS x
) AS a JOIN errand.task AS t ON t.id = a.task_id
WHERE t.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

-- What result(), response() and task() read: the parts that lists never carry.
CREATE VIEW errand.outcomes WITH (security_barrier) AS
SELECT t.id, t.kind, t.payload,
    CASE o.state WHEN 'S' THEN 'succeeded' WHEN 'F' THEN 'failed' WHEN 'C' THEN 'cancelled' WHEN 'U' THEN 'unknown' END AS state,
    o.finished_at, o.status_code::integer AS status_code, o.timed_out, o.sqlstate, o.error, o.content_type, o.head, o.body,
    o.result
FROM errand.task AS t LEFT JOIN errand.outcome AS o ON o.id = t.id
WHERE t.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

-- What chunks() and response() read: the pieces of bodies that came whole.
CREATE VIEW errand.body_chunks WITH (security_barrier) AS
SELECT c.task_id AS id, c.n, c.data
FROM errand.chunk AS c JOIN errand.outcome AS o ON o.id = c.task_id AND o.attempt = c.attempt AND o.state = 'S'
JOIN errand.task AS t ON t.id = c.task_id
WHERE t.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

CREATE VIEW errand.task_types WITH (security_barrier) AS
SELECT b.name, b.kind, NULL::text AS handler, NULL::jsonb AS template, NULL::text AS queue, NULL::integer AS priority,
    NULL::integer AS max_attempts, NULL::text AS backoff, NULL::interval AS backoff_base,
    NULL::numeric AS backoff_factor, NULL::interval AS backoff_max, NULL::interval AS timeout, NULL::text AS rate_limit,
    NULL::integer AS max_running, NULL::interval AS cache_ttl, NULL::text AS unique_key, false AS log_execution,
    true AS measure_performance, NULL::jsonb AS on_success, NULL::jsonb AS on_failure, b.description
FROM (VALUES ('http'::text, 'http'::text, 'built in: an HTTP request'::text),
             ('sql', 'sql', 'built in: a SQL function'),
             ('email', 'email', 'built in: an e-mail')) AS b (name, kind, description)
UNION ALL
SELECT t.name, t.kind, t.handler, t.template, t.queue, t.priority::integer, t.max_attempts::integer, t.backoff,
    t.backoff_base, t.backoff_factor, t.backoff_max, t.timeout, t.rate_limit, t.max_running, t.cache_ttl, t.unique_key,
    t.log_execution, t.measure_performance,
    CASE WHEN errand._sees_all(current_user) THEN t.on_success END AS on_success,
    CASE WHEN errand._sees_all(current_user) THEN t.on_failure END AS on_failure, t.description
FROM errand.task_type AS t;
