-- Groups.  Counts are inserted, never updated: whoever writes an outcome
-- inserts a delta, and the leader puts the deltas of a group together.  A group
-- with a delta that names a failed task has failed.

-- Function:   _group_open(...)
-- Returns:    the id
-- Tables:     writes task_group
CREATE FUNCTION errand._group_open(p_owner_oid oid, p_owner text, p_name text, p_fail_fast boolean, p_on_success jsonb,
    p_on_failure jsonb, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint := nextval('errand.task_group_id');
BEGIN
    INSERT INTO errand.task_group (id, opened_at, owner_oid, owner, name, fail_fast, on_success, on_failure)
    VALUES (v_id, p_now, p_owner_oid, p_owner, p_name, p_fail_fast, p_on_success, p_on_failure);
    RETURN v_id;
END $$;

-- Function:   _group_find(id, caller, all)
-- Raises:     42704 if there is no such group, or it is not the caller's
-- Tables:     reads task_group
CREATE FUNCTION errand._group_find(p_id bigint, p_caller oid, p_all boolean)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM errand.task_group AS g WHERE g.id = p_id AND (p_all OR g.owner_oid = p_caller);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task group %', p_id
            USING ERRCODE = '42704', HINT = 'Open one with errand.open_group(); SELECT * FROM errand.task_groups lists yours.';
    END IF;
END $$;

-- Function:   _group_check(id, caller, all)
-- Locks the group against being closed until the submit commits; the leader
-- does not mind that lock.
-- Raises:     42704 as _group_find(); 55000 if it is closed or has failed
-- Tables:     locks task_group, reads group_delta
CREATE FUNCTION errand._group_check(p_id bigint, p_caller oid, p_all boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_group errand.task_group;
BEGIN
    PERFORM errand._group_find(p_id, p_caller, p_all);
    SELECT g.* INTO v_group FROM errand.task_group AS g WHERE g.id = p_id FOR KEY SHARE;
    IF v_group.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'task group % is closed', p_id
            USING ERRCODE = '55000', HINT = 'Open another with errand.open_group(), and submit before it is closed.';
    ELSIF v_group.fail_fast AND EXISTS (SELECT FROM errand.group_delta AS d WHERE d.group_id = p_id AND d.failed_task IS NOT NULL) THEN
        RAISE EXCEPTION 'task group % has failed', p_id
            USING ERRCODE = '55000', HINT = 'One of its tasks failed, and fail_fast is on: open another with errand.open_group().';
    END IF;
END $$;

-- Function:   _group_add(id, n, spoilt)
-- Counts new tasks; spoilt ones are cancelled already.
-- Tables:     writes group_delta
CREATE FUNCTION errand._group_add(p_id bigint, p_n bigint, p_spoilt boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.group_delta (group_id, submitted, cancelled) VALUES (p_id, p_n, CASE WHEN p_spoilt THEN p_n ELSE 0 END);
END $$;

-- Function:   _group_count(ids, states)
-- Counts final states (S, F, U, C; others are passed over), a row a group.
-- Tables:     writes group_delta, reads task
CREATE FUNCTION errand._group_count(p_ids bigint[], p_states "char"[])
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.group_delta (group_id, succeeded, failed, cancelled, failed_task)
    SELECT t.task_group, count(*) FILTER (WHERE u.state = 'S'), count(*) FILTER (WHERE u.state IN ('F', 'U')),
        count(*) FILTER (WHERE u.state = 'C'), min(u.id) FILTER (WHERE u.state IN ('F', 'U'))
    FROM unnest(p_ids, p_states) AS u (id, state) JOIN errand.task AS t ON t.id = u.id
    WHERE t.task_group IS NOT NULL AND u.state IN ('S', 'F', 'U', 'C') GROUP BY t.task_group;
END $$;

-- Function:   _group_uncount(id, state)   a task of the group runs again
-- Tables:     writes group_delta
CREATE FUNCTION errand._group_uncount(p_id bigint, p_state "char")
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.group_delta (group_id, succeeded, failed, cancelled)
    VALUES (p_id, - (p_state = 'S')::integer, - (p_state IN ('F', 'U'))::integer, - (p_state = 'C')::integer);
END $$;

-- Function:   _group_close(id, caller, all, now)
-- Waits for who submits into it just now.
-- Returns:    whether it was open
-- Raises:     42704 as _group_find()
-- Tables:     writes task_group, group_delta
CREATE FUNCTION errand._group_close(p_id bigint, p_caller oid, p_all boolean, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._group_find(p_id, p_caller, p_all);
    PERFORM FROM errand.task_group AS g WHERE g.id = p_id AND g.closed_at IS NULL FOR UPDATE;
    UPDATE errand.task_group AS g SET closed_at = p_now WHERE g.id = p_id AND g.closed_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- The leader looks whether it is finished.
    INSERT INTO errand.group_delta (group_id) VALUES (p_id);
    RETURN true;
END $$;

-- Function:   _group_ask(id, reason, now)
-- Asks all tasks of a group to stop that are not final, and were not asked.
-- Returns:    how many
-- Tables:     reads task, outcome; writes cancel_request
CREATE FUNCTION errand._group_ask(p_id bigint, p_reason text, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_asked bigint;
BEGIN
    INSERT INTO errand.cancel_request (id, at, reason)
    SELECT t.id, p_now, p_reason FROM errand.task AS t
    WHERE t.task_group = p_id AND NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = t.id)
      AND NOT EXISTS (SELECT FROM errand.cancel_request AS c WHERE c.id = t.id)
    ORDER BY t.id;
    GET DIAGNOSTICS v_asked = ROW_COUNT;
    RETURN v_asked;
END $$;

-- Function:   _group_cancel(id, caller, all, reason, now)
-- Returns:    how many tasks are asked to stop
-- Raises:     42704 as _group_find()
CREATE FUNCTION errand._group_cancel(p_id bigint, p_caller oid, p_all boolean, p_reason text, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._group_find(p_id, p_caller, p_all);
    RETURN errand._group_ask(p_id, coalesce(p_reason, 'cancelled by user'), p_now);
END $$;

-- Function:   _group_finished(id, now)
-- A closed group, locked, whose tasks are all final: its counts move to its row.
-- Tables:     writes task_group, deletes from group_delta
CREATE FUNCTION errand._group_finished(p_id bigint, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_group errand.task_group;
    v_good boolean;
    v_spec jsonb;
    v_result errand._spec_result;
BEGIN
    WITH gone AS (
        DELETE FROM errand.group_delta AS d WHERE d.group_id = p_id RETURNING d.*
    )
    UPDATE errand.task_group AS g SET finished_at = p_now, submitted = s.submitted, succeeded = s.succeeded,
        failed = s.failed, cancelled = s.cancelled, failed_task = s.failed_task
    FROM (SELECT coalesce(sum(x.submitted), 0) AS submitted, coalesce(sum(x.succeeded), 0) AS succeeded,
              coalesce(sum(x.failed), 0) AS failed, coalesce(sum(x.cancelled), 0) AS cancelled,
              min(x.failed_task) AS failed_task FROM gone AS x) AS s
    WHERE g.id = p_id;
    SELECT g.* INTO v_group FROM errand.task_group AS g WHERE g.id = p_id;
    v_good := v_group.failed + v_group.cancelled = 0;
    v_spec := CASE WHEN v_good THEN v_group.on_success ELSE v_group.on_failure END;
    IF v_spec IS NULL THEN
        RETURN false;
    END IF;
    -- What cannot be submitted any more does not keep the group from being finished.
    v_result := errand._follow_up_spec(v_spec || jsonb_build_object('owner_oid', v_group.owner_oid::bigint, 'owner', v_group.owner),
        jsonb_build_object('task', p_id, 'type', 'group ' || v_group.name, 'group', p_id, 'name', v_group.name,
            'state', CASE WHEN v_good THEN 'succeeded' ELSE 'failed' END, 'succeeded', v_group.succeeded,
            'failed', v_group.failed, 'cancelled', v_group.cancelled), p_now);
    IF v_result.problem IS NOT NULL THEN
        RAISE WARNING 'the follow-up of task group % was not submitted: %', p_id, v_result.problem;
    END IF;
    RETURN v_result.problem IS NULL;
END $$;

-- Function:   _group_fold(now, limit)
-- What the leader does with new deltas, group by group in the order of ids: it
-- puts them together, asks the siblings of a failed task to stop, and finishes
-- closed groups whose tasks are all final.  It waits for nobody: a group whose
-- row a client holds stays for the next time.
-- Returns:    a row a group: whether all its tasks are final, whether some
--             were asked to stop, whether it is to be looked at again
-- Tables:     deletes from and writes group_delta; writes cancel_request, task_group
CREATE FUNCTION errand._group_fold(p_now timestamptz, p_limit integer)
RETURNS TABLE (id bigint, complete boolean, asked boolean, again boolean, followed boolean)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_id bigint;
    v_group errand.task_group;
    v_sum errand.group_delta;
    v_fresh boolean;
BEGIN
    FOR v_id IN SELECT DISTINCT d.group_id FROM errand.group_delta AS d WHERE NOT d.folded ORDER BY 1 LIMIT p_limit LOOP
        WITH gone AS (
            DELETE FROM errand.group_delta AS d WHERE d.group_id = v_id RETURNING d.*
        )
        SELECT coalesce(sum(x.submitted), 0), coalesce(sum(x.succeeded), 0), coalesce(sum(x.failed), 0),
            coalesce(sum(x.cancelled), 0), min(x.failed_task),
            coalesce(bool_or(NOT x.folded AND x.submitted > 0), false)
                OR coalesce(bool_and(NOT x.folded OR x.failed_task IS NULL), true)
        INTO v_sum.submitted, v_sum.succeeded, v_sum.failed, v_sum.cancelled, v_sum.failed_task, v_fresh
        FROM gone AS x;
        SELECT g.* INTO v_group FROM errand.task_group AS g WHERE g.id = v_id;
        CONTINUE WHEN NOT FOUND; -- retention was here
        id := v_id;
        followed := false;
        asked := v_sum.failed_task IS NOT NULL AND v_fresh AND v_group.fail_fast
            AND errand._group_ask(v_id, format('cancelled: task %s of its group failed', v_sum.failed_task), p_now) > 0;
        complete := v_group.submitted + v_sum.submitted = v_group.succeeded + v_sum.succeeded + v_group.failed
            + v_sum.failed + v_group.cancelled + v_sum.cancelled;
        again := complete AND v_group.closed_at IS NOT NULL AND v_group.finished_at IS NULL;
        INSERT INTO errand.group_delta (group_id, submitted, succeeded, failed, cancelled, failed_task, folded)
        VALUES (v_id, v_sum.submitted, v_sum.succeeded, v_sum.failed, v_sum.cancelled, v_sum.failed_task, NOT again);
        IF again THEN
            PERFORM FROM errand.task_group AS g WHERE g.id = v_id FOR NO KEY UPDATE SKIP LOCKED;
            IF FOUND THEN
                followed := errand._group_finished(v_id, p_now);
                again := false;
            END IF;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- Function:   _group_retain(before, limit)
-- Deletes finished groups of which no task is left.
-- Tables:     deletes from task_group, group_delta; reads task
CREATE FUNCTION errand._group_retain(p_before timestamptz, p_limit integer)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH gone AS (
        DELETE FROM errand.task_group AS g WHERE g.id = ANY (ARRAY(
            SELECT x.id FROM errand.task_group AS x
            WHERE x.finished_at < p_before AND NOT EXISTS (SELECT FROM errand.task AS t WHERE t.task_group = x.id)
            ORDER BY x.id LIMIT p_limit FOR UPDATE SKIP LOCKED))
        RETURNING g.id
    )
    DELETE FROM errand.group_delta AS d USING gone AS g WHERE d.group_id = g.id;
END $$;
