-- Submitting.  Called by extension/submit.c only, as the extension's owner,
-- with everything checked and every default filled in.

-- Function:   _type(name)
-- Returns:    the task type's row without its NULLs, or NULL
-- Tables:     reads task_type
CREATE FUNCTION errand._type(p_name text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT jsonb_strip_nulls(to_jsonb(t)) FROM errand.task_type AS t WHERE t.name = p_name);
END $$;

-- Function:   _unique_key(type, path, payload)
-- Returns:    the key that the path finds in the payload, with the type before it; NULL if it finds nothing
CREATE FUNCTION errand._unique_key(p_type text, p_path text, p_payload jsonb)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_key text := p_type || ':' || (jsonb_path_query_first(p_payload, p_path::jsonpath, '{}', true) #>> '{}');
BEGIN
    -- A key also travels as a header.
    RETURN CASE WHEN octet_length(v_key) > 255 OR v_key ~ '[[:cntrl:]]' THEN md5(v_key) ELSE v_key END;
END $$;

-- Function:   _merge(template, payload)
-- Returns:    the payload over the template; headers and params key by key;
--             a body in the payload replaces the template's, whatever its form
CREATE FUNCTION errand._merge(p_template jsonb, p_payload jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_bodies CONSTANT text[] := ARRAY['body', 'json', 'body_base64', 'form'];
    v_merged jsonb := p_template || p_payload;
    v_key text;
BEGIN
    IF p_payload ?| c_bodies AND NOT (p_payload ? 'form' AND p_template ? 'form') THEN
        v_merged := (p_template - c_bodies) || p_payload;
    END IF;
    FOREACH v_key IN ARRAY ARRAY['headers', 'params', 'form', 'cookies'] LOOP
        IF jsonb_typeof(p_template -> v_key) = 'object' AND jsonb_typeof(p_payload -> v_key) = 'object' THEN
            v_merged := jsonb_set(v_merged, ARRAY[v_key], (p_template -> v_key) || (p_payload -> v_key));
        END IF;
    END LOOP;
    RETURN v_merged;
END $$;

-- Function:   _key_take(owner, queue, key, id)
-- Returns:    the id that holds the key: p_id itself, or an earlier task's
-- Tables:     writes task_key
-- The holder may settle between our two looks: then we try again.
CREATE FUNCTION errand._key_take(p_owner oid, p_queue text, p_key text, p_id bigint)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_holder bigint;
BEGIN
    LOOP
        INSERT INTO errand.task_key (owner_oid, queue, key, id)
        VALUES (p_owner, p_queue, p_key, p_id)
        ON CONFLICT (owner_oid, queue, key) DO NOTHING;
        IF FOUND THEN
            RETURN p_id;
        END IF;
        SELECT k.id INTO v_holder FROM errand.task_key AS k
        WHERE k.owner_oid = p_owner AND k.queue = p_queue AND k.key = p_key;
        IF FOUND THEN
            RETURN v_holder;
        END IF;
    END LOOP;
END $$;

-- Function:   _queue_check(queue, depth, adding)
-- Raises:     55000 while the queue drains, 53400 when it is full
-- Tables:     reads queue
CREATE FUNCTION errand._queue_check(p_queue text, p_depth bigint, p_adding bigint)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_queue errand.queue;
BEGIN
    SELECT q.* INTO v_queue FROM errand.queue AS q WHERE q.name = p_queue;
    IF v_queue.draining THEN
        RAISE EXCEPTION 'queue "%" is draining', p_queue
            USING ERRCODE = '55000', HINT = 'Submit again after errand.resume_queue(' || quote_literal(p_queue) || ').';
    ELSIF p_depth + p_adding > v_queue.max_depth THEN
        RAISE EXCEPTION 'queue "%" is full', p_queue
            USING ERRCODE = '53400', DETAIL = format('%s tasks wait, the limit is %s.', p_depth, v_queue.max_depth),
            HINT = 'Submit later, or raise max_depth with errand.define_queue().';
    END IF;
END $$;

-- Function:   _role_depth(owner)
-- Returns:    how many tasks of the role wait, for errand.role_quota
-- Tables:     reads task, ready, later, suspect
CREATE FUNCTION errand._role_depth(p_owner oid)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT count(*) FROM (SELECT r.id FROM errand.ready AS r UNION ALL SELECT l.id FROM errand.later AS l
                                  UNION ALL SELECT s.id FROM errand.suspect AS s) AS w
            JOIN errand.task AS t ON t.id = w.id WHERE t.owner_oid = p_owner);
END $$;

-- Function:   _submit(...)
-- Returns:    the id of the new task; minus the id of the task that holds the key already
-- Tables:     writes task, and ready, later or outcome; task_key, deadline, edge, dependency, group_delta
CREATE FUNCTION errand._submit(
    p_owner_oid oid, p_owner text, p_type text, p_kind text, p_queue text, p_priority smallint,
    p_run_at timestamptz, p_max_attempts smallint, p_timeout_ms integer, p_backoff smallint,
    p_base_ms bigint, p_factor real, p_max_ms bigint, p_deadline timestamptz, p_key text,
    p_tags text[], p_at_most_once boolean, p_notify text, p_traceparent text, p_on_success jsonb, p_on_failure jsonb,
    p_after bigint[], p_after_done boolean, p_unmet bigint[], p_spoilt bigint, p_task_group bigint, p_payload jsonb,
    p_now timestamptz, p_role oid DEFAULT 0)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id bigint := nextval('errand.task_id');
    v_holder bigint;
BEGIN
    IF p_key IS NOT NULL THEN
        v_holder := errand._key_take(p_owner_oid, p_queue, p_key, v_id);
        IF v_holder <> v_id THEN
            RETURN - v_holder;
        END IF;
    END IF;
    INSERT INTO errand.task (id, submitted_at, run_at, deadline, owner_oid, role, timeout_ms, backoff_base_ms,
        backoff_max_ms, backoff_factor, priority, max_attempts, backoff, at_most_once, owner, kind, type,
        queue, key, notify, traceparent, task_group, tags, on_success, on_failure, payload, after_done)
    VALUES (v_id, p_now, p_run_at, p_deadline, p_owner_oid, p_role, p_timeout_ms, p_base_ms, p_max_ms, p_factor,
        p_priority, p_max_attempts, p_backoff, p_at_most_once, p_owner, p_kind, p_type, p_queue, p_key,
        p_notify, p_traceparent, p_task_group, p_tags, p_on_success, p_on_failure, p_payload, p_after_done);
    IF p_after IS NOT NULL THEN
        PERFORM errand._depend(ARRAY[v_id], p_after, p_unmet, p_spoilt, p_now);
    END IF;
    IF p_task_group IS NOT NULL THEN
        PERFORM errand._group_add(p_task_group, 1, p_spoilt IS NOT NULL);
    END IF;
    IF p_spoilt IS NOT NULL THEN
        RETURN v_id;
    ELSIF p_unmet IS NOT NULL THEN
        INSERT INTO errand.later (id, due_at, attempt, role, priority, failures, run, state, queue, unmet)
        VALUES (v_id, 'infinity', 0, p_role, p_priority, 0, 1, 'w', p_queue, cardinality(p_unmet));
    ELSIF p_run_at > p_now THEN
        INSERT INTO errand.later (id, due_at, attempt, role, priority, failures, run, state, queue)
        VALUES (v_id, p_run_at, 0, p_role, p_priority, 0, 1, 's', p_queue);
    ELSE
        INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
        VALUES (v_id, v_id, 0, p_role, p_priority, 0, 1, p_queue);
    END IF;
    IF p_deadline IS NOT NULL THEN
        INSERT INTO errand.deadline (at, id) VALUES (p_deadline, v_id);
    END IF;
    RETURN v_id;
END $$;

-- Function:   _submit_many(...)
-- Returns:    the ids, in the order of the payloads; no keys here
-- Tables:     writes task, and ready, later or outcome; deadline, edge, dependency, group_delta
CREATE FUNCTION errand._submit_many(
    p_owner_oid oid, p_owner text, p_type text, p_kind text, p_queue text, p_priority smallint,
    p_run_at timestamptz, p_max_attempts smallint, p_timeout_ms integer, p_backoff smallint,
    p_base_ms bigint, p_factor real, p_max_ms bigint, p_deadline timestamptz,
    p_tags text[], p_at_most_once boolean, p_notify text, p_traceparent text, p_on_success jsonb, p_on_failure jsonb,
    p_after bigint[], p_after_done boolean, p_unmet bigint[], p_spoilt bigint, p_task_group bigint, p_payloads jsonb[],
    p_now timestamptz, p_role oid DEFAULT 0)
RETURNS bigint[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ids bigint[];
BEGIN
    v_ids := ARRAY(SELECT nextval('errand.task_id') FROM generate_series(1, cardinality(p_payloads)));
    INSERT INTO errand.task (id, submitted_at, run_at, deadline, owner_oid, role, timeout_ms, backoff_base_ms,
        backoff_max_ms, backoff_factor, priority, max_attempts, backoff, at_most_once, owner, kind, type,
        queue, notify, traceparent, task_group, tags, on_success, on_failure, payload, after_done)
    SELECT u.id, p_now, p_run_at, p_deadline, p_owner_oid, p_role, p_timeout_ms, p_base_ms, p_max_ms, p_factor,
        p_priority, p_max_attempts, p_backoff, p_at_most_once, p_owner, p_kind, p_type, p_queue,
        p_notify, p_traceparent, p_task_group, p_tags, p_on_success, p_on_failure, u.payload, p_after_done
    FROM unnest(v_ids, p_payloads) AS u (id, payload);
    IF p_after IS NOT NULL THEN
        PERFORM errand._depend(v_ids, p_after, p_unmet, p_spoilt, p_now);
    END IF;
    IF p_task_group IS NOT NULL THEN
        PERFORM errand._group_add(p_task_group, cardinality(v_ids), p_spoilt IS NOT NULL);
    END IF;
    IF p_spoilt IS NOT NULL THEN
        RETURN v_ids;
    ELSIF p_unmet IS NOT NULL THEN
        INSERT INTO errand.later (id, due_at, attempt, role, priority, failures, run, state, queue, unmet)
        SELECT u.id, 'infinity', 0, p_role, p_priority, 0, 1, 'w', p_queue, cardinality(p_unmet) FROM unnest(v_ids) AS u (id);
    ELSIF p_run_at > p_now THEN
        INSERT INTO errand.later (id, due_at, attempt, role, priority, failures, run, state, queue)
        SELECT u.id, p_run_at, 0, p_role, p_priority, 0, 1, 's', p_queue FROM unnest(v_ids) AS u (id);
    ELSE
        INSERT INTO errand.ready (id, place, attempt, role, priority, failures, run, queue)
        SELECT u.id, u.id, 0, p_role, p_priority, 0, 1, p_queue FROM unnest(v_ids) AS u (id);
    END IF;
    IF p_deadline IS NOT NULL THEN
        INSERT INTO errand.deadline (at, id) SELECT p_deadline, u.id FROM unnest(v_ids) AS u (id);
    END IF;
    RETURN v_ids;
END $$;
