-- The functions users call.  Those that submit or steer are C, so that the
-- caller is the role in force and nothing else; those that read are SQL over
-- the views, so that the rights are the views'.

CREATE FUNCTION errand.submit(
    task text, payload jsonb DEFAULT '{}', queue text DEFAULT NULL, priority integer DEFAULT NULL,
    run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL, backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL, timeout interval DEFAULT NULL, deadline interval DEFAULT NULL,
    key text DEFAULT NULL, tags text[] DEFAULT NULL, delivery text DEFAULT NULL, notify text DEFAULT NULL,
    traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_submit';

CREATE FUNCTION errand.submit_many(
    task text, payloads jsonb[], queue text DEFAULT NULL, priority integer DEFAULT NULL,
    run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL, backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL, timeout interval DEFAULT NULL, deadline interval DEFAULT NULL,
    tags text[] DEFAULT NULL, delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL)
RETURNS SETOF bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_submit_many';

CREATE FUNCTION errand.submit_many(
    tasks jsonb)
RETURNS SETOF bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_submit_list';

CREATE FUNCTION errand.http(
    url text, method text DEFAULT 'GET', headers jsonb DEFAULT NULL, body text DEFAULT NULL,
    params jsonb DEFAULT NULL, queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL,
    max_attempts integer DEFAULT NULL, backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff_max interval DEFAULT NULL, timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL,
    tags text[] DEFAULT NULL, delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL,
    body_bytes bytea DEFAULT NULL, form jsonb DEFAULT NULL, auth jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL,
    follow_redirects integer DEFAULT NULL, max_body_bytes integer DEFAULT NULL, connect_timeout interval DEFAULT NULL, success_codes int4range DEFAULT NULL,
    store text DEFAULT NULL, timeout_milliseconds integer DEFAULT NULL, cache_ttl interval DEFAULT NULL,
    paginate jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_http';

CREATE FUNCTION errand.http_get(
    url text, params jsonb DEFAULT NULL, headers jsonb DEFAULT NULL, queue text DEFAULT NULL,
    priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL, backoff text DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL, timeout interval DEFAULT NULL,
    deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL, delivery text DEFAULT NULL,
    notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL, body_bytes bytea DEFAULT NULL, form jsonb DEFAULT NULL,
    auth jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL, follow_redirects integer DEFAULT NULL, max_body_bytes integer DEFAULT NULL,
    connect_timeout interval DEFAULT NULL, success_codes int4range DEFAULT NULL, store text DEFAULT NULL, timeout_milliseconds integer DEFAULT NULL,
    cache_ttl interval DEFAULT NULL, paginate jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_http_get';

CREATE FUNCTION errand.http_head(
    url text, params jsonb DEFAULT NULL, headers jsonb DEFAULT NULL, queue text DEFAULT NULL,
    priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL, backoff text DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL, timeout interval DEFAULT NULL,
    deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL, delivery text DEFAULT NULL,
    notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL, body_bytes bytea DEFAULT NULL, form jsonb DEFAULT NULL,
    auth jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL, follow_redirects integer DEFAULT NULL, max_body_bytes integer DEFAULT NULL,
    connect_timeout interval DEFAULT NULL, success_codes int4range DEFAULT NULL, store text DEFAULT NULL, timeout_milliseconds integer DEFAULT NULL,
    cache_ttl interval DEFAULT NULL, paginate jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_http_head';

CREATE FUNCTION errand.http_delete(
    url text, params jsonb DEFAULT NULL, headers jsonb DEFAULT NULL, body jsonb DEFAULT NULL,
    queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL, body_bytes bytea DEFAULT NULL,
    form jsonb DEFAULT NULL, auth jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL, follow_redirects integer DEFAULT NULL,
    max_body_bytes integer DEFAULT NULL, connect_timeout interval DEFAULT NULL, success_codes int4range DEFAULT NULL, store text DEFAULT NULL,
    timeout_milliseconds integer DEFAULT NULL, cache_ttl interval DEFAULT NULL, paginate jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_http_delete';

CREATE FUNCTION errand.http_post(
    url text, body jsonb DEFAULT NULL, params jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
    queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL, body_bytes bytea DEFAULT NULL,
    form jsonb DEFAULT NULL, auth jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL, follow_redirects integer DEFAULT NULL,
    max_body_bytes integer DEFAULT NULL, connect_timeout interval DEFAULT NULL, success_codes int4range DEFAULT NULL, store text DEFAULT NULL,
    timeout_milliseconds integer DEFAULT NULL, cache_ttl interval DEFAULT NULL, paginate jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_http_post';

CREATE FUNCTION errand.http_put(
    url text, body jsonb DEFAULT NULL, params jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
    queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL, body_bytes bytea DEFAULT NULL,
    form jsonb DEFAULT NULL, auth jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL, follow_redirects integer DEFAULT NULL,
    max_body_bytes integer DEFAULT NULL, connect_timeout interval DEFAULT NULL, success_codes int4range DEFAULT NULL, store text DEFAULT NULL,
    timeout_milliseconds integer DEFAULT NULL, cache_ttl interval DEFAULT NULL, paginate jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_http_put';

CREATE FUNCTION errand.http_patch(
    url text, body jsonb DEFAULT NULL, params jsonb DEFAULT NULL, headers jsonb DEFAULT NULL,
    queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL,
    backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL, body_bytes bytea DEFAULT NULL,
    form jsonb DEFAULT NULL, auth jsonb DEFAULT NULL, cookies jsonb DEFAULT NULL, follow_redirects integer DEFAULT NULL,
    max_body_bytes integer DEFAULT NULL, connect_timeout interval DEFAULT NULL, success_codes int4range DEFAULT NULL, store text DEFAULT NULL,
    timeout_milliseconds integer DEFAULT NULL, cache_ttl interval DEFAULT NULL, paginate jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_http_patch';

CREATE FUNCTION errand.call(
    function regprocedure, args jsonb DEFAULT '{}',
    queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL,
    backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL,
    on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_call_sql';

-- Inside a handler

CREATE FUNCTION errand.current_task() RETURNS bigint
LANGUAGE c STRICT STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_current_task_id';

CREATE FUNCTION errand.parent_results() RETURNS jsonb
LANGUAGE c STRICT STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_parent_results';

CREATE FUNCTION errand.set_progress(fraction double precision, message text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_set_progress';
CREATE FUNCTION errand.email(
    recipient text[], subject text, body text DEFAULT NULL, html text DEFAULT NULL,
    sender text DEFAULT NULL, attachments jsonb DEFAULT NULL, cc text[] DEFAULT NULL, bcc text[] DEFAULT NULL,
    reply_to text DEFAULT NULL, headers jsonb DEFAULT NULL,
    queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL, max_attempts integer DEFAULT NULL,
    backoff text DEFAULT NULL, backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    delivery text DEFAULT NULL, notify text DEFAULT NULL, traceparent text DEFAULT NULL, timeout_milliseconds integer DEFAULT NULL,
    on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL,
    after bigint[] DEFAULT NULL, after_policy text DEFAULT NULL, task_group bigint DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_email';

CREATE FUNCTION errand.define_task(
    name text, kind text, handler regprocedure DEFAULT NULL, template jsonb DEFAULT NULL, queue text DEFAULT NULL,
    priority integer DEFAULT NULL, max_attempts integer DEFAULT NULL, backoff text DEFAULT NULL,
    backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, rate_limit text DEFAULT NULL, max_running integer DEFAULT NULL,
    cache_ttl interval DEFAULT NULL, unique_key text DEFAULT NULL, log_execution boolean DEFAULT NULL,
    measure_performance boolean DEFAULT NULL, description text DEFAULT NULL, on_success jsonb DEFAULT NULL,
    on_failure jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_define_task';

CREATE FUNCTION errand.drop_task(name text) RETURNS void
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_drop_task';

-- Schedules

CREATE FUNCTION errand.schedule(
    name text, cron text, task text, payload jsonb DEFAULT '{}', timezone text DEFAULT 'UTC', overlap boolean DEFAULT false,
    queue text DEFAULT NULL, priority integer DEFAULT NULL, max_attempts integer DEFAULT NULL, backoff text DEFAULT NULL,
    backoff_base interval DEFAULT NULL, backoff_factor numeric DEFAULT NULL, backoff_max interval DEFAULT NULL,
    timeout interval DEFAULT NULL, deadline interval DEFAULT NULL, key text DEFAULT NULL, tags text[] DEFAULT NULL,
    delivery text DEFAULT NULL, notify text DEFAULT NULL, on_success jsonb DEFAULT NULL, on_failure jsonb DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_schedule';

CREATE FUNCTION errand.unschedule(name text) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_unschedule';

CREATE FUNCTION errand.pause_schedule(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_pause_schedule';

CREATE FUNCTION errand.resume_schedule(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_resume_schedule';

-- Steering

CREATE FUNCTION errand.cancel(id bigint, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_cancel';

CREATE FUNCTION errand.retry(id bigint) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_retry';

CREATE FUNCTION errand.reschedule(id bigint, run_at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_reschedule';

CREATE FUNCTION errand.reprioritize(id bigint, priority integer) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_reprioritize';

CREATE FUNCTION errand.define_host(host text, max_running integer DEFAULT NULL, rate_limit text DEFAULT NULL,
    proxy text DEFAULT NULL, keep boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_define_host';

CREATE FUNCTION errand.drop_host(host text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_drop_host';

CREATE FUNCTION errand.define_queue(name text, max_running integer DEFAULT NULL, rate_limit text DEFAULT NULL,
    max_depth bigint DEFAULT NULL, description text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_define_queue';

CREATE FUNCTION errand.pause_queue(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_pause_queue';

CREATE FUNCTION errand.resume_queue(name text) RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_resume_queue';

CREATE FUNCTION errand.drain_queue(name text, timeout interval DEFAULT NULL) RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_drain_queue';

CREATE FUNCTION errand.pause_all() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_pause_all';

CREATE FUNCTION errand.resume_all() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_resume_all';

CREATE FUNCTION errand.wake() RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_wake';

CREATE FUNCTION errand.worker_restart() RETURNS boolean
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_worker_restart';

CREATE FUNCTION errand.wait_until_running(timeout interval DEFAULT '30 s') RETURNS void
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_wait_until_running';

-- Waiting

CREATE FUNCTION errand.wait_for(id bigint, timeout interval DEFAULT '30 s') RETURNS jsonb
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_wait_for';

CREATE FUNCTION errand.gather(ids bigint[], return_exceptions boolean DEFAULT false, timeout interval DEFAULT NULL)
RETURNS TABLE (ord integer, id bigint, state text, result jsonb, error text)
LANGUAGE c VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_gather';

-- Looking

CREATE FUNCTION errand.version() RETURNS text
LANGUAGE c STRICT STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_version';

CREATE FUNCTION errand.health() RETURNS jsonb
LANGUAGE c STRICT VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_health';

CREATE FUNCTION errand.status(id bigint) RETURNS text
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT t.state FROM errand.tasks AS t WHERE t.id = status.id);
END $$;

-- Function:   _text(bytes)   bytes as text of this database, NULL if they are none
CREATE FUNCTION errand._text(p_bytes bytea) RETURNS text
LANGUAGE plpgsql STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN convert_from(p_bytes, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character OR data_exception THEN
    RETURN NULL;
END $$;

-- Function:   _json(text)   text as JSON, NULL if it is none
CREATE FUNCTION errand._json(p_text text) RETURNS jsonb
LANGUAGE plpgsql STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN p_text::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded OR statement_too_complex THEN
    RETURN NULL;
END $$;

-- Function:   _headers(head)
-- Returns:    header lines as an object of lower-case names; what came more
--             than once is an array, in order
CREATE FUNCTION errand._headers(p_head bytea) RETURNS jsonb
LANGUAGE plpgsql STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_object_agg(h.name, CASE WHEN cardinality(h.vals) = 1 THEN to_jsonb(h.vals[1]) ELSE to_jsonb(h.vals) END), '{}')
        FROM (SELECT lower(btrim(split_part(l.line, ':', 1), E' \t')) AS name,
                     array_agg(btrim(substr(l.line, strpos(l.line, ':') + 1), E' \t') ORDER BY l.n) AS vals
              FROM regexp_split_to_table(coalesce(errand._text(p_head), convert_from(p_head, 'LATIN1')), E'\r?\n')
                   WITH ORDINALITY AS l (line, n)
              WHERE strpos(l.line, ':') > 1
              GROUP BY 1) AS h);
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN '{}';
END $$;

-- Function:   _http_result(status, type, head, body)
-- Returns:    what result() shows of an HTTP answer: the body as JSON if it is
--             JSON, else as text, else in base64
CREATE FUNCTION errand._http_result(p_status integer, p_type text, p_head bytea, p_body bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_text text := errand._text(p_body);
    v_json jsonb;
    v_result jsonb := jsonb_build_object('status', p_status, 'headers', coalesce(errand._headers(p_head), '{}'));
BEGIN
    IF p_body IS NULL THEN
        RETURN v_result || '{"body": null}';
    ELSIF v_text IS NULL THEN
        RETURN v_result || jsonb_build_object('body', translate(encode(p_body, 'base64'), E'\n', ''), 'encoding', 'base64');
    END IF;
    IF p_type IS NULL OR p_type ~* 'json' OR v_text ~ '^\s*[\[{]' THEN
        v_json := errand._json(v_text);
    END IF;
    RETURN v_result || jsonb_build_object('body', coalesce(v_json, to_jsonb(v_text)));
END $$;

CREATE FUNCTION errand.result(id bigint) RETURNS jsonb
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v record;
BEGIN
    SELECT o.* INTO v FROM errand.outcomes AS o WHERE o.id = result.id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no task %', id
            USING ERRCODE = '42704', HINT = 'It was never submitted, was removed after errand.retention, or is not yours.';
    ELSIF v.state IS NULL THEN
        RAISE EXCEPTION 'task % is not final', id
            USING ERRCODE = '55000', DETAIL = format('It is %s.', errand.status(id)),
            HINT = format('Wait for it: SELECT errand.wait_for(%s).', id);
    ELSIF v.state <> 'succeeded' THEN
        RAISE EXCEPTION '%', coalesce(v.error, 'task ' || id || ' ' || v.state)
            USING ERRCODE = coalesce(v.sqlstate, '38000'), DETAIL = format('Task %s is %s.', id, v.state);
    ELSIF v.kind = 'http' THEN
        RETURN errand._http_result(v.status_code, v.content_type, v.head, v.body) || coalesce(v.result, '{}');
    END IF;
    RETURN v.result;
END $$;

CREATE TYPE errand.http_response AS (id bigint, status_code integer, content_type text, headers jsonb, content text,
    body bytea, timed_out boolean, error_msg text, created timestamptz, cached boolean);

CREATE FUNCTION errand.response(id bigint)
RETURNS SETOF errand.http_response
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT o.id, o.status_code, o.content_type, errand._headers(o.head), errand._text(o.body),
        CASE WHEN o.result ? 'chunks'
             THEN (SELECT coalesce(string_agg(c.data, ''::bytea ORDER BY c.n), '') FROM errand.body_chunks AS c WHERE c.id = $1)
             ELSE o.body END,
        coalesce(o.timed_out, false), o.error, o.finished_at, coalesce((o.result ->> 'cached')::boolean, false)
    FROM errand.outcomes AS o WHERE o.id = $1 AND o.kind = 'http' AND o.state IS NOT NULL;
END $$;

CREATE FUNCTION errand.chunks(id bigint)
RETURNS TABLE (n integer, data bytea)
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_state text := errand.status($1);
BEGIN
    IF v_state IS NULL THEN
        RAISE EXCEPTION 'there is no task %', $1
            USING ERRCODE = '42704', HINT = 'It was never submitted, was removed after errand.retention, or is not yours.';
    ELSIF v_state <> 'succeeded' THEN
        RAISE EXCEPTION 'task % has not succeeded', $1
            USING ERRCODE = '55000', DETAIL = format('It is %s.', v_state),
            HINT = format('SELECT errand.wait_for(%s) waits for it, and tells why it failed.', $1);
    END IF;
    RETURN QUERY SELECT c.n, c.data FROM errand.body_chunks AS c WHERE c.id = $1 ORDER BY c.n;
END $$;

CREATE TYPE errand.task_detail AS (id bigint, state text, task text, kind text, queue text, priority integer,
    attempt integer, max_attempts integer, submitted_at timestamptz, run_at timestamptz, started_at timestamptz,
    finished_at timestamptz, owner name, key text, task_group bigint, tags text[], progress double precision, error text,
    sqlstate text, payload jsonb, result jsonb, attempts jsonb);

CREATE FUNCTION errand.task(id bigint)
RETURNS SETOF errand.task_detail
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT t.id, t.state, t.task, t.kind, t.queue, t.priority, t.attempt, t.max_attempts, t.submitted_at, t.run_at,
        t.started_at, t.finished_at, t.owner, t.key, t.task_group, t.tags, t.progress, t.error, o.sqlstate, o.payload,
        CASE WHEN t.kind <> 'http' THEN o.result
             WHEN o.status_code IS NOT NULL THEN errand._http_result(o.status_code, o.content_type, o.head, o.body) || coalesce(o.result, '{}') END,
        (SELECT coalesce(jsonb_agg(to_jsonb(a) - 'task_id' ORDER BY a.attempt), '[]') FROM errand.attempts AS a WHERE a.task_id = t.id)
    FROM errand.tasks AS t JOIN errand.outcomes AS o ON o.id = t.id WHERE t.id = $1;
END $$;

-- What _look() finds of one task.
CREATE TYPE errand._looked AS (ord integer, id bigint, state text, error text, finished_at timestamptz);

-- Function:   _look(ids)
-- Returns:    of each that is final its state, error and time, of each that the
--             caller cannot see the state 'none'; the waiting functions call
--             it with the latest snapshot
CREATE FUNCTION errand._look(p_ids bigint[])
RETURNS errand._looked[]
LANGUAGE plpgsql STRICT STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
BEGIN
    -- Id by id: into a security_barrier view goes no join, so all tasks would be read.
    RETURN ARRAY(
        SELECT ROW(u.ord, u.id, CASE WHEN o.id IS NULL THEN 'none' ELSE o.state END, o.error, o.finished_at)::errand._looked
        FROM unnest(p_ids) WITH ORDINALITY AS u (id, ord)
        LEFT JOIN LATERAL (SELECT x.id, x.state, x.error, x.finished_at FROM errand.outcomes AS x WHERE x.id = u.id OFFSET 0) AS o ON true
        WHERE o.id IS NULL OR o.state IS NOT NULL);
END $$;

-- Installing: tells the launcher at commit, so that no restart is needed.
CREATE FUNCTION errand._poke() RETURNS void
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_poke';
SELECT errand._poke();
