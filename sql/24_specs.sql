-- Specs: checked and resolved tasks that are submitted later, from inside the
-- engine.  Made by extension/spec.c, as JSON with the columns of a task
-- (owner_oid, owner, type, kind, queue, priority, run_at, max_attempts,
-- timeout_ms, backoff, base_ms, factor, max_ms, deadline_ms, key, tags,
-- at_most_once, notify, traceparent, on_success, on_failure, payload), and
-- fill: what _spec_fill() puts into the payload.

-- Follow-ups that were due, one row a run of the parent; child is NULL as long
-- as its key waits in the outbox, and if error says why there is none.
CREATE TABLE errand.follow_up (
    parent bigint      NOT NULL,
    run    smallint    NOT NULL,
    child  bigint,
    at     timestamptz NOT NULL,
    error  text,
    PRIMARY KEY (parent, run)
);

-- Keyed specs: who submits one may wait for the key of a client's open
-- transaction, which a settle must never do.  The leader submits each in a
-- transaction of its own.
CREATE TABLE errand.outbox (
    id       bigint      NOT NULL DEFAULT nextval('errand.task_id'),
    at       timestamptz NOT NULL,
    parent   bigint,
    run      smallint,
    due_at   timestamptz,
    schedule text COLLATE "C",
    spec     jsonb       NOT NULL,
    PRIMARY KEY (id)
);
SELECT pg_catalog.pg_extension_config_dump('errand.follow_up', '');
SELECT pg_catalog.pg_extension_config_dump('errand.outbox', '');

-- What became of a spec: the task that is there now, state is NULL if it was
-- there before (its key was held); boxed: it waits in the outbox; or the
-- problem for which it was not submitted.
CREATE TYPE errand._spec_result AS (id bigint, queue text, type text, priority smallint, state "char", at timestamptz,
    deadline timestamptz, notify text, boxed boolean, problem text, role oid, owner_oid oid, kind "char");

-- Function:   _spec_problem(spec)
-- Returns:    why the spec cannot be submitted any more, or NULL
-- Tables:     reads task_types
CREATE FUNCTION errand._spec_problem(p_spec jsonb)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM pg_roles AS r WHERE r.oid = (p_spec ->> 'owner_oid')::oid AND r.rolname = p_spec ->> 'owner';
    IF NOT FOUND THEN
        RETURN format('role changed: the role "%s" was dropped or renamed', p_spec ->> 'owner');
    END IF;
    PERFORM FROM errand.task_types AS t WHERE t.name = p_spec ->> 'type' AND t.kind = p_spec ->> 'kind';
    IF NOT FOUND THEN
        RETURN format('the task type "%s" was dropped or changed', p_spec ->> 'type');
    END IF;
    RETURN NULL;
END $$;

-- Function:   _submit_spec(spec, now)
-- A spec with a key may wait for a client: only in a transaction of its own.
-- Tables:     as _submit()
CREATE FUNCTION errand._submit_spec(p_spec jsonb, p_now timestamptz)
RETURNS errand._spec_result
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v errand._spec_result;
    v_run_at timestamptz := (p_spec ->> 'run_at')::timestamptz;
BEGIN
    v.queue := p_spec ->> 'queue';
    v.type := p_spec ->> 'type';
    v.priority := (p_spec ->> 'priority')::smallint;
    v.notify := p_spec ->> 'notify';
    v.deadline := p_now + (p_spec ->> 'deadline_ms')::bigint * interval '1 ms';
    v.boxed := false;
    v.owner_oid := (p_spec ->> 'owner_oid')::oid;
    v.kind := (p_spec ->> 'kind')::"char";
    v.role := CASE p_spec ->> 'kind' WHEN 'sql' THEN v.owner_oid ELSE 0 END;
    v.id := errand._submit(
        p_owner_oid => v.owner_oid, p_owner => p_spec ->> 'owner', p_type => v.type,
        p_kind => p_spec ->> 'kind', p_queue => v.queue, p_priority => v.priority, p_run_at => v_run_at,
        p_max_attempts => (p_spec ->> 'max_attempts')::smallint, p_timeout_ms => (p_spec ->> 'timeout_ms')::integer,
        p_backoff => (p_spec ->> 'backoff')::smallint, p_base_ms => (p_spec ->> 'base_ms')::bigint,
        p_factor => (p_spec ->> 'factor')::real, p_max_ms => (p_spec ->> 'max_ms')::bigint, p_deadline => v.deadline,
        p_key => p_spec ->> 'key',
        p_tags => CASE WHEN p_spec ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(p_spec -> 'tags')) END,
        p_at_most_once => (p_spec ->> 'at_most_once')::boolean, p_notify => v.notify,
        p_traceparent => p_spec ->> 'traceparent', p_on_success => p_spec -> 'on_success',
        p_on_failure => p_spec -> 'on_failure', p_after => NULL, p_after_done => NULL, p_unmet => NULL, p_spoilt => NULL,
        p_task_group => NULL, p_payload => p_spec -> 'payload', p_now => p_now,
        p_role => v.role);
    IF v.id < 0 THEN
        v.id := - v.id;
    ELSIF v_run_at > p_now THEN
        v.state := 's';
        v.at := v_run_at;
    ELSE
        v.state := 'q';
        v.at := p_now;
    END IF;
    RETURN v;
END $$;

-- Function:   _spec_text(context)
-- Returns:    a line that tells what became of a task, and its link
CREATE FUNCTION errand._spec_text(p_context jsonb)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN format('Task %s (%s) %s', p_context ->> 'task', p_context ->> 'type',
            CASE p_context ->> 'state' WHEN 'unknown' THEN 'has an unknown outcome' ELSE p_context ->> 'state' END)
        || coalesce(': ' || left(p_context ->> 'error', 1000), '')
        || coalesce(E'\n' || rtrim(nullif(current_setting('errand.public_url', true), ''), '/') || '/#/tasks/' || (p_context ->> 'task'), '');
END $$;

-- Function:   _spec_fill(spec, context)
-- Puts into a follow-up's payload what its form promises of the parent.  Texts
-- of the remote side stand there: Slack's control characters are escaped.
-- Returns:    the spec, ready to be submitted
CREATE FUNCTION errand._spec_fill(p_spec jsonb, p_context jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_text text := errand._spec_text(p_context);
    v_more jsonb;
BEGIN
    CASE p_spec ->> 'fill'
        WHEN 'slack' THEN
            v_more := jsonb_build_object('json', jsonb_build_object('text',
                replace(replace(replace(v_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')));
        WHEN 'email' THEN
            v_more := jsonb_build_object('subject', regexp_replace(format('Task %s (%s) %s', p_context ->> 'task',
                p_context ->> 'type', p_context ->> 'state'), '[[:cntrl:]]', ' ', 'g'), 'body', v_text);
        WHEN 'call' THEN
            v_more := jsonb_build_object('args', p_context);
        ELSE
            RETURN p_spec;
    END CASE;
    RETURN jsonb_set(p_spec, '{payload}', (p_spec -> 'payload') || v_more);
END $$;

-- Function:   _transient(sqlstate)
-- Returns:    whether an error passes with time, so that all is done again:
--             conflicts, resources, the system, an administrator's hand
CREATE FUNCTION errand._transient(p_sqlstate text)
RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN left(p_sqlstate, 2) IN ('08', '25', '40', '53', '55', '57', '58');
END $$;

-- Function:   _follow_up_spec(spec, context, now, parent, run)
-- Submits a follow-up for whatever has ended: the context says what, in the
-- words of _spec_text() (task, type, state, error) and what else its args shall
-- hold.  One with a key goes to the outbox, with parent and run for its record.
-- It never fails for reasons of the spec: then the result has a problem.
-- Tables:     as _submit(), or writes outbox
CREATE FUNCTION errand._follow_up_spec(p_spec jsonb, p_context jsonb, p_now timestamptz, p_parent bigint DEFAULT NULL,
    p_run smallint DEFAULT NULL)
RETURNS errand._spec_result
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v errand._spec_result;
    v_spec jsonb;
    v_sqlstate text;
BEGIN
    v_spec := errand._spec_fill(p_spec, p_context);
    v.problem := errand._spec_problem(v_spec);
    IF v.problem IS NULL AND v_spec ? 'key' THEN
        INSERT INTO errand.outbox (at, parent, run, spec) VALUES (p_now, p_parent, p_run, v_spec);
        v.boxed := true;
    ELSIF v.problem IS NULL THEN
        v := errand._submit_spec(v_spec, p_now);
    END IF;
    RETURN v;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE;
    IF errand._transient(v_sqlstate) THEN
        RAISE;
    END IF;
    v := NULL;
    v.problem := SQLERRM;
    RETURN v;
END $$;

-- Function:   _follow_up(ids, now)
-- Submits what follows the tasks of these ids that are final now, in the
-- transaction that records so.  Cancelled ones have no follow-up.
-- Returns:    a row for each follow-up
-- Tables:     reads task, outcome; writes follow_up; as _follow_up_spec()
CREATE FUNCTION errand._follow_up(p_ids bigint[], p_now timestamptz)
RETURNS SETOF errand._spec_result
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t record;
    v errand._spec_result;
BEGIN
    FOR t IN
        SELECT k.id, k.type, k.queue, k.kind, k.owner_oid, k.owner, o.run, o.attempt, o.state, o.error, o.sqlstate,
            o.status_code, o.content_type, o.head, o.body, o.result,
            CASE o.state WHEN 'S' THEN k.on_success ELSE k.on_failure END AS spec
        FROM errand.task AS k JOIN errand.outcome AS o ON o.id = k.id
        WHERE k.id = ANY (p_ids) AND o.state IN ('S', 'F', 'U')
          AND CASE o.state WHEN 'S' THEN k.on_success ELSE k.on_failure END IS NOT NULL
        ORDER BY k.id
    LOOP
        v := errand._follow_up_spec(
            t.spec || jsonb_build_object('owner_oid', t.owner_oid::bigint, 'owner', t.owner),
            jsonb_build_object('task', t.id, 'type', t.type, 'queue', t.queue, 'attempt', t.attempt,
                'state', CASE t.state WHEN 'S' THEN 'succeeded' WHEN 'F' THEN 'failed' ELSE 'unknown' END)
            || CASE WHEN t.state <> 'S' THEN jsonb_build_object('error', t.error, 'sqlstate', t.sqlstate)
                    WHEN t.spec ->> 'fill' IS DISTINCT FROM 'call' THEN '{}'
                    WHEN t.kind = 'http' THEN jsonb_build_object('result',
                        errand._http_result(t.status_code, t.content_type, t.head, t.body))
                    ELSE jsonb_build_object('result', t.result) END,
            p_now, t.id, t.run);
        IF v.problem IS NOT NULL THEN
            RAISE WARNING 'the follow-up of task % was not submitted: %', t.id, v.problem;
        END IF;
        INSERT INTO errand.follow_up (parent, run, child, at, error) VALUES (t.id, t.run, v.id, p_now, v.problem);
        RETURN NEXT v;
    END LOOP;
END $$;

-- Function:   _outbox_submit(after, now)
-- Submits the next spec of the outbox behind an id, in a transaction of its
-- own.  A key that a client's open transaction holds is waited for no longer
-- than lock_timeout, then blocked is true and the row stays.
-- Returns:    box is its id, NULL if there is none
-- Tables:     deletes from outbox, writes follow_up, schedule, schedule_run; as _submit()
CREATE FUNCTION errand._outbox_submit(p_after bigint, p_now timestamptz, OUT box bigint, OUT blocked boolean,
    OUT id bigint, OUT queue text, OUT type text, OUT priority smallint, OUT state "char", OUT at timestamptz,
    OUT deadline timestamptz, OUT notify text, OUT boxed boolean, OUT problem text, OUT role oid, OUT owner_oid oid,
    OUT kind "char")
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    b errand.outbox;
    v errand._spec_result;
    v_sqlstate text;
BEGIN
    PERFORM set_config('lock_timeout', '100ms', true);
    blocked := false;
    SELECT x.* INTO b FROM errand.outbox AS x WHERE x.id > p_after ORDER BY x.id LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    box := b.id;
    BEGIN
        v.problem := errand._spec_problem(b.spec);
        IF v.problem IS NULL THEN
            v := errand._submit_spec(b.spec, p_now);
        END IF;
        UPDATE errand.schedule_run AS r SET task = v.id WHERE r.schedule = b.schedule AND r.due_at = b.due_at;
        UPDATE errand.schedule AS s SET last_task = v.id, skip_reason = v.problem
        WHERE s.name = b.schedule AND s.owner_oid = (b.spec ->> 'owner_oid')::oid;
    EXCEPTION WHEN lock_not_available THEN
        blocked := true;
        RETURN;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE;
        IF errand._transient(v_sqlstate) THEN
            RAISE;
        END IF;
        v := NULL;
        v.problem := SQLERRM;
    END;
    UPDATE errand.follow_up AS f SET child = v.id, error = v.problem WHERE f.parent = b.parent AND f.run = b.run;
    DELETE FROM errand.outbox AS x WHERE x.id = b.id;
    IF v.problem IS NOT NULL THEN
        RAISE WARNING 'a task with the key "%" was not submitted: %', b.spec ->> 'key', v.problem;
    END IF;
    id := v.id;
    queue := v.queue;
    type := v.type;
    priority := v.priority;
    state := v.state;
    at := v.at;
    deadline := v.deadline;
    notify := v.notify;
    role := v.role;
    owner_oid := v.owner_oid;
    kind := v.kind;
    boxed := false;
    problem := v.problem;
END $$;

-- Function:   _specs_remap()
-- In a restored copy roles have other oids: owners are found again by their names.
-- Tables:     updates outbox, schedule
CREATE FUNCTION errand._specs_remap()
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE errand.outbox AS b SET spec = b.spec || jsonb_build_object('owner_oid', r.oid::bigint) FROM pg_roles AS r
    WHERE r.rolname = b.spec ->> 'owner' AND r.oid <> (b.spec ->> 'owner_oid')::oid;
    UPDATE errand.schedule AS s SET owner_oid = r.oid FROM pg_roles AS r
    WHERE r.rolname = s.owner AND r.oid <> s.owner_oid;
END $$;
