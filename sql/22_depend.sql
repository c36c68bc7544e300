-- Submitting a task that waits for others.  Called by extension/submit_after.c.

-- Function:   _spoilt_text(id, state, cause, error)
-- Returns:    the error of a task whose parent did not succeed; it names the
--             first that did not, however far up
CREATE FUNCTION errand._spoilt_text(p_id bigint, p_state "char", p_cause bigint, p_error text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_cause IS NOT NULL AND p_error IS NOT NULL THEN
        RETURN p_error;
    END IF;
    RETURN format('cancelled: task %s, which it waits for, %s', p_id,
        CASE p_state WHEN 'C' THEN 'was cancelled' WHEN 'U' THEN 'is unknown' ELSE 'failed' END);
END $$;

-- Function:   _after_look(parents, caller, all, done)
-- Returns:    the parents, each once; those that are not final, NULL if none;
--             one that spoils the new task already, NULL if none
-- Raises:     42704 if there is no such task, or it is not the caller's
-- Tables:     reads task, outcome
CREATE FUNCTION errand._after_look(p_parents bigint[], p_caller oid, p_all boolean, p_done boolean,
    OUT parents bigint[], OUT unmet bigint[], OUT spoilt bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_missing bigint;
BEGIN
    SELECT array_agg(u.id ORDER BY u.id), array_agg(u.id ORDER BY u.id) FILTER (WHERE o.id IS NULL),
        min(u.id) FILTER (WHERE o.state <> 'S' AND NOT p_done),
        min(u.id) FILTER (WHERE t.id IS NULL OR NOT (p_all OR t.owner_oid = p_caller))
    INTO parents, unmet, spoilt, v_missing
    FROM (SELECT DISTINCT x.id FROM unnest(p_parents) AS x (id)) AS u
    LEFT JOIN errand.task AS t ON t.id = u.id LEFT JOIN errand.outcome AS o ON o.id = u.id;
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no task % to wait for', v_missing
            USING ERRCODE = '42704', HINT = 'It was never submitted, was removed after errand.retention, or is not yours.';
    END IF;
END $$;

-- Function:   _depend(ids, parents, unmet, spoilt, now)
-- What new tasks wait for.  If a parent spoils them they are final at once.
-- Tables:     writes edge, and dependency or outcome; deletes from task_key
CREATE FUNCTION errand._depend(p_ids bigint[], p_parents bigint[], p_unmet bigint[], p_spoilt bigint, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.edge (task_id, parent_id)
    SELECT u.id, p.id FROM unnest(p_ids) AS u (id) CROSS JOIN unnest(p_parents) AS p (id);
    IF p_spoilt IS NULL THEN
        INSERT INTO errand.dependency (parent_id, task_id)
        SELECT p.id, u.id FROM unnest(p_unmet) AS p (id) CROSS JOIN unnest(p_ids) AS u (id);
        RETURN;
    END IF;
    INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, sqlstate, error, cause)
    SELECT u.id, p_now, 0, 1, 'C', false, '57014', errand._spoilt_text(p_spoilt, o.state, o.cause, o.error),
        coalesce(o.cause, p_spoilt)
    FROM unnest(p_ids) AS u (id) LEFT JOIN errand.outcome AS o ON o.id = p_spoilt;
    DELETE FROM errand.task_key AS k WHERE k.id = ANY (p_ids);
END $$;
