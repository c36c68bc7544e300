-- Reaping: what a worker that is gone had in hand.  Called by the leader only.

-- Function:   _reap_take(live, epoch, server_start, limit)
-- Deletes leases of workers that are not alive; in one statement, the
-- unsettled rest is looked up by _reap_return in the next: with the snapshot
-- of this one a task settled meanwhile would run again.
-- Returns:    the leases, with how the worker ended: 'left' (the server went
--             on), 'crash' (all processes were reset), 'restart' (a new server)
-- Tables:     deletes from lease
CREATE FUNCTION errand._reap_take(p_live bigint[], p_epoch bigint, p_server_start timestamptz, p_limit integer)
RETURNS TABLE (ids bigint[], attempts integer[], failures smallint[], runs smallint[], suspects bigint, pid integer,
    claimed_at timestamptz, how text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    DELETE FROM errand.lease AS l
    WHERE l.token IN (
        SELECT x.token FROM errand.lease AS x
        WHERE NOT (x.epoch = p_epoch AND x.worker = ANY (p_live))
        ORDER BY x.token LIMIT p_limit FOR UPDATE)
    RETURNING l.ids, l.attempts, l.failures, l.runs, l.suspects, l.pid, l.claimed_at,
        CASE WHEN l.epoch = p_epoch THEN 'left' WHEN l.server_start = p_server_start THEN 'crash' ELSE 'restart' END;
END $$;

-- Function:   _reap_lost(ids, attempts, failures, runs)
-- Returns:    of a reaped lease those that nobody settled, with what the
--             decision about them needs: falls and restarts up to now
-- Tables:     reads outcome, attempt, later, ready, task, mark
CREATE FUNCTION errand._reap_lost(p_ids bigint[], p_attempts integer[], p_failures smallint[], p_runs smallint[])
RETURNS TABLE (id bigint, attempt integer, failures smallint, run smallint, role oid, queue text, type text, priority smallint,
    falls bigint, restarts bigint, deaths bigint, at_most_once boolean, marked boolean, notify text, owner_oid oid, max_attempts smallint,
    task_group bigint, kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT u.id, u.attempt, u.failures, u.run, t.role, t.queue, t.type, t.priority, f.falls, f.restarts, f.deaths, t.at_most_once,
        EXISTS (SELECT FROM errand.mark AS m WHERE m.id = u.id AND m.attempt = u.attempt), t.notify, t.owner_oid, t.max_attempts,
        t.task_group, t.kind::"char"
    FROM unnest(p_ids, p_attempts, p_failures, p_runs) AS u (id, attempt, failures, run)
    JOIN errand.task AS t ON t.id = u.id
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE a.sqlstate = '57P02') AS falls,
               count(*) FILTER (WHERE a.sqlstate = '57P01') AS restarts,
               count(*) FILTER (WHERE a.sqlstate = '57P03') AS deaths
        FROM errand.attempt AS a WHERE a.task_id = u.id AND a.state = 'L' AND a.run = u.run) AS f
    WHERE NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = u.id)
      AND NOT EXISTS (SELECT FROM errand.attempt AS a WHERE a.task_id = u.id AND a.attempt >= u.attempt)
      AND NOT EXISTS (SELECT FROM errand.later AS l WHERE l.id = u.id)
      AND NOT EXISTS (SELECT FROM errand.ready AS r WHERE r.id = u.id);
END $$;

-- Function:   _reap_return(...)
-- Puts lost runs where the decision says: q ready, p suspect, F failed, U unknown.
-- p_groups and p_alone matter for p only.  p_sqlstate tells how the server
-- went: 57P02 crash, 57P01 restart, 57P03 the worker alone.
-- Tables:     writes attempt, ready, suspect, outcome, group_delta, chunk_drop; deletes task_key, mark
CREATE FUNCTION errand._reap_return(
    p_ids bigint[], p_attempts integer[], p_failures smallint[], p_runs smallint[], p_states "char"[],
    p_groups bigint[], p_alone smallint[], p_sqlstate text, p_error text, p_pid integer,
    p_claimed_at timestamptz, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.attempt (task_id, attempt, started_at, finished_at, worker, run, state, timed_out, sqlstate, error)
    SELECT u.id, u.attempt, p_claimed_at, p_now, p_pid, u.run, 'L', false, p_sqlstate, p_error
    FROM unnest(p_ids, p_attempts, p_runs, p_states) AS u (id, attempt, run, state) WHERE u.state IN ('q', 'p');
    INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
    SELECT u.id, u.id, u.attempt, t.role, t.priority, u.failures, u.run, t.queue
    FROM unnest(p_ids, p_attempts, p_failures, p_runs, p_states) AS u (id, attempt, failures, run, state)
    JOIN errand.task AS t ON t.id = u.id WHERE u.state = 'q';
    INSERT INTO errand.suspect (id, group_no, attempt, role, priority, failures, run, alone_falls, queue)
    SELECT u.id, u.group_no, u.attempt, t.role, t.priority, u.failures, u.run, u.alone, t.queue
    FROM unnest(p_ids, p_attempts, p_failures, p_runs, p_states, p_groups, p_alone)
        AS u (id, attempt, failures, run, state, group_no, alone)
    JOIN errand.task AS t ON t.id = u.id WHERE u.state = 'p';
    INSERT INTO errand.outcome (id, started_at, finished_at, attempt, worker, run, state, timed_out, sqlstate, error)
    SELECT u.id, p_claimed_at, p_now, u.attempt, p_pid, u.run, u.state, false,
        CASE WHEN u.state = 'F' AND p_sqlstate <> '57P03' THEN '57P02' ELSE p_sqlstate END,
        CASE WHEN u.state = 'F' AND p_sqlstate = '57P03' THEN 'it ended the process that ran it, or would not stop'
             WHEN u.state = 'F' THEN 'crashed the server, twice while it ran alone'
                     ELSE 'it may have been sent when its worker was lost, and must not be sent again' END
    FROM unnest(p_ids, p_attempts, p_runs, p_states) AS u (id, attempt, run, state) WHERE u.state IN ('F', 'U');
    DELETE FROM errand.task_key AS k USING unnest(p_ids, p_states) AS u (id, state)
    WHERE k.id = u.id AND u.state IN ('F', 'U');
    DELETE FROM errand.mark AS m WHERE m.id = ANY (p_ids);
    PERFORM errand._group_count(p_ids, p_states);
    PERFORM errand._chunks_forget(p_ids);
END $$;
