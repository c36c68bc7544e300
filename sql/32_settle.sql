-- Settling: what became of a run.  Called by workers only (bgworker/queue/settle.c).
--
-- The fence: every settle names the leases and finds them still there, locked
-- FOR SHARE before anything is written.  Results of a lease that was reaped
-- are dropped, and counted by the caller.

-- Function:   _lease_lock(tokens)
-- Returns:    those that still exist, now locked until commit
-- Tables:     locks lease
CREATE FUNCTION errand._lease_lock(p_tokens bigint[])
RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT l.token FROM errand.lease AS l WHERE l.token = ANY (p_tokens)
                 ORDER BY l.token FOR SHARE);
END $$;

-- Function:   _mark_sent(ids, attempts)
-- Tables:     writes mark
CREATE FUNCTION errand._mark_sent(p_ids bigint[], p_attempts integer[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.mark (id, attempt) SELECT u.id, u.attempt FROM unnest(p_ids, p_attempts) AS u (id, attempt);
END $$;

-- Function:   _settle(...)  final states of a batch whose leases are locked
-- Tables:     writes outcome
CREATE FUNCTION errand._settle(
    p_ids bigint[], p_attempts integer[], p_runs smallint[], p_states "char"[], p_started timestamptz[],
    p_finished timestamptz[], p_worker integer, p_status smallint[], p_timed_out boolean[], p_sqlstates text[],
    p_errors text[], p_content_types text[], p_heads bytea[], p_bodies bytea[], p_results jsonb[],
    p_dns integer[], p_connect integer[], p_tls integer[], p_wait integer[], p_transfer integer[],
    p_extras jsonb[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.outcome (id, started_at, finished_at, attempt, worker, dns_us, connect_us, tls_us, wait_us,
        transfer_us, status_code, run, state, timed_out, sqlstate, error, content_type, head, body, result, extra)
    SELECT u.id, u.started, u.finished, u.attempt, p_worker, u.dns, u.connect, u.tls, u.wait, u.transfer,
        u.status, u.run, u.state, u.timed_out, u.sqlstate, u.error, u.content_type, u.head, u.body, u.result, u.extra
    FROM unnest(p_ids, p_attempts, p_runs, p_states, p_started, p_finished, p_status, p_timed_out, p_sqlstates,
        p_errors, p_content_types, p_heads, p_bodies, p_results, p_extras, p_dns, p_connect, p_tls, p_wait, p_transfer)
        AS u (id, attempt, run, state, started, finished, status, timed_out, sqlstate, error, content_type, head,
              body, result, extra, dns, connect, tls, wait, transfer);
END $$;

-- Function:   _requeue(...)  runs that are not over: retried, parked, released
-- A state is r (an attempt failed: attempt row, later), s (parked: later, the
-- attempt was not used), q (released: ready), I (interrupted: attempt row, ready).
-- Returns:    the new places, 0 where the task went to later, in the order of the ids
-- Tables:     writes attempt, later, ready
CREATE FUNCTION errand._requeue(
    p_ids bigint[], p_attempts integer[], p_runs smallint[], p_failures smallint[], p_priorities smallint[],
    p_queues text[], p_states "char"[], p_due timestamptz[], p_started timestamptz[], p_finished timestamptz[],
    p_worker integer, p_status smallint[], p_timed_out boolean[], p_sqlstates text[], p_errors text[],
    p_dns integer[], p_connect integer[], p_tls integer[], p_wait integer[], p_transfer integer[],
    p_extras jsonb[] DEFAULT NULL, p_roles oid[] DEFAULT NULL)
RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_places bigint[];
BEGIN
    -- A released task goes back to where it was: its id is its place.
    v_places := ARRAY(SELECT CASE WHEN u.state IN ('q', 'I') THEN u.id ELSE 0 END
                      FROM unnest(p_ids, p_states) WITH ORDINALITY AS u (id, state, n) ORDER BY u.n);
    INSERT INTO errand.attempt (task_id, attempt, started_at, finished_at, worker, dns_us, connect_us, tls_us, wait_us,
        transfer_us, status_code, run, state, timed_out, sqlstate, error, extra)
    SELECT u.id, u.attempt, u.started, u.finished, p_worker, u.dns, u.connect, u.tls, u.wait, u.transfer, u.status,
        u.run, u.state, u.timed_out, u.sqlstate, u.error, u.extra
    FROM unnest(p_ids, p_attempts, p_runs, p_states, p_started, p_finished, p_status, p_timed_out, p_sqlstates,
        p_errors, p_extras, p_dns, p_connect, p_tls, p_wait, p_transfer)
        AS u (id, attempt, run, state, started, finished, status, timed_out, sqlstate, error, extra, dns, connect, tls, wait,
              transfer)
    WHERE u.state IN ('r', 'I');
    INSERT INTO errand.later (id, due_at, attempt, role, priority, failures, run, state, queue)
    SELECT u.id, u.due, u.attempt - (u.state = 's')::integer, coalesce(u.role, 0), u.priority, u.failures, u.run, u.state, u.queue
    FROM unnest(p_ids, p_attempts, p_runs, p_roles, p_failures, p_priorities, p_queues, p_states, p_due)
        AS u (id, attempt, run, role, failures, priority, queue, state, due)
    WHERE u.state IN ('r', 's');
    INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
    SELECT u.id, u.id, u.attempt - (u.state = 'q')::integer, coalesce(u.role, 0), u.priority, u.failures, u.run, u.queue
    FROM unnest(p_ids, p_attempts, p_runs, p_roles, p_failures, p_priorities, p_queues, p_states)
        AS u (id, attempt, run, role, failures, priority, queue, state)
    WHERE u.state IN ('q', 'I');
    RETURN v_places;
END $$;

-- Function:   _release_side(keyed, marked, cancelled)
-- What else hangs on a task that is now final; the arrays hold ids.
-- Tables:     deletes from task_key, mark, cancel_request
CREATE FUNCTION errand._release_side(p_keyed bigint[], p_marked bigint[], p_cancelled bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_keyed IS NOT NULL THEN
        DELETE FROM errand.task_key AS k WHERE k.id = ANY (p_keyed);
    END IF;
    IF p_marked IS NOT NULL THEN
        DELETE FROM errand.mark AS m WHERE m.id = ANY (p_marked);
    END IF;
    IF p_cancelled IS NOT NULL THEN
        DELETE FROM errand.cancel_request AS c WHERE c.id = ANY (p_cancelled);
    END IF;
END $$;

-- Function:   _lease_drop(tokens)  leases whose every run is settled
-- Tables:     deletes from lease
CREATE FUNCTION errand._lease_drop(p_tokens bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.lease AS l WHERE l.token = ANY (p_tokens);
END $$;

-- Function:   _lease_trim(tokens, ids)
-- Takes runs that were parked or released out of leases that live on: their
-- attempt's number is not used, so another lease will name the same.
-- Tables:     updates lease
CREATE FUNCTION errand._lease_trim(p_tokens bigint[], p_ids bigint[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE errand.lease AS l SET (ids, attempts, failures, runs) = (
        SELECT coalesce(array_agg(u.id ORDER BY u.n), '{}'), coalesce(array_agg(u.attempt ORDER BY u.n), '{}'),
            coalesce(array_agg(u.failures ORDER BY u.n), '{}'), coalesce(array_agg(u.run ORDER BY u.n), '{}')
        FROM unnest(l.ids, l.attempts, l.failures, l.runs) WITH ORDINALITY AS u (id, attempt, failures, run, n)
        WHERE u.id <> ALL (p_ids))
    WHERE l.token = ANY (p_tokens) AND l.ids && p_ids;
END $$;

-- Function:   _cancel_requests()
-- Forgets requests that came too late: their task is final.
-- Returns:    who is to be stopped, and why; the latest word of each
-- Tables:     deletes from and reads cancel_request, reads outcome
CREATE FUNCTION errand._cancel_requests()
RETURNS TABLE (id bigint, reason text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_asked bigint[] := ARRAY(SELECT c.id FROM errand.cancel_request AS c);
BEGIN
    IF cardinality(v_asked) = 0 THEN
        RETURN;
    END IF;
    -- by id: a join may be planned as a walk through all outcomes
    DELETE FROM errand.cancel_request AS c WHERE c.ctid = ANY (ARRAY(
        SELECT x.ctid FROM errand.cancel_request AS x
        WHERE x.id = ANY (ARRAY(SELECT o.id FROM errand.outcome AS o WHERE o.id = ANY (v_asked))) FOR UPDATE SKIP LOCKED));
    RETURN QUERY SELECT DISTINCT ON (c.id) c.id, c.reason FROM errand.cancel_request AS c ORDER BY c.id, c.at DESC;
END $$;

-- Function:   _cancel_waiting(now)
-- A task that failed just when it was asked to stop waits for its next
-- attempt: the request holds for it there.  One that a client holds is left
-- for the next time: nothing here waits for a client.
-- Returns:    the tasks that it cancelled
-- Tables:     deletes from ready, later, cancel_request, task_key; writes outcome, group_delta
CREATE FUNCTION errand._cancel_waiting(p_now timestamptz)
RETURNS TABLE (id bigint, "from" "char", run smallint, attempt integer, queue text, type text, notify text, owner_oid oid,
    task_group bigint, kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_asked bigint[] := ARRAY(SELECT c.id FROM errand.cancel_request AS c);
BEGIN
    IF cardinality(v_asked) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH gone AS (
        DELETE FROM errand.later AS l WHERE l.id = ANY (ARRAY(
            SELECT x.id FROM errand.later AS x WHERE x.id = ANY (v_asked) FOR UPDATE SKIP LOCKED))
        RETURNING l.id, l.state, l.run, l.attempt
    ), gone_ready AS (
        DELETE FROM errand.ready AS r WHERE r.id = ANY (ARRAY(
            SELECT x.id FROM errand.ready AS x WHERE x.id = ANY (v_asked) FOR UPDATE SKIP LOCKED))
        RETURNING r.id, 'q'::"char" AS state, r.run, r.attempt
    ), ended AS (
        SELECT * FROM gone UNION ALL SELECT * FROM gone_ready
    ), recorded AS (
        INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, sqlstate, error)
        SELECT e.id, p_now, e.attempt, e.run, 'C', false, '57014',
            coalesce((SELECT c.reason FROM errand.cancel_request AS c WHERE c.id = e.id ORDER BY c.at DESC LIMIT 1), 'cancelled by user')
        FROM ended AS e
    ), unkeyed AS (
        DELETE FROM errand.task_key AS k USING ended AS e WHERE k.id = e.id
    ), answered AS (
        DELETE FROM errand.cancel_request AS c USING ended AS e WHERE c.id = e.id
    ), counted AS (
        INSERT INTO errand.group_delta (group_id, cancelled)
        SELECT t.task_group, count(*) FROM ended AS e JOIN errand.task AS t ON t.id = e.id
        WHERE t.task_group IS NOT NULL GROUP BY t.task_group
    )
    SELECT e.id, e.state, e.run, e.attempt, t.queue, t.type, t.notify, t.owner_oid, t.task_group, t.kind::"char"
    FROM ended AS e JOIN errand.task AS t ON t.id = e.id;
END $$;
