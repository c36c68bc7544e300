-- The leader's chores.

-- Function:   _subscribed()
-- Returns:    whether tasks come from another database, by logical replication
CREATE FUNCTION errand._subscribed()
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_subscription_rel AS r
                   WHERE r.srrelid IN ('errand.task'::regclass, 'errand.ready'::regclass, 'errand.later'::regclass));
END $$;

-- Function:   _instance()
-- Returns:    the secret of request keys (the oldest row's, so that a copy goes
--             on with the keys it began with), and whether the engine rests:
--             paused by hand, or because this is a copy of another database, or
--             gets the rows of another by a subscription
-- Tables:     reads instance, pg_subscription_rel
CREATE FUNCTION errand._instance()
RETURNS TABLE (secret uuid, paused boolean, copied boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT (array_agg(i.secret ORDER BY i.created_at))[1],
        coalesce(bool_or(i.paused) FILTER (WHERE h.here), false),
        count(*) FILTER (WHERE h.here) = 0 OR count(*) FILTER (WHERE NOT h.here) > 0 OR errand._subscribed()
    FROM errand.instance AS i
    CROSS JOIN LATERAL (
        SELECT i.system_identifier = c.system_identifier AND i.database_oid = d.oid AS here
        FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database()) AS h;
END $$;

-- Function:   _queues()
-- Tables:     reads queue
CREATE FUNCTION errand._queues()
RETURNS SETOF errand.queue
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT q.* FROM errand.queue AS q;
END $$;

-- Function:   _limits()
-- Returns:    what has a limit: q queues, t task types, h hosts
-- Tables:     reads queue, task_type, host
CREATE FUNCTION errand._limits()
RETURNS TABLE (kind "char", name text, max_running integer, rate_limit text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT 'q'::"char", q.name, q.max_running, q.rate_limit FROM errand.queue AS q
    WHERE q.max_running IS NOT NULL OR q.rate_limit IS NOT NULL
    UNION ALL
    SELECT 't', t.name, t.max_running, t.rate_limit FROM errand.task_type AS t
    WHERE t.max_running IS NOT NULL OR t.rate_limit IS NOT NULL
    UNION ALL
    SELECT 'h', h.name, h.max_running, h.rate_limit FROM errand.host AS h
    WHERE h.max_running IS NOT NULL OR h.rate_limit IS NOT NULL;
END $$;

-- Function:   _decorations()
-- Returns:    types whose attempts are logged, or whose times are not kept
-- Tables:     reads task_type
CREATE FUNCTION errand._decorations()
RETURNS TABLE (name text, logged boolean, unmeasured boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT t.name, t.log_execution, NOT t.measure_performance FROM errand.task_type AS t
    WHERE t.log_execution OR NOT t.measure_performance;
END $$;

-- Function:   _due(now, limit)
-- Moves tasks whose time has come to the end of their queue.
-- Returns:    what moved, in the order of their times
-- Tables:     deletes from later, writes ready
CREATE FUNCTION errand._due(p_now timestamptz, p_limit integer)
RETURNS TABLE (id bigint, place bigint, role oid, priority smallint, run smallint, attempt integer, state "char", queue text,
    type text, owner_oid oid, task_group bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH gone AS (
        DELETE FROM errand.later AS l WHERE l.id = ANY (ARRAY(
            SELECT x.id FROM errand.later AS x WHERE x.due_at <= p_now
            ORDER BY x.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED))
        RETURNING l.*
    ), placed AS (
        SELECT g.*, nextval('errand.task_id') AS place FROM (SELECT * FROM gone ORDER BY due_at, id) AS g
    ), added AS (
        INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
        SELECT p.id, p.place, p.attempt, p.role, p.priority, p.failures, p.run, p.queue FROM placed AS p
    )
    SELECT p.id, p.place, p.role, p.priority, p.run, p.attempt, p.state, p.queue, t.type, t.owner_oid, t.task_group
    FROM placed AS p JOIN errand.task AS t ON t.id = p.id ORDER BY p.place;
END $$;

-- Function:   _next_due(now)
-- Returns:    when the next task that waits for a time, or a deadline, is due; NULL if none.
--             What is due already and was not moved is held by a client, or
--             one of very many: it is looked at again in a moment.
-- Tables:     reads later, deadline
CREATE FUNCTION errand._next_due(p_now timestamptz DEFAULT clock_timestamp())
RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN least((SELECT l.due_at FROM errand.later AS l WHERE l.due_at > p_now AND l.due_at < 'infinity'
                  ORDER BY l.due_at LIMIT 1),
                 (SELECT p_now + interval '20 ms' FROM errand.later AS l WHERE l.due_at <= p_now LIMIT 1),
                 (SELECT d.at FROM errand.deadline AS d ORDER BY d.at, d.id LIMIT 1));
END $$;

-- Function:   _expire(now, limit)
-- Ends tasks that are past their deadline: those that wait become failed, the
-- ids of those that run are returned with state x, for a cancel.  It never
-- waits for a client: a task that one holds has another second.
-- Tables:     deletes from deadline, ready, later, task_key; writes outcome, deadline, group_delta
CREATE FUNCTION errand._expire(p_now timestamptz, p_limit integer)
RETURNS TABLE (id bigint, state "char", run smallint, attempt integer, queue text, type text, notify text, owner_oid oid,
    task_group bigint, kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[];
    v_free bigint[];
    v_held bigint[];
BEGIN
    WITH late AS (
        DELETE FROM errand.deadline AS d WHERE (d.at, d.id) IN (
            SELECT x.at, x.id FROM errand.deadline AS x WHERE x.at <= p_now
            ORDER BY x.at, x.id LIMIT p_limit FOR UPDATE SKIP LOCKED)
        RETURNING d.id
    )
    SELECT coalesce(array_agg(l.id), '{}') INTO v_ids FROM late AS l;
    v_held := ARRAY(SELECT r.id FROM errand.ready AS r WHERE r.id = ANY (v_ids)
                    UNION ALL SELECT l.id FROM errand.later AS l WHERE l.id = ANY (v_ids));
    v_free := ARRAY(SELECT r.id FROM errand.ready AS r WHERE r.id = ANY (v_ids) FOR UPDATE SKIP LOCKED)
        || ARRAY(SELECT l.id FROM errand.later AS l WHERE l.id = ANY (v_ids) FOR UPDATE SKIP LOCKED);
    v_held := ARRAY(SELECT h.id FROM unnest(v_held) AS h (id) WHERE h.id <> ALL (v_free));
    INSERT INTO errand.deadline (at, id) SELECT p_now + interval '1 s', h.id FROM unnest(v_held) AS h (id);
    v_ids := ARRAY(SELECT u.id FROM unnest(v_ids) AS u (id) WHERE u.id <> ALL (v_held));
    RETURN QUERY
    WITH gone AS (
        DELETE FROM errand.ready AS r WHERE r.id = ANY (v_free) RETURNING r.id, r.attempt, r.run, 'q'::"char" AS state
    ), gone_later AS (
        DELETE FROM errand.later AS l WHERE l.id = ANY (v_free) RETURNING l.id, l.attempt, l.run, l.state
    ), ended AS (
        SELECT * FROM gone UNION ALL SELECT * FROM gone_later
    ), recorded AS (
        INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, sqlstate, error)
        SELECT e.id, p_now, e.attempt, e.run, 'F', true, '57014', 'deadline exceeded' FROM ended AS e
    ), unkeyed AS (
        DELETE FROM errand.task_key AS k USING ended AS e WHERE k.id = e.id
    ), counted AS (
        INSERT INTO errand.group_delta (group_id, failed, failed_task)
        SELECT t.task_group, count(*), min(e.id) FROM ended AS e JOIN errand.task AS t ON t.id = e.id
        WHERE t.task_group IS NOT NULL GROUP BY t.task_group
    )
    SELECT t.id, coalesce(e.state, 'x'), coalesce(e.run, 1::smallint), coalesce(e.attempt, 0), t.queue, t.type, t.notify,
        t.owner_oid, t.task_group, t.kind::"char"
    FROM unnest(v_ids) AS u (id)
    JOIN errand.task AS t ON t.id = u.id
    LEFT JOIN ended AS e ON e.id = u.id
    WHERE NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = u.id);
END $$;

-- Function:   _recount()
-- Returns:    what each queue holds, counted in the tables
-- Tables:     reads ready, later, suspect, runs
CREATE FUNCTION errand._recount()
RETURNS TABLE (queue text, ready bigint, scheduled bigint, waiting bigint, running bigint, retrying bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.queue, sum(c.ready)::bigint, sum(c.scheduled)::bigint, sum(c.waiting)::bigint,
        sum(c.running)::bigint, sum(c.retrying)::bigint
    FROM (SELECT r.queue, count(*) AS ready, 0 AS scheduled, 0 AS waiting, 0 AS running, 0 AS retrying FROM errand.ready AS r GROUP BY r.queue
          UNION ALL
          SELECT s.queue, count(*), 0, 0, 0, 0 FROM errand.suspect AS s GROUP BY s.queue
          UNION ALL
          SELECT l.queue, 0, count(l.id) FILTER (WHERE l.unmet IS NULL), count(l.unmet), 0,
              count(l.id) FILTER (WHERE l.state = 'r') FROM errand.later AS l GROUP BY l.queue
          UNION ALL
          SELECT t.queue, 0, 0, 0, count(*), 0 FROM errand.runs AS r JOIN errand.task AS t ON t.id = r.id
          GROUP BY t.queue) AS c
    GROUP BY c.queue;
END $$;

-- Function:   _forget(ids)
-- What is left of tasks whose outcomes the caller has just deleted: for
-- retention and for purge().
-- Tables:     deletes from attempt, cancel_request, task
CREATE FUNCTION errand._forget(p_ids bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.attempt AS a WHERE a.task_id = ANY (p_ids);
    DELETE FROM errand.follow_up AS f WHERE f.parent = ANY (p_ids);
    DELETE FROM errand.schedule_run AS r WHERE r.task = ANY (p_ids);
    DELETE FROM errand.cancel_request AS c WHERE c.id = ANY (p_ids);
    WITH gone AS (
        DELETE FROM errand.edge AS e WHERE e.task_id = ANY (p_ids) RETURNING e.parent_id, e.task_id
    )
    DELETE FROM errand.dependency AS d USING gone AS g WHERE d.parent_id = g.parent_id AND d.task_id = g.task_id;
    DELETE FROM errand.task AS t WHERE t.id = ANY (p_ids);
    PERFORM errand._chunks_forget(p_ids);
END $$;

-- Function:   _retain(from_id, succeeded_before, others_before, limit)
-- Deletes one page of finished tasks that are old enough, in id order.  One
-- that others still wait for stays until they were told.
-- Returns:    the last id looked at, how many went, and whether anything on the
--             page was old enough for either age; no row at the end
-- Tables:     deletes from outcome, attempt, edge, dependency, task, task_group; reads outcome; writes chunk_drop
CREATE FUNCTION errand._retain(p_from bigint, p_succeeded_before timestamptz, p_others_before timestamptz, p_limit integer)
RETURNS TABLE (last_id bigint, gone bigint, any_old boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_page bigint[];
    v_old bigint[];
BEGIN
    IF p_from = 0 THEN
        PERFORM errand._group_retain(least(p_succeeded_before, p_others_before), p_limit);
    END IF;
    SELECT array_agg(o.id ORDER BY o.id),
           array_agg(o.id) FILTER (WHERE o.finished_at < CASE WHEN o.state = 'S' THEN p_succeeded_before ELSE p_others_before END),
           bool_or(o.finished_at < greatest(p_succeeded_before, p_others_before))
    INTO v_page, v_old, any_old
    FROM (SELECT x.id, x.finished_at, x.state FROM errand.outcome AS x WHERE x.id > p_from ORDER BY x.id LIMIT p_limit) AS o;
    IF v_page IS NULL THEN
        RETURN;
    END IF;
    IF v_old IS NOT NULL THEN
        -- A retry() takes the same row: whoever is first wins, and we never wait for it.
        WITH taken AS (
            DELETE FROM errand.outcome AS o WHERE o.id = ANY (ARRAY(
                SELECT x.id FROM errand.outcome AS x WHERE x.id = ANY (v_old)
                  AND NOT EXISTS (SELECT FROM errand.dependency AS d WHERE d.parent_id = x.id) FOR UPDATE SKIP LOCKED))
            RETURNING o.id
        )
        SELECT array_agg(t.id) INTO v_old FROM taken AS t;
        PERFORM errand._forget(v_old);
    END IF;
    last_id := v_page[cardinality(v_page)];
    gone := coalesce(cardinality(v_old), 0);
    RETURN NEXT;
END $$;
