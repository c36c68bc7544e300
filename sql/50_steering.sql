-- Steering.  Called by extension/steer.c as the extension's owner, after it
-- has looked up who asks: p_caller, and whether that role may touch all tasks.

-- Function:   _level_cap()
-- Returns:    the level of the token that the relay acts for; admin in any other session
CREATE FUNCTION errand._level_cap()
RETURNS text
LANGUAGE c STRICT STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_level_cap_name';

-- Function:   _may(role, level)
-- Returns:    whether the role, or one it is a member of, was granted the level
--             (admin includes monitor and submit); superusers may all; nobody
--             more than the token it acts for
-- Tables:     reads access
CREATE FUNCTION errand._may(p_role oid, p_level text)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF errand._level_cap() NOT IN ('admin', p_level) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT FROM pg_roles AS r WHERE r.oid = p_role AND r.rolsuper)
        OR EXISTS (SELECT FROM errand.access AS a JOIN pg_roles AS r ON r.rolname = a.role
                   WHERE (a.level = 'admin' OR a.level = p_level) AND pg_has_role(p_role, r.oid, 'USAGE'));
END $$;

-- Function:   _sees_all(role)
-- Returns:    whether the role sees tasks of others: monitor and admin do
CREATE FUNCTION errand._sees_all(p_role name)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT errand._may(r.oid, 'monitor') FROM pg_roles AS r WHERE r.rolname = p_role), false);
END $$;

-- Function:   _cancel(id, caller, all, reason, now)
-- Ends a task that waits, or asks its worker to stop it.
-- Returns:    how = 'done' (from says where it was), 'asked', 'final'; how is NULL: no such task
-- Tables:     deletes from ready, later, suspect, task_key; writes outcome and group_delta, or cancel_request
CREATE FUNCTION errand._cancel(p_id bigint, p_caller oid, p_all boolean, p_reason text, p_now timestamptz,
    OUT how text, OUT "from" "char", OUT run smallint, OUT attempt integer, OUT queue text, OUT type text, OUT notify text,
    OUT owner_oid oid, OUT task_group bigint, OUT kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    SELECT t.queue, t.type, t.notify, t.owner_oid, t.task_group, t.kind::"char" INTO queue, type, notify, owner_oid, task_group, kind
    FROM errand.task AS t
    WHERE t.id = p_id AND (p_all OR t.owner_oid = p_caller);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Twice: a task that somebody moves while we look lies where we have looked already.
    FOR v_look IN 1..2 LOOP
        DELETE FROM errand.ready AS r WHERE r.id = p_id RETURNING 'q', r.run, r.attempt INTO "from", run, attempt;
        EXIT WHEN FOUND;
        DELETE FROM errand.later AS l WHERE l.id = p_id RETURNING l.state, l.run, l.attempt INTO "from", run, attempt;
        EXIT WHEN FOUND;
        DELETE FROM errand.suspect AS s WHERE s.id = p_id RETURNING 'q', s.run, s.attempt INTO "from", run, attempt;
        EXIT WHEN FOUND;
    END LOOP;
    IF "from" IS NOT NULL THEN
        INSERT INTO errand.outcome (id, finished_at, attempt, run, state, timed_out, sqlstate, error)
        VALUES (p_id, p_now, attempt, run, 'C', false, '57014', coalesce(p_reason, 'cancelled by user'));
        DELETE FROM errand.task_key AS k WHERE k.id = p_id;
        PERFORM errand._group_count(ARRAY[p_id], ARRAY['C'::"char"]);
        how := 'done';
    ELSIF EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = p_id) THEN
        how := 'final';
    ELSE
        INSERT INTO errand.cancel_request (id, at, reason) VALUES (p_id, p_now, coalesce(p_reason, 'cancelled by user'));
        how := 'asked';
    END IF;
END $$;

-- Function:   _cancel_ask(id, caller, all, reason, now)
-- What the leader does for a request from the mailbox: it asks, and waits for
-- no row that a client may hold; _cancel_waiting ends what does not run.
-- Returns:    whether there is such a task, not final
-- Tables:     reads task, outcome; writes cancel_request
CREATE FUNCTION errand._cancel_ask(p_id bigint, p_caller oid, p_all boolean, p_reason text, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.cancel_request (id, at, reason)
    SELECT t.id, p_now, p_reason FROM errand.task AS t
    WHERE t.id = p_id AND (p_all OR t.owner_oid = p_caller)
      AND NOT EXISTS (SELECT FROM errand.outcome AS o WHERE o.id = t.id);
    RETURN FOUND;
END $$;

-- Function:   _retry(id, caller, all, now)
-- Begins the next run of a final task, or runs one now that waits to retry.
-- Returns:    where it was and where it lies now; from is NULL: nothing to retry
-- Tables:     outcome to attempt, or deletes from later; deletes from cancel_request; writes ready, task_key, chunk_drop
CREATE FUNCTION errand._retry(p_id bigint, p_caller oid, p_all boolean, p_now timestamptz,
    OUT "from" "char", OUT run smallint, OUT attempt integer, OUT priority smallint, OUT place bigint, OUT queue text,
    OUT type text, OUT role oid, OUT owner_oid oid, OUT task_group bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_task errand.task;
    v_failures smallint := 0;
BEGIN
    SELECT t.* INTO v_task FROM errand.task AS t WHERE t.id = p_id AND (p_all OR t.owner_oid = p_caller);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    WITH gone AS (
        DELETE FROM errand.outcome AS o WHERE o.id = p_id RETURNING o.*
    ), kept AS (
        INSERT INTO errand.attempt (task_id, attempt, started_at, finished_at, worker, dns_us, connect_us, tls_us, wait_us,
            transfer_us, status_code, run, state, timed_out, sqlstate, error)
        SELECT g.id, g.attempt, g.started_at, g.finished_at, g.worker, g.dns_us, g.connect_us, g.tls_us, g.wait_us,
            g.transfer_us, g.status_code, g.run, g.state, g.timed_out, g.sqlstate, g.error
        FROM gone AS g WHERE g.worker IS NOT NULL OR g.started_at IS NOT NULL ON CONFLICT (task_id, attempt) DO NOTHING
    )
    SELECT g.state, g.run + 1, g.attempt INTO "from", run, attempt FROM gone AS g;
    IF NOT FOUND THEN
        DELETE FROM errand.later AS l WHERE l.id = p_id AND l.state = 'r'
        RETURNING l.state, l.run, l.attempt, l.failures INTO "from", run, attempt, v_failures;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    ELSIF v_task.key IS NOT NULL THEN
        INSERT INTO errand.task_key (owner_oid, queue, key, id)
        VALUES (v_task.owner_oid, v_task.queue, v_task.key, p_id) ON CONFLICT DO NOTHING;
    END IF;
    IF v_task.task_group IS NOT NULL AND "from" <> 'r' THEN
        PERFORM errand._group_uncount(v_task.task_group, "from");
    END IF;
    PERFORM errand._chunks_forget(ARRAY[p_id]);
    -- A request that came too late to stop the last run is not meant for this one.
    DELETE FROM errand.cancel_request AS c WHERE c.id = p_id;
    priority := v_task.priority;
    place := nextval('errand.task_id');
    queue := v_task.queue;
    type := v_task.type;
    owner_oid := v_task.owner_oid;
    task_group := v_task.task_group;
    role := v_task.role;
    INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
    VALUES (p_id, place, attempt, role, priority, v_failures, run, queue);
END $$;

-- Function:   _move(id, caller, all, priority, run_at, now)
-- A task that waits gets another priority or time: DELETE and INSERT with a
-- new place, never an UPDATE of ready.  NULL leaves as it is.
-- Returns:    where it was and where it lies now; from is NULL: it does not wait
-- Tables:     deletes from and writes ready, later; updates task
CREATE FUNCTION errand._move(p_id bigint, p_caller oid, p_all boolean, p_priority smallint, p_run_at timestamptz,
    p_now timestamptz, OUT "from" "char", OUT "to" "char", OUT run smallint, OUT attempt integer, OUT priority smallint,
    OUT place bigint, OUT queue text, OUT type text, OUT role oid, OUT owner_oid oid, OUT task_group bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_failures smallint;
    v_due timestamptz;
    v_unmet integer;
BEGIN
    SELECT t.queue, t.type, t.role, t.owner_oid, t.task_group INTO queue, type, role, owner_oid, task_group FROM errand.task AS t
    WHERE t.id = p_id AND (p_all OR t.owner_oid = p_caller);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Twice, as in _cancel().
    FOR v_look IN 1..2 LOOP
        DELETE FROM errand.ready AS r WHERE r.id = p_id
        RETURNING 'q', r.run, r.attempt, r.priority, r.failures INTO "from", run, attempt, priority, v_failures;
        EXIT WHEN FOUND;
        DELETE FROM errand.later AS l WHERE l.id = p_id
        RETURNING l.state, l.run, l.attempt, l.priority, l.failures, l.due_at, l.unmet
        INTO "from", run, attempt, priority, v_failures, v_due, v_unmet;
        EXIT WHEN FOUND;
    END LOOP;
    IF "from" IS NULL THEN
        RETURN;
    END IF;
    priority := coalesce(p_priority, priority);
    v_due := coalesce(p_run_at, v_due);
    place := nextval('errand.task_id');
    IF "from" = 'w' THEN
        -- The new time counts once nothing is unmet any more.
        "to" := 'w';
        INSERT INTO errand.later (id, due_at, attempt, role, priority, failures, run, state, queue, unmet)
        VALUES (p_id, 'infinity', attempt, role, priority, v_failures, run, 'w', queue, v_unmet);
    ELSIF v_due > p_now THEN
        "to" := CASE "from" WHEN 'r' THEN 'r' ELSE 's' END;
        INSERT INTO errand.later (id, due_at, attempt, role, priority, failures, run, state, queue)
        VALUES (p_id, v_due, attempt, role, priority, v_failures, run, "to", queue);
    ELSE
        "to" := 'q';
        INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
        VALUES (p_id, place, attempt, role, priority, v_failures, run, queue);
    END IF;
    UPDATE errand.task AS t SET priority = coalesce(p_priority, t.priority), run_at = coalesce(p_run_at, t.run_at)
    WHERE t.id = p_id;
END $$;

-- Function:   _queue_define(...)
-- Tables:     writes queue; what is NULL keeps its value, -1 and '' take a limit away
CREATE FUNCTION errand._queue_define(p_name text, p_max_running integer, p_rate_limit text, p_max_depth bigint, p_description text)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.queue (name, max_running, rate_limit, max_depth, description)
    VALUES (p_name, nullif(p_max_running, -1), nullif(p_rate_limit, ''), nullif(p_max_depth, -1), nullif(p_description, ''))
    ON CONFLICT (name) DO UPDATE SET
        max_running = nullif(coalesce(p_max_running, errand.queue.max_running), -1),
        rate_limit = nullif(coalesce(p_rate_limit, errand.queue.rate_limit), ''),
        max_depth = nullif(coalesce(p_max_depth, errand.queue.max_depth), -1),
        description = nullif(coalesce(p_description, errand.queue.description), '');
END $$;

-- Function:   _queue_exists(name)
-- Returns:    whether there is such a queue: defined, or with tasks in it
-- Tables:     reads queue
CREATE FUNCTION errand._queue_exists(p_name text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN p_name = 'default' OR EXISTS (SELECT FROM errand.queue AS q WHERE q.name = p_name)
        OR EXISTS (SELECT FROM errand._counters('q') AS c WHERE c.name = p_name);
END $$;

-- Function:   _queue_set(name, paused, draining)
-- Returns:    whether there is such a queue: defined, or with tasks in it
-- Tables:     writes queue; what is NULL keeps its value
CREATE FUNCTION errand._queue_set(p_name text, p_paused boolean, p_draining boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE errand.queue AS q SET paused = coalesce(p_paused, q.paused), draining = coalesce(p_draining, q.draining)
    WHERE q.name = p_name;
    IF FOUND THEN
        RETURN true;
    END IF;
    IF NOT errand._queue_exists(p_name) THEN
        RETURN false;
    END IF;
    INSERT INTO errand.queue (name, paused, draining)
    VALUES (p_name, coalesce(p_paused, false), coalesce(p_draining, false))
    ON CONFLICT (name) DO UPDATE SET paused = coalesce(p_paused, errand.queue.paused),
        draining = coalesce(p_draining, errand.queue.draining);
    RETURN true;
END $$;

-- Function:   _queue_draining(name)
-- Tables:     reads queue
CREATE FUNCTION errand._queue_draining(p_name text)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM errand.queue AS q WHERE q.name = p_name AND q.draining);
END $$;

-- Function:   _pause(paused)
-- Resuming also takes a copy for its own: the other's row goes, its secret
-- stays, and owners are found again by their names.
-- Returns:    how many tasks belong to roles that do not exist here
-- Tables:     writes instance, task
CREATE FUNCTION errand._pause(p_paused boolean)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_cluster bigint;
    v_database oid;
    v_secret uuid;
    v_lost bigint := 0;
BEGIN
    SELECT c.system_identifier INTO v_cluster FROM pg_control_system() AS c;
    SELECT d.oid INTO v_database FROM pg_database AS d WHERE d.datname = current_database();
    IF NOT p_paused AND errand._subscribed() THEN
        RAISE EXCEPTION 'the tasks here are another database''s: they come by a subscription'
            USING ERRCODE = '55000', HINT = 'Drop the subscription first, if they shall run here.';
    END IF;
    IF NOT p_paused AND (SELECT x.copied FROM errand._instance() AS x) THEN
        -- a subscription brought rows, and no numbers of sequences
        PERFORM setval('errand.task_id', greatest((SELECT s.last_value FROM errand.task_id AS s), (SELECT max(t.id) FROM errand.task AS t),
            (SELECT max(r.place) FROM errand.ready AS r)));
        PERFORM setval('errand.task_group_id', greatest((SELECT s.last_value FROM errand.task_group_id AS s),
            (SELECT max(g.id) FROM errand.task_group AS g)));
        UPDATE errand.task AS t SET owner_oid = r.oid, role = CASE t.role WHEN 0 THEN 0 ELSE r.oid END FROM pg_roles AS r
        WHERE r.rolname = t.owner AND r.oid <> t.owner_oid;
        UPDATE errand.ready AS x SET role = t.role FROM errand.task AS t WHERE t.id = x.id AND x.role <> t.role;
        UPDATE errand.later AS x SET role = t.role FROM errand.task AS t WHERE t.id = x.id AND x.role <> t.role;
        UPDATE errand.suspect AS x SET role = t.role FROM errand.task AS t WHERE t.id = x.id AND x.role <> t.role;
        SELECT count(*) INTO v_lost FROM errand.task AS t
        WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = t.owner);
        PERFORM errand._specs_remap();
        SELECT x.secret INTO v_secret FROM errand._instance() AS x;
        DELETE FROM errand.instance;
        INSERT INTO errand.instance (system_identifier, database_oid, secret, created_at)
        VALUES (v_cluster, v_database, v_secret, now());
    END IF;
    UPDATE errand.instance AS i SET paused = p_paused
    WHERE i.system_identifier = v_cluster AND i.database_oid = v_database;
    RETURN v_lost;
END $$;

-- Function:   _host_define(...)
-- Tables:     writes host; redefining replaces, but with keep what is NULL stays, and -1 and '' take it away
CREATE FUNCTION errand._host_define(p_name text, p_max_running integer, p_rate_limit text, p_proxy text, p_keep boolean)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO errand.host AS h VALUES (p_name, nullif(p_max_running, -1), nullif(p_rate_limit, ''), nullif(p_proxy, ''))
    ON CONFLICT (name) DO UPDATE SET
        max_running = CASE WHEN p_keep AND p_max_running IS NULL THEN h.max_running ELSE excluded.max_running END,
        rate_limit = CASE WHEN p_keep AND p_rate_limit IS NULL THEN h.rate_limit ELSE excluded.rate_limit END,
        proxy = CASE WHEN p_keep AND p_proxy IS NULL THEN h.proxy ELSE excluded.proxy END;
END $$;

-- Function:   _host_drop(name)
-- Returns:    whether there was one
-- Tables:     deletes from host
CREATE FUNCTION errand._host_drop(p_name text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.host AS h WHERE h.name = p_name;
    RETURN FOUND;
END $$;

-- Function:   _type_define(...)
-- Tables:     writes task_type; redefining replaces
CREATE FUNCTION errand._type_define(
    p_name text, p_kind text, p_handler text, p_template jsonb, p_queue text, p_priority integer, p_max_attempts integer,
    p_backoff text, p_backoff_base interval, p_backoff_factor numeric, p_backoff_max interval, p_timeout interval,
    p_rate_limit text, p_max_running integer, p_cache_ttl interval, p_unique_key text, p_log_execution boolean,
    p_measure_performance boolean, p_description text, p_on_success jsonb, p_on_failure jsonb)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    BEGIN
        PERFORM p_unique_key::jsonpath;
    EXCEPTION WHEN syntax_error OR data_exception THEN
        RAISE EXCEPTION 'unique_key is not valid: %', SQLERRM
            USING ERRCODE = '22023', HINT = 'It is a jsonpath into the payload, such as $.user_id.';
    END;
    INSERT INTO errand.task_type VALUES (p_name, p_kind, p_handler, p_template, p_queue, p_priority, p_max_attempts,
        p_backoff, p_backoff_base, p_backoff_factor, p_backoff_max, p_timeout, p_rate_limit, p_max_running, p_cache_ttl,
        p_unique_key, coalesce(p_log_execution, false), coalesce(p_measure_performance, true), p_description,
        p_on_success, p_on_failure)
    ON CONFLICT (name) DO UPDATE SET (kind, handler, template, queue, priority, max_attempts, backoff, backoff_base,
        backoff_factor, backoff_max, timeout, rate_limit, max_running, cache_ttl, unique_key, log_execution,
        measure_performance, description, on_success, on_failure) = (excluded.kind, excluded.handler, excluded.template, excluded.queue,
        excluded.priority, excluded.max_attempts, excluded.backoff, excluded.backoff_base, excluded.backoff_factor,
        excluded.backoff_max, excluded.timeout, excluded.rate_limit, excluded.max_running, excluded.cache_ttl,
        excluded.unique_key, excluded.log_execution, excluded.measure_performance, excluded.description, excluded.on_success,
        excluded.on_failure);
END $$;

-- Function:   _type_drop(name)
-- Returns:    whether there was one
-- Tables:     deletes from task_type
CREATE FUNCTION errand._type_drop(p_name text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM errand.task_type AS t WHERE t.name = p_name;
    RETURN FOUND;
END $$;

-- Function:   _parent_results(id)
-- Returns:    the results of the tasks that this one waited for, by their ids
-- Tables:     reads edge, outcome
CREATE FUNCTION errand._parent_results(p_id bigint)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(e.parent_id, CASE WHEN o.state <> 'S' THEN NULL WHEN t.kind <> 'http' THEN o.result
            ELSE errand._http_result(o.status_code, o.content_type, o.head, o.body) END), '{}')
        FROM errand.edge AS e JOIN errand.outcome AS o ON o.id = e.parent_id JOIN errand.task AS t ON t.id = o.id
        WHERE e.task_id = p_id);
END $$;
