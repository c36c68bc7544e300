-- Routes that change something.  Each is a public function, with what its body
-- names for arguments: who may do so is for that function to say.

-- Function:   _arg_body(args, names)
-- Returns:    the body; {} if there is none
-- Raises:     22023 unless it is an object with no other names than these
CREATE FUNCTION errand._arg_body(p_args jsonb, VARIADIC p_names text[] DEFAULT '{}')
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_body jsonb := coalesce(p_args -> 'body', '{}');
BEGIN
    PERFORM errand._arg_known(v_body, VARIADIC p_names);
    RETURN v_body;
END $$;

-- Function:   _done(done)
CREATE FUNCTION errand._done(p_done boolean)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('done', coalesce(p_done, true));
END $$;

-- Function:   _api_submit(args, now)
-- Returns:    the id of the new task
CREATE FUNCTION errand._api_submit(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_body jsonb := p_args -> 'body';
    v_id bigint;
BEGIN
    IF v_body IS NULL OR jsonb_typeof(v_body) <> 'object' THEN
        PERFORM errand._arg_bad('the body must be a JSON object', 'Such as {"task": "http", "payload": {"url": "https://example.com/"}}.');
    END IF;
    v_id := (SELECT s.id FROM errand.submit_many(jsonb_build_array(v_body)) AS s (id));
    RETURN jsonb_build_object('id', v_id);
END $$;

-- Function:   _steered(id, done)
-- Returns:    whether something was done
-- Raises:     42704 if there is no such task; 55000 if it is in no state for that
CREATE FUNCTION errand._steered(p_id bigint, p_done boolean, p_what text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_task errand.tasks;
BEGIN
    IF p_done THEN
        RETURN errand._done(true) || jsonb_build_object('id', p_id);
    END IF;
    SELECT t.* INTO v_task FROM errand.tasks AS t WHERE t.id = p_id;
    IF NOT FOUND THEN
        PERFORM errand._task_gone(p_id);
    ELSIF v_task.owner <> current_user AND NOT errand._may_all() THEN
        RAISE EXCEPTION 'permission denied: task % is not yours', p_id
            USING ERRCODE = '42501', HINT = 'The level "admin" is needed for tasks of others.';
    END IF;
    RAISE EXCEPTION 'task % cannot be %', p_id, p_what
        USING ERRCODE = '55000', DETAIL = format('It is %s.', v_task.state), HINT = 'Look at it again: its state has changed.';
END $$;

-- Function:   _may_all()
-- Returns:    whether the current role, or its token, may steer tasks of others
CREATE FUNCTION errand._may_all()
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(errand._level() = 'admin', false);
END $$;

-- Function:   _api_task_cancel(args, now)
CREATE FUNCTION errand._api_task_cancel(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint := errand._arg_id(p_args);
    v_body jsonb := errand._arg_body(p_args, 'reason');
BEGIN
    RETURN errand._steered(v_id, errand.cancel(v_id, errand._arg_text(v_body, 'reason')), 'cancelled');
END $$;

-- Function:   _api_task_retry(args, now)
CREATE FUNCTION errand._api_task_retry(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint := errand._arg_id(p_args);
BEGIN
    PERFORM errand._arg_body(p_args);
    RETURN errand._steered(v_id, errand.retry(v_id), 'retried');
END $$;

-- Function:   _body_ids(body)
-- Returns:    the ids that a body names
CREATE FUNCTION errand._body_ids(p_body jsonb)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(p_body -> 'ids') <> 'array' OR jsonb_array_length(p_body -> 'ids') > 10000
    OR EXISTS (SELECT FROM jsonb_array_elements(p_body -> 'ids') AS e (value) WHERE e.value #>> '{}' !~ '^[1-9][0-9]{0,17}$') THEN
        PERFORM errand._arg_bad('"ids" is not valid', 'It is an array of at most 10000 ids.');
    END IF;
    RETURN ARRAY(SELECT DISTINCT e.value::bigint FROM jsonb_array_elements_text(p_body -> 'ids') AS e (value) ORDER BY 1);
END $$;

-- Function:   _steer_filter(filter)
-- Returns:    a filter of cancel_where() and its kin, from one of the list's: these check the values
-- Raises:     22023 at an unknown key or a null: to pass over it would mean more tasks
CREATE FUNCTION errand._steer_filter(p_filter jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_known(p_filter, 'state', 'queue', 'task', 'kind', 'owner', 'key', 'tag', 'group', 'task_group', 'q', 'error',
        'since', 'until', 'min_run', 'min_run_ms', 'min_id', 'max_id', 'older_than', 'newer_than');
    IF EXISTS (SELECT FROM jsonb_each(p_filter) AS e WHERE jsonb_typeof(e.value) = 'null') THEN
        PERFORM errand._arg_bad('a value of the filter is null', 'Leave the key out, or give a value.');
    END IF;
    RETURN p_filter - ARRAY['group', 'min_run', 'state'] || jsonb_strip_nulls(jsonb_build_object(
        'state', to_jsonb(errand._arg_states(p_filter, 'state')), 'task_group', coalesce(p_filter -> 'task_group', p_filter -> 'group'),
        'min_run_ms', coalesce(p_filter -> 'min_run_ms', p_filter -> 'min_run')));
END $$;

-- Function:   _api_tasks_cancel(args, now)
CREATE FUNCTION errand._api_tasks_cancel(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_body jsonb := errand._arg_body(p_args, 'filter', 'ids', 'dry_run');
    v_dry boolean := coalesce(errand._arg_bool(v_body, 'dry_run'), false);
    v_ids bigint[];
    v_n bigint;
BEGIN
    IF (v_body ? 'filter') = (v_body ? 'ids') THEN
        PERFORM errand._arg_bad('say which tasks', 'Give either "filter" or "ids".');
    ELSIF v_body ? 'filter' THEN
        v_n := errand.cancel_where(errand._steer_filter(v_body -> 'filter'), v_dry);
    ELSE
        v_ids := errand._body_ids(v_body);
        SELECT count(*) INTO v_n FROM unnest(errand._rows(v_ids)) AS t
        WHERE v_dry AND t.state IN ('waiting', 'scheduled', 'ready', 'running', 'retrying')
          AND (t.owner = current_user OR errand._may_all());
        IF NOT v_dry THEN
            v_n := (SELECT count(*) FROM unnest(v_ids) AS u (id) WHERE errand.cancel(u.id));
        END IF;
    END IF;
    RETURN jsonb_build_object('count', v_n, 'dry_run', v_dry);
END $$;

-- Function:   _api_tasks_retry(args, now)
CREATE FUNCTION errand._api_tasks_retry(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_body jsonb := errand._arg_body(p_args, 'filter', 'ids', 'dry_run');
    v_dry boolean := coalesce(errand._arg_bool(v_body, 'dry_run'), false);
    v_ids bigint[];
    v_n bigint;
BEGIN
    IF (v_body ? 'filter') = (v_body ? 'ids') THEN
        PERFORM errand._arg_bad('say which tasks', 'Give either "filter" or "ids".');
    ELSIF v_body ? 'filter' THEN
        v_n := errand.retry_where(errand._steer_filter(v_body -> 'filter'), v_dry);
    ELSE
        v_ids := errand._body_ids(v_body);
        SELECT count(*) INTO v_n FROM unnest(errand._rows(v_ids)) AS t
        WHERE v_dry AND t.state IN ('succeeded', 'failed', 'cancelled', 'unknown', 'retrying')
          AND (t.owner = current_user OR errand._may_all());
        IF NOT v_dry THEN
            v_n := (SELECT count(*) FROM unnest(v_ids) AS u (id) WHERE errand.retry(u.id));
        END IF;
    END IF;
    RETURN jsonb_build_object('count', v_n, 'dry_run', v_dry);
END $$;

-- Function:   _change_number(body, name), _change_text(body, name)
-- Returns:    what a thing is changed to: NULL if the body does not name it, so that it stays; -1 or ''
--             if the body says null, which takes it away
CREATE FUNCTION errand._change_number(p_body jsonb, p_name text, p_most bigint)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN p_body ? p_name THEN errand._arg_int(p_body, p_name, -1, 0, p_most) END;
END $$;

CREATE FUNCTION errand._change_text(p_body jsonb, p_name text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN p_body ? p_name THEN coalesce(errand._arg_text(p_body, p_name), '') END;
END $$;

-- Function:   _api_queue_pause(args, now), _api_queue_resume, _api_queue_drain, _api_queue_define
CREATE FUNCTION errand._api_queue_pause(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.pause_queue(errand._arg_need(p_args, 'name'));
    RETURN errand._done(true);
END $$;

CREATE FUNCTION errand._api_queue_resume(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.resume_queue(errand._arg_need(p_args, 'name'));
    RETURN errand._done(true);
END $$;

-- It begins to drain; nobody waits until it is empty.
CREATE FUNCTION errand._api_queue_drain(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.drain_queue(errand._arg_need(p_args, 'name'), '1 ms');
    RETURN errand._done(true);
END $$;

CREATE FUNCTION errand._api_queue_define(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_body jsonb := errand._arg_body(p_args, 'max_running', 'rate_limit', 'max_depth', 'description');
BEGIN
    PERFORM errand.define_queue(errand._arg_need(p_args, 'name'),
        max_running => errand._change_number(v_body, 'max_running', 2147483647)::integer,
        rate_limit => errand._change_text(v_body, 'rate_limit'),
        max_depth => errand._change_number(v_body, 'max_depth', 999999999999999999), description => errand._change_text(v_body, 'description'));
    RETURN errand._done(true);
END $$;

-- Function:   _api_schedule_pause(args, now), _api_schedule_resume
CREATE FUNCTION errand._api_schedule_pause(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.pause_schedule(errand._arg_need(p_args, 'name'));
    RETURN errand._done(true);
END $$;

CREATE FUNCTION errand._api_schedule_resume(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.resume_schedule(errand._arg_need(p_args, 'name'));
    RETURN errand._done(true);
END $$;

-- Function:   _api_host_define(args, now)
CREATE FUNCTION errand._api_host_define(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_body jsonb := errand._arg_body(p_args, 'max_running', 'rate_limit', 'proxy');
BEGIN
    PERFORM errand.define_host(errand._arg_need(p_args, 'name'),
        max_running => errand._change_number(v_body, 'max_running', 2147483647)::integer,
        rate_limit => errand._change_text(v_body, 'rate_limit'), proxy => errand._change_text(v_body, 'proxy'), keep => true);
    RETURN errand._done(true);
END $$;

-- Function:   _api_workers_restart(args, now), _api_pause_all, _api_resume_all
CREATE FUNCTION errand._api_workers_restart(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    RETURN errand._done(errand.worker_restart());
END $$;

CREATE FUNCTION errand._api_pause_all(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.pause_all();
    RETURN errand._done(true);
END $$;

CREATE FUNCTION errand._api_resume_all(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM errand._arg_body(p_args);
    PERFORM errand.resume_all();
    RETURN errand._done(true);
END $$;
