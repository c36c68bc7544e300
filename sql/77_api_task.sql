-- One task, and everything about it.

-- How each task is to be run.
CREATE VIEW errand.task_policies WITH (security_barrier) AS
SELECT t.id, t.timeout_ms, t.max_attempts::integer AS max_attempts,
    CASE t.backoff WHEN 1 THEN 'linear' WHEN 2 THEN 'constant' ELSE 'exponential' END AS backoff, t.backoff_base_ms,
    t.backoff_factor::numeric AS backoff_factor, t.backoff_max_ms, t.deadline,
    CASE WHEN t.at_most_once THEN 'at_most_once' ELSE 'at_least_once' END AS delivery, t.notify, t.traceparent,
    CASE WHEN t.after_done THEN 'done' WHEN NOT t.after_done THEN 'success' END AS after_policy, t.on_success, t.on_failure
FROM errand.task AS t
WHERE t.owner_oid = (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
   OR (SELECT errand._sees_all(current_user));

-- Function:   _follow_up_json(spec)
-- Returns:    a follow-up as it was written: who owns it and how it is run is not shown
CREATE FUNCTION errand._follow_up_json(p_spec jsonb)
RETURNS jsonb
LANGUAGE plpgsql STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('task', p_spec -> 'type', 'payload', errand._bounded(p_spec -> 'payload'));
END $$;

-- Function:   _sql_text(task, policy, payload, parents)
-- Returns:    a statement that submits such a task again; secrets are masked in it
CREATE FUNCTION errand._sql_text(p_task errand.tasks, p_policy errand.task_policies, p_payload jsonb, p_parents bigint[])
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN format('SELECT errand.submit(%L, %L', p_task.task, p_payload::text) || concat(
        ', queue => ' || quote_literal(nullif(p_task.queue, 'default')), ', priority => ' || nullif(p_task.priority, 0),
        ', max_attempts => ' || nullif(p_policy.max_attempts, 3), ', timeout => ' || quote_literal(nullif(p_policy.timeout_ms, 30000) || ' ms'),
        ', backoff => ' || quote_literal(nullif(p_policy.backoff, 'exponential')),
        ', backoff_base => ' || quote_literal(p_policy.backoff_base_ms || ' ms'), ', backoff_factor => ' || p_policy.backoff_factor,
        ', backoff_max => ' || quote_literal(p_policy.backoff_max_ms || ' ms'),
        ', deadline => ' || quote_literal(date_trunc('second', p_policy.deadline - p_task.submitted_at)::text),
        ', delivery => ' || quote_literal(nullif(p_policy.delivery, 'at_least_once')), ', key => ' || quote_literal(p_task.key),
        ', notify => ' || quote_literal(p_policy.notify), ', tags => ' || quote_literal(p_task.tags::text),
        ', after => ' || quote_literal(nullif(p_parents, '{}')::text), ', after_policy => ' || quote_literal(nullif(p_policy.after_policy, 'success'))) || ');';
END $$;

-- Function:   _attempts_json(id)
-- Returns:    the attempts of a task, the newest hundred, in order
CREATE FUNCTION errand._attempts_json(p_id bigint)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('attempt', a.attempt, 'state', a.state, 'started_at', errand._iso(a.started_at),
            'finished_at', errand._iso(a.finished_at), 'worker', a.worker, 'status_code', a.status_code, 'sqlstate', a.sqlstate,
            'error', errand._mask_text(a.error), 'timings', a.timings, 'detail', errand._mask_text(a.detail), 'context', errand._mask_text(a.context),
            'notices', errand._mask(a.notices)) ORDER BY a.attempt), '[]')
        FROM (SELECT x.* FROM errand.attempts AS x WHERE x.task_id = p_id ORDER BY x.attempt DESC LIMIT 100) AS a);
END $$;

-- Function:   _result_json(id)
-- Returns:    result and response of a task that is final, without what is too large or secret
CREATE FUNCTION errand._result_json(p_id bigint, OUT payload jsonb, OUT result jsonb, OUT response jsonb)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    o record;
    v_bytes bigint;
BEGIN
    SELECT x.*, octet_length(x.body) AS body_bytes, pg_column_size(x.result) AS result_bytes INTO o
    FROM errand.outcomes AS x WHERE x.id = p_id;
    payload := errand._bounded(o.payload);
    v_bytes := greatest(coalesce(o.body_bytes, 0), coalesce(o.result_bytes, 0));
    IF v_bytes > 65536 THEN
        result := jsonb_build_object('truncated', true, 'bytes', v_bytes);
    ELSIF o.kind = 'http' AND o.status_code IS NOT NULL THEN
        result := errand._bounded(errand._http_result(o.status_code, o.content_type, o.head, o.body) || coalesce(o.result, '{}'));
    ELSE
        result := errand._bounded(o.result);
    END IF;
    IF o.kind = 'http' AND o.state IS NOT NULL THEN
        response := jsonb_build_object('status_code', o.status_code, 'content_type', o.content_type,
            'headers', errand._mask(errand._headers(o.head)), 'timed_out', coalesce(o.timed_out, false));
    END IF;
END $$;

-- Function:   _group_json(id)
-- Returns:    a task group, as the caller may see it; NULL if it may not
CREATE FUNCTION errand._group_json(p_id bigint)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('group', g.id, 'name', g.name, 'state', g.state, 'fail_fast', g.fail_fast, 'owner', g.owner,
                'counts', jsonb_build_object('total', g.total, 'pending', g.pending, 'succeeded', g.succeeded, 'failed', g.failed,
                    'cancelled', g.cancelled),
                'submitted_at', errand._iso(g.opened_at), 'closed_at', errand._iso(g.closed_at),
                'finished_at', errand._iso(g.finished_at), 'failed_task', g.failed_task)
            FROM errand.task_groups AS g WHERE g.id = p_id);
END $$;

-- Function:   _task_gone(id)
-- Raises:     42704
CREATE FUNCTION errand._task_gone(p_id bigint)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'there is no task %', p_id
        USING ERRCODE = '42704', HINT = 'It was never submitted, was removed after errand.retention, or is not yours.';
END $$;

-- Function:   _api_task(args, now)
CREATE FUNCTION errand._api_task(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_id bigint := errand._arg_id(p_args);
    v_task errand.tasks;
    v_policy errand.task_policies;
    v record;
    v_parents bigint[];
    v_children bigint[];
    v_n bigint;
BEGIN
    PERFORM errand._arg_known(p_args, 'id');
    SELECT t.* INTO v_task FROM errand.tasks AS t WHERE t.id = v_id;
    IF NOT FOUND THEN
        PERFORM errand._task_gone(v_id);
    END IF;
    SELECT p.* INTO v_policy FROM errand.task_policies AS p WHERE p.id = v_id;
    SELECT r.* INTO v FROM errand._result_json(v_id) AS r;
    v_parents := ARRAY(SELECT d.parent_id FROM errand.dependencies AS d WHERE d.task_id = v_id ORDER BY d.parent_id LIMIT 100);
    v_children := ARRAY(SELECT d.task_id FROM errand.dependencies AS d WHERE d.parent_id = v_id ORDER BY d.task_id LIMIT 10000);
    v_n := cardinality(v_children);
    RETURN jsonb_build_object('task', errand._task_json(v_task) || jsonb_build_object('error', errand._mask_text(v_task.error)), 'payload', v.payload,
        'policy', jsonb_build_object('timeout_ms', v_policy.timeout_ms, 'max_attempts', v_policy.max_attempts, 'backoff', v_policy.backoff,
            'backoff_base_ms', coalesce(v_policy.backoff_base_ms, 1000), 'backoff_factor', coalesce(v_policy.backoff_factor, 2),
            'backoff_max_ms', coalesce(v_policy.backoff_max_ms, 3600000), 'deadline', errand._iso(v_policy.deadline),
            'delivery', v_policy.delivery, 'notify', v_policy.notify, 'after_policy', v_policy.after_policy,
            'on_success', errand._follow_up_json(v_policy.on_success), 'on_failure', errand._follow_up_json(v_policy.on_failure)),
        'result', v.result, 'response', v.response, 'attempts', errand._attempts_json(v_id),
        'parents', errand._brief_json(v_parents), 'children', errand._brief_json(v_children[1:100]), 'children_total', v_n,
        'group', errand._group_json(v_task.task_group),
        'follow_ups', (SELECT coalesce(jsonb_agg(jsonb_build_object('run', f.run, 'task', f.follow_up, 'at', errand._iso(f.at), 'error', f.error)
                ORDER BY f.run), '[]') FROM errand.follow_ups AS f WHERE f.task_id = v_id),
        'sql', errand._sql_text(v_task, v_policy, v.payload, v_parents));
END $$;

-- Function:   _brief_json(ids)
-- Returns:    id, state and type of those that the caller may see, in the order of the ids
CREATE FUNCTION errand._brief_json(p_ids bigint[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'state', t.state, 'task', t.task, 'queue', t.queue) ORDER BY t.id), '[]')
            FROM unnest(errand._rows(p_ids)) AS t);
END $$;
