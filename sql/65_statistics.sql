-- Numbers: from counters in shared memory, never from a scan of history.

-- Function:   _defined_names(kind)   q queues, t task types
-- Returns:    the names that every role may know of
-- Tables:     reads queue, task_type
CREATE FUNCTION errand._defined_names(p_kind "char")
RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN p_kind = 'q' THEN ARRAY(SELECT 'default' UNION SELECT q.name FROM errand.queue AS q)
        WHEN p_kind = 't' THEN ARRAY(SELECT 'http' UNION SELECT 'sql' UNION SELECT 'email' UNION SELECT t.name FROM errand.task_type AS t) ELSE '{}' END;
END $$;

-- Function:   _counters(kind)   q queues, t task types
-- Returns:    one row a name, of this database; to who does not see all tasks
--             only those of defined names
CREATE FUNCTION errand._counters(p_kind "char")
RETURNS TABLE (name text, ready bigint, scheduled bigint, waiting bigint, running bigint, succeeded bigint, failed bigint,
    cancelled bigint, retried bigint, attempts bigint, wait_p50_ms double precision, wait_p95_ms double precision,
    wait_p99_ms double precision, run_p50_ms double precision, run_p95_ms double precision, run_p99_ms double precision,
    submitted bigint, retrying bigint, unknown bigint, retaken bigint[])
LANGUAGE c STRICT VOLATILE ROWS 30 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_counters_srf';

-- Function:   _workers()
-- Returns:    one row a process of this database, to who sees all tasks
CREATE FUNCTION errand._workers()
RETURNS TABLE (pid integer, kind text, state text, leader boolean, running integer, queued integer, claimed bigint,
    settled bigint, succeeded bigint, failed bigint, cpu_seconds double precision, rss_bytes bigint,
    started_at timestamptz, last_seen timestamptz, role name)
LANGUAGE c STRICT VOLATILE ROWS 10 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_workers_srf';

-- Function:   _hosts()
-- Returns:    one row a host that workers of this database talked to, to who
--             sees all tasks
CREATE FUNCTION errand._hosts()
RETURNS TABLE (host text, running bigint, requests bigint, errors bigint, p50_ms double precision, p95_ms double precision)
LANGUAGE c STRICT VOLATILE ROWS 30 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_hosts_srf';

-- Function:   _host_limits()
-- Returns:    what shared memory holds of hosts with a limit, a hold or a
--             circuit, to who sees all tasks
CREATE FUNCTION errand._host_limits()
RETURNS TABLE (host text, circuit text, held_until timestamptz)
LANGUAGE c STRICT VOLATILE ROWS 10 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_host_limits_srf';

CREATE VIEW errand.queues WITH (security_barrier) AS
SELECT n.name AS queue, coalesce(q.paused, false) AS paused, coalesce(q.draining, false) AS draining, q.max_running,
    q.rate_limit, q.max_depth, q.description
FROM (SELECT x.name FROM errand.queue AS x UNION SELECT 'default'
      UNION SELECT c.name FROM errand._counters('q') AS c WHERE (SELECT errand._sees_all(current_user))) AS n
LEFT JOIN errand.queue AS q ON q.name = n.name;

-- Function:   _oldest()
-- Returns:    since when the oldest ready task of each queue has been waiting
-- Tables:     reads ready, task
CREATE FUNCTION errand._oldest()
RETURNS TABLE (queue text, at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.queue, min(h.at)
    FROM errand._pairs() AS p
    CROSS JOIN LATERAL (
        SELECT greatest(t.submitted_at, t.run_at) AS at
        FROM errand.ready AS r JOIN errand.task AS t ON t.id = r.id
        WHERE r.role = p.role AND r.queue = p.queue AND r.priority = p.priority
        ORDER BY r.role, r.queue, r.priority DESC, r.place LIMIT 1) AS h
    GROUP BY p.queue;
END $$;

CREATE VIEW errand.stat_queues WITH (security_barrier) AS
SELECT q.queue, q.paused, coalesce(c.ready + c.scheduled + c.waiting, 0) AS depth, coalesce(c.ready, 0) AS ready,
    coalesce(c.scheduled, 0) AS scheduled, coalesce(c.waiting, 0) AS waiting, coalesce(c.running, 0) AS running,
    clock_timestamp() - a.at AS oldest_ready_age, coalesce(c.succeeded, 0) AS succeeded,
    coalesce(c.failed, 0) AS failed, coalesce(c.retried, 0) AS retried, c.wait_p50_ms, c.wait_p95_ms, c.run_p50_ms,
    c.run_p95_ms
FROM errand.queues AS q LEFT JOIN errand._counters('q') AS c ON c.name = q.queue
LEFT JOIN errand._oldest() AS a ON a.queue = q.queue;

CREATE VIEW errand.stat_tasks WITH (security_barrier) AS
SELECT c.name AS task, c.succeeded, c.failed, c.cancelled, c.attempts,
    CASE WHEN c.succeeded + c.failed > 0 THEN c.succeeded::double precision / (c.succeeded + c.failed) END AS success_rate,
    c.wait_p50_ms, c.wait_p95_ms, c.wait_p99_ms, c.run_p50_ms, c.run_p95_ms, c.run_p99_ms
FROM errand._counters('t') AS c
WHERE (SELECT errand._sees_all(current_user)) OR c.name IN ('http', 'sql', 'email')
   OR EXISTS (SELECT FROM errand.task_type AS t WHERE t.name = c.name);

CREATE VIEW errand.stat_workers WITH (security_barrier) AS
SELECT w.pid, w.kind, w.state, current_database() AS database, w.role, w.running, w.claimed, w.settled,
    w.succeeded, w.failed, w.cpu_seconds, w.rss_bytes, w.started_at, w.last_seen, w.leader, w.queued
FROM errand._workers() AS w WHERE (SELECT errand._sees_all(current_user));

CREATE VIEW errand.stat_hosts WITH (security_barrier) AS
SELECT n.host, coalesce(h.running, 0) AS running,
    coalesce(d.max_running, current_setting('errand.host_max_running')::integer) AS max_running, d.rate_limit,
    coalesce(l.circuit, 'closed') AS circuit, l.held_until, coalesce(h.requests, 0) AS requests,
    coalesce(h.errors, 0) AS errors, h.p50_ms, h.p95_ms, regexp_replace(d.proxy, '://[^@/]*@', '://***@') AS proxy
FROM (SELECT x.host FROM errand._hosts() AS x UNION SELECT x.host FROM errand._host_limits() AS x
      UNION SELECT x.name FROM errand.host AS x) AS n
LEFT JOIN errand._hosts() AS h ON h.host = n.host
LEFT JOIN errand._host_limits() AS l ON l.host = n.host
LEFT JOIN LATERAL (SELECT x.max_running, x.rate_limit, x.proxy FROM errand.host AS x
    WHERE x.name IN (n.host, regexp_replace(n.host, ':[0-9]+$', '')) ORDER BY length(x.name) DESC LIMIT 1) AS d ON true
WHERE (SELECT errand._sees_all(current_user));
