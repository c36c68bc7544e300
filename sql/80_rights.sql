-- Rights.  Nothing is granted to PUBLIC; roles get a level.

-- Function:   _granted_functions(level)
-- Returns:    the names of the functions that a level may call
CREATE FUNCTION errand._granted_functions(p_level text) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_names text[] := ARRAY['status', 'result', 'response', 'task', 'chunks', 'wait_for', 'gather', 'version', 'health',
        'wait_until_running', 'wait_group', '_group_look', '_sees_all', '_text', '_json', '_headers', '_http_result', '_look', '_counters', '_hosts', '_host_limits',
        '_workers', '_oldest', '_progress', '_progress_text', '_source_queue', 'cached', '_cached_counts'];
BEGIN
    v_names := v_names || ARRAY['wait', 'as_completed', 'race', 'html_title'];
    -- What the relay calls for the role of a token; beside them _api_* and _arg_*.
    v_names := v_names || ARRAY['_iso', '_ms', '_mask', '_mask_all', '_mask_text', '_secret_name', '_bounded', '_page', '_rows', '_page_filter', '_task_json', '_tasks_json',
        '_csv', '_tasks_csv', '_follow_up_json', '_sql_text', '_attempts_json', '_result_json', '_group_json', '_task_gone', '_brief_json',
        '_fingerprint', '_queue_rows', '_schedule_rows', '_failures', '_level', '_counts', '_snapshot_filter', '_history_rows', '_history', '_history_of', '_history_range', '_cached_read',
        '_rollup_now', '_hist', '_stats', '_graph_walk', '_graph_layers', '_done', '_steered', '_may_all', '_body_ids', '_steer_filter', '_change_number', '_change_text',
        '_source_rows', '_source_minutes', '_source_details', '_source_snapshot', '_source_views', '_view_plain', '_view_within', '_view_rows'];
    IF p_level IN ('monitor', 'admin') THEN
        v_names := v_names || ARRAY['dashboard_url', 'metrics'];
    END IF;
    IF p_level IN ('submit', 'admin') THEN
        v_names := v_names || ARRAY['submit', 'submit_many', 'http', 'http_get', 'http_head', 'http_delete', 'http_post',
            'http_put', 'http_patch', 'call', 'email', 'current_task', 'parent_results', 'set_progress', 'cancel', 'retry', 'reschedule', 'reprioritize', 'wake', 'set_secret', 'drop_secret', 'schedule', 'unschedule', 'pause_schedule', 'resume_schedule', 'open_group', 'close_group', 'cancel_group'];
        v_names := v_names || ARRAY['define_source', 'start_source', 'stop_source', 'run_source_now', 'drop_source', 'test_source'];
        v_names := v_names || ARRAY['run', 'cancel_where', 'retry_where', 'purge', 'task_on_change'];
    END IF;
    IF p_level = 'admin' THEN
        v_names := v_names || ARRAY['define_task', 'drop_task', 'define_queue', 'define_host', 'drop_host', 'pause_queue', 'resume_queue',
            'drain_queue', 'pause_all', 'resume_all', 'worker_restart'];
        v_names := v_names || ARRAY['purge_queue', 'stat_reset', 'issue_token', 'revoke_token'];
    END IF;
    RETURN v_names;
END $$;

CREATE FUNCTION errand.grant_access(role regrole, level text) RETURNS void
LANGUAGE plpgsql STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_function regprocedure;
    v_view regclass;
    v_role name := (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role::oid);
BEGIN
    IF level NOT IN ('submit', 'monitor', 'admin') THEN
        RAISE EXCEPTION 'unknown level "%"', level
            USING ERRCODE = '22023', HINT = 'The levels are submit, monitor and admin.';
    ELSIF v_role IS NULL THEN
        RAISE EXCEPTION 'access cannot be granted to PUBLIC'
            USING ERRCODE = '22023', HINT = 'Name a role.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA errand TO %I', v_role);
    FOR v_view IN SELECT c.oid FROM pg_class AS c
        WHERE c.relnamespace = 'errand'::regnamespace AND c.relkind = 'v' AND c.relname <> 'runs'
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO %I', v_view, v_role);
    END LOOP;
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA errand FROM %I', v_role);
    FOR v_function IN SELECT p.oid FROM pg_proc AS p
        WHERE p.pronamespace = 'errand'::regnamespace AND (p.proname = ANY (errand._granted_functions(level)) OR p.proname ~ '^_(api|arg)(_|$)')
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', v_function, v_role);
    END LOOP;
    INSERT INTO errand.access (role, level) VALUES (v_role, grant_access.level)
    ON CONFLICT ON CONSTRAINT access_pkey DO UPDATE SET level = excluded.level;
END $$;

CREATE FUNCTION errand.revoke_access(role regrole) RETURNS void
LANGUAGE plpgsql STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_role name := (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role::oid);
BEGIN
    EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA errand FROM %I', v_role);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA errand FROM %I', v_role);
    EXECUTE format('REVOKE ALL ON SCHEMA errand FROM %I', v_role);
    DELETE FROM errand.access AS a WHERE a.role = v_role;
END $$;
