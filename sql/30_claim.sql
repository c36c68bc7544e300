-- Claiming.  Called by workers and executors only.

-- Function:   _pairs()
-- Returns:    every (role, queue, priority) that has ready tasks: a loose scan of the index
-- Tables:     reads ready
CREATE FUNCTION errand._pairs()
RETURNS TABLE (queue text, priority smallint, role oid)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    v_role oid;
    v_queue text;
BEGIN
    SELECT r.role, r.queue, r.priority INTO role, queue, priority FROM errand.ready AS r
    ORDER BY r.role, r.queue, r.priority DESC, r.place LIMIT 1;
    WHILE FOUND LOOP
        RETURN NEXT;
        v_role := role;
        v_queue := queue;
        SELECT r.role, r.queue, r.priority INTO role, queue, priority FROM errand.ready AS r
        WHERE r.role = v_role AND r.queue = v_queue AND r.priority < priority
        ORDER BY r.role, r.queue, r.priority DESC, r.place LIMIT 1;
        IF NOT FOUND THEN
            SELECT r.role, r.queue, r.priority INTO role, queue, priority FROM errand.ready AS r
            WHERE r.role = v_role AND r.queue > v_queue
            ORDER BY r.role, r.queue, r.priority DESC, r.place LIMIT 1;
        END IF;
        IF NOT FOUND THEN
            SELECT r.role, r.queue, r.priority INTO role, queue, priority FROM errand.ready AS r
            WHERE r.role > v_role
            ORDER BY r.role, r.queue, r.priority DESC, r.place LIMIT 1;
        END IF;
    END LOOP;
END $$;

-- Function:   _claim(token, worker, epoch, server_start, pid, queues, priorities, floors, limits, capacity, now)
-- Takes up to p_capacity tasks, pair by pair in the order given, at most
-- p_limits[i] of the i-th and only places above p_floors[i].
-- Returns:    everything a worker needs to run them, in no order
-- Tables:     deletes from ready, inserts into lease, reads task
CREATE FUNCTION errand._claim(
    p_token bigint, p_worker bigint, p_epoch bigint, p_server_start timestamptz, p_pid integer,
    p_queues text[], p_priorities smallint[], p_floors bigint[], p_limits integer[],
    p_capacity integer, p_now timestamptz, p_roles oid[] DEFAULT NULL)
RETURNS TABLE (id bigint, place bigint, attempt integer, role oid, priority smallint, failures smallint, run smallint,
    queue text, type text, kind text, owner_oid oid, owner text, submitted_at timestamptz, run_at timestamptz,
    deadline timestamptz, timeout_ms integer, max_attempts smallint, backoff smallint, backoff_base_ms bigint,
    backoff_factor real, backoff_max_ms bigint, at_most_once boolean, key text, notify text, traceparent text,
    task_group bigint, payload jsonb, follow_ups boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_rows tid[];
BEGIN
    v_rows := ARRAY(
        SELECT r.ctid
        FROM unnest(p_queues, p_priorities, p_floors, p_limits, p_roles) AS p (queue, priority, floor, most, role)
        CROSS JOIN LATERAL (
            SELECT a.ctid FROM errand.ready AS a
            WHERE a.role = coalesce(p.role, 0) AND a.queue = p.queue AND a.priority = p.priority AND a.place > p.floor
            ORDER BY a.role, a.queue, a.priority DESC, a.place
            LIMIT p.most FOR UPDATE SKIP LOCKED) AS r
        LIMIT p_capacity);
    IF cardinality(v_rows) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH gone AS (
        DELETE FROM errand.ready AS r WHERE r.ctid = ANY (v_rows) RETURNING r.*
    ), leased AS (
        INSERT INTO errand.lease (token, worker, epoch, server_start, claimed_at, pid, ids, attempts, failures, runs)
        SELECT p_token, p_worker, p_epoch, p_server_start, p_now, p_pid, array_agg(g.id),
            array_agg(g.attempt + 1), array_agg(g.failures), array_agg(g.run)
        FROM gone AS g HAVING count(*) > 0
    )
    SELECT g.id, g.place, g.attempt + 1, g.role, g.priority, g.failures, g.run, g.queue, t.type, t.kind, t.owner_oid, t.owner,
        CASE WHEN t.after_done IS NULL THEN t.submitted_at END, CASE WHEN t.after_done IS NULL THEN t.run_at END, t.deadline, t.timeout_ms, t.max_attempts, t.backoff, t.backoff_base_ms,
        t.backoff_factor, t.backoff_max_ms, t.at_most_once, t.key, t.notify, t.traceparent, t.task_group, t.payload,
        t.on_success IS NOT NULL OR t.on_failure IS NOT NULL
    FROM gone AS g JOIN errand.task AS t ON t.id = g.id;
END $$;

-- Function:   _claim_suspects(...)
-- Takes the next group of suspects, whole, into a lease that says so.
-- Tables:     deletes from suspect, inserts into lease, reads task
CREATE FUNCTION errand._claim_suspects(
    p_token bigint, p_worker bigint, p_epoch bigint, p_server_start timestamptz, p_pid integer, p_most integer,
    p_now timestamptz, p_role oid DEFAULT 0)
RETURNS TABLE (id bigint, place bigint, attempt integer, role oid, priority smallint, failures smallint, run smallint,
    queue text, type text, kind text, owner_oid oid, owner text, submitted_at timestamptz, run_at timestamptz,
    deadline timestamptz, timeout_ms integer, max_attempts smallint, backoff smallint, backoff_base_ms bigint,
    backoff_factor real, backoff_max_ms bigint, at_most_once boolean, key text, notify text, traceparent text,
    task_group bigint, payload jsonb, follow_ups boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_group bigint;
    v_role oid;
BEGIN
    SELECT s.group_no, s.role INTO v_group, v_role FROM errand.suspect AS s
    ORDER BY s.group_no, s.id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR v_role <> p_role THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH gone AS (
        DELETE FROM errand.suspect AS s
        WHERE s.id IN (SELECT x.id FROM errand.suspect AS x WHERE x.group_no = v_group
                       ORDER BY x.id LIMIT p_most FOR UPDATE SKIP LOCKED)
        RETURNING s.*
    ), leased AS (
        INSERT INTO errand.lease (token, worker, epoch, server_start, claimed_at, pid, suspects, ids, attempts, failures, runs)
        SELECT p_token, p_worker, p_epoch, p_server_start, p_now, p_pid, max(g.alone_falls), array_agg(g.id),
            array_agg(g.attempt + 1), array_agg(g.failures), array_agg(g.run)
        FROM gone AS g HAVING count(*) > 0
    )
    SELECT g.id, 0::bigint, g.attempt + 1, g.role, g.priority, g.failures, g.run, g.queue, t.type, t.kind, t.owner_oid, t.owner,
        CASE WHEN t.after_done IS NULL THEN t.submitted_at END, CASE WHEN t.after_done IS NULL THEN t.run_at END, t.deadline, t.timeout_ms, t.max_attempts, t.backoff, t.backoff_base_ms,
        t.backoff_factor, t.backoff_max_ms, t.at_most_once, t.key, t.notify, t.traceparent, t.task_group, t.payload,
        t.on_success IS NOT NULL OR t.on_failure IS NOT NULL
    FROM gone AS g JOIN errand.task AS t ON t.id = g.id;
END $$;

-- Function:   _suspects_next()
-- Returns:    who is to run the next group of suspects: 0 the event loop, else a
--             role; NULL if there are none that no client holds
-- Tables:     reads suspect
CREATE FUNCTION errand._suspects_next()
RETURNS oid
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT s.role FROM errand.suspect AS s ORDER BY s.group_no, s.id LIMIT 1 FOR UPDATE SKIP LOCKED);
END $$;
