-- The dry run of a source: errand.test_source() (extension/source_test.c).

-- Function:   _source_test_letter(name, caller, all)
-- Returns:    what the leader needs to fetch the first page
-- Raises:     42704; 42501 if it is another role's: what is the owner's runs with his rights
CREATE FUNCTION errand._source_test_letter(p_name text, p_caller oid, p_all boolean)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source := errand._source_find(p_name, p_caller, p_all);
    v_cursor jsonb := (SELECT x.cursor FROM errand.source_state AS x WHERE x.source = s.id);
BEGIN
    IF s.owner_oid <> p_caller THEN
        PERFORM errand._refuse(format('source "%s" belongs to role %s', p_name, s.owner), format('SET ROLE %I, then test it.', s.owner), '42501');
    ELSIF s.kind = 'websocket' THEN
        PERFORM errand._refuse(format('source "%s" is a stream', p_name), 'Start it, and look at errand.stat_sources and errand.rejects.', '55000');
    END IF;
    RETURN jsonb_build_object('owner_oid', s.owner_oid::bigint, 'owner', s.owner, 'timeout_ms', s.timeout_ms,
        'payload', errand._source_request(s, v_cursor, '{}'));
END $$;

-- Function:   _source_test_submit(letter, now)
-- Returns:    the id of a task that fetches
-- Tables:     as _submit()
CREATE FUNCTION errand._source_test_submit(p_letter jsonb, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_owner oid := (p_letter ->> 'owner_oid')::oid;
    v_id bigint;
BEGIN
    v_id := errand._submit(
        p_owner_oid => v_owner, p_owner => p_letter ->> 'owner', p_type => 'source test', p_kind => 'http', p_queue => 'source test',
        p_priority => 100::smallint, p_run_at => NULL, p_max_attempts => 1::smallint, p_timeout_ms => (p_letter ->> 'timeout_ms')::integer,
        p_backoff => NULL, p_base_ms => NULL, p_factor => NULL, p_max_ms => NULL, p_deadline => NULL, p_key => NULL, p_tags => NULL,
        p_at_most_once => false, p_notify => NULL, p_traceparent => NULL, p_on_success => NULL, p_on_failure => NULL, p_after => NULL,
        p_after_done => NULL, p_unmet => NULL, p_spoilt => NULL, p_task_group => NULL, p_payload => p_letter -> 'payload', p_now => p_now,
        p_role => 0);
    PERFORM errand._announce(v_id, 'source test', 'source test', 100, NULL, 0, v_owner);
    RETURN v_id;
END $$;

-- Function:   _source_test_read(name, caller, task, now)
-- Returns:    the plan for what was fetched
-- Tables:     reads source, outcome
CREATE FUNCTION errand._source_test_read(p_name text, p_caller oid, p_task bigint, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source;
    o errand.outcome;
BEGIN
    SELECT x.* INTO s FROM errand.source AS x WHERE x.name = p_name AND x.owner_oid = p_caller;
    SELECT x.* INTO o FROM errand.outcome AS x WHERE x.id = p_task;
    RETURN errand._source_plan(s, p_now) || jsonb_build_object('status', o.status_code, 'next', o.result -> 'next',
            'content_type', o.content_type, 'failed', CASE WHEN o.state <> 'S' THEN o.error END)
        || CASE WHEN o.state = 'S' AND o.status_code BETWEEN 200 AND 299 THEN errand._source_read(s, o.body, o.content_type)
                ELSE '{}' END;
END $$;

-- Function:   _source_test_keys(value)
-- Returns:    the names that an object has, for a hint
CREATE FUNCTION errand._source_test_keys(p_value jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE jsonb_typeof(p_value)
        WHEN 'object' THEN (SELECT string_agg(k.key, ', ') FROM (SELECT x.key FROM jsonb_object_keys(p_value) AS x (key) LIMIT 20) AS k)
        ELSE format('it is of type %s', jsonb_typeof(p_value)) END;
END $$;

-- Function:   _source_test_problems(source, plan, mapped, stored)
-- Returns:    each problem in one line
CREATE FUNCTION errand._source_test_problems(p_source errand.source, p_plan jsonb, p_mapped jsonb, p_stored jsonb)
RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v text[] := '{}';
    v_status integer := (p_plan ->> 'status')::integer;
    v_found integer := jsonb_array_length(p_plan -> 'items');
    v_key text := p_source.options ->> 'item_key';
    v_missing integer;
    v_list text;
    c record;
BEGIN
    IF v_status BETWEEN 300 AND 599 THEN
        v := v || format('fetch: HTTP status %s%s', v_status, CASE v_status
            WHEN 401 THEN ': the server wants credentials, see auth and headers' WHEN 403 THEN ': the server refuses these credentials'
            WHEN 404 THEN ': there is nothing at this URL' WHEN 405 THEN format(': the server does not allow %s here', coalesce(p_source.request ->> 'method', 'GET'))
            WHEN 429 THEN ': too many requests, ask less often' WHEN 400 THEN ': the server does not understand the request, see params, headers and body'
            ELSE CASE WHEN v_status >= 500 THEN ': the server fails' ELSE '' END END);
    ELSIF p_plan ->> 'failed' IS NOT NULL THEN
        v := v || ('fetch: ' || (p_plan ->> 'failed'));
    END IF;
    IF p_plan ? 'problem' THEN
        v := v || ('transform: ' || (p_plan ->> 'problem'));
    ELSIF v_found = 0 THEN
        v := v || format('items: "%s" finds nothing in the answer%s', coalesce(p_source.options ->> 'items', CASE p_source.kind WHEN 'feed' THEN '$.items[*]' ELSE '$[*]' END),
            coalesce(': it has ' || (p_plan ->> 'holds'), ''));
    END IF;
    IF v_found = 1 AND NOT p_source.options ? 'items' AND coalesce((p_stored ->> 'stored')::integer, 0) = 0 THEN
        SELECT k.key INTO v_list FROM jsonb_each(CASE jsonb_typeof(p_plan #> '{items,0}') WHEN 'object' THEN p_plan #> '{items,0}' ELSE '{}' END) AS k
        WHERE jsonb_typeof(k.value) = 'array' ORDER BY jsonb_array_length(k.value) DESC LIMIT 1;
        IF v_list IS NOT NULL THEN
            RETURN v || format('items: without it the whole answer is one item; perhaps "$.%s[*]"',
                CASE WHEN v_list ~ '^[a-zA-Z_][a-zA-Z0-9_]*$' THEN v_list ELSE to_jsonb(v_list)::text END);
        END IF;
    END IF;
    IF v_found > 0 AND v_key IS NOT NULL THEN
        v_missing := (SELECT count(*) FROM jsonb_array_elements(p_plan -> 'items') AS e WHERE jsonb_path_query_first(e.value, v_key::jsonpath, '{}', true) IS NULL);
        IF v_missing > 0 THEN
            v := v || format('item_key: "%s" finds nothing in %s of %s items; the first one has %s', v_key, v_missing, v_found, errand._source_test_keys(p_plan #> '{items,0}'));
        END IF;
    END IF;
    IF v_found > 0 AND p_source.options #>> '{cursor,path}' IS NOT NULL AND coalesce(p_plan -> 'cursor', 'null') = 'null' THEN
        v := v || format('cursor: "%s" finds nothing in the answer', p_source.options #>> '{cursor,path}');
    END IF;
    IF v_found > 0 AND jsonb_typeof(p_source.options -> 'columns') = 'object' AND jsonb_array_length(p_mapped -> 'rows') > 0 THEN
        FOR c IN SELECT k.key, coalesce(k.value ->> 'path', k.value #>> '{}') AS path FROM jsonb_each(p_source.options -> 'columns') AS k
            WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(p_mapped -> 'rows') AS e WHERE e.value ? k.key) ORDER BY 1
        LOOP
            v := v || format('column "%s": "%s" finds nothing in any item; the first one has %s', c.key, c.path, errand._source_test_keys(p_plan #> '{items,0}'));
        END LOOP;
    ELSIF v_found > 0 AND p_mapped IS NOT NULL AND jsonb_array_length(p_mapped -> 'rows') = 0 AND jsonb_array_length(p_mapped -> 'rejects') = 0 THEN
        v := v || format('transform: %s makes no row of %s items', coalesce(p_source.options ->> 'transform', 'the definition'), v_found);
    END IF;
    FOR c IN SELECT x.stage, min(e.value ->> 'reason') AS reason, count(*) AS n, min(e.value -> 'item' #>> '{}') AS item
        FROM (VALUES ('fetch', p_plan -> 'rejects'), ('transform', p_mapped -> 'rejects'), ('store', p_stored -> 'rejects')) AS x (stage, rejects)
        CROSS JOIN LATERAL jsonb_array_elements(x.rejects) AS e GROUP BY x.stage, e.value ->> 'sqlstate' ORDER BY 3 DESC, 2 LIMIT 10
    LOOP
        v := v || format('%s: %s (%s of %s), such as %s', c.stage, c.reason, c.n, greatest(v_found, c.n), left(c.item, 200));
    END LOOP;
    RETURN v;
END $$;

-- Function:   _source_test_report(name, caller, task, plan, mapped, stored, error)
-- Returns:    what test_source() returns
CREATE FUNCTION errand._source_test_report(p_name text, p_caller oid, p_task bigint, p_plan jsonb, p_mapped jsonb, p_stored jsonb, p_error text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source;
    v_cursor jsonb;
    v_rows jsonb;
BEGIN
    SELECT x.* INTO s FROM errand.source AS x WHERE x.name = p_name AND x.owner_oid = p_caller;
    SELECT x.cursor INTO v_cursor FROM errand.source_state AS x WHERE x.source = s.id;
    v_rows := CASE WHEN p_stored -> 'news' <> '[]' AND NOT p_stored #> '{news,0}' ? 'large' THEN p_stored -> 'news' ELSE p_mapped -> 'rows' END;
    RETURN jsonb_build_object(
        'request', errand._source_request(s, v_cursor, '{}') - ARRAY['success_codes', 'one_page', 'follow_redirects'],
        'status', p_plan -> 'status', 'content_type', p_plan -> 'content_type', 'found', coalesce((p_plan ->> 'found')::integer, 0),
        'items', coalesce(jsonb_path_query_array(p_plan -> 'items', '$[0 to 4]'), '[]'),
        'rows', coalesce(jsonb_path_query_array(v_rows, '$[0 to 4]'), '[]'),
        'would_insert', coalesce((p_stored ->> 'stored')::integer, 0), 'duplicates', coalesce((p_stored ->> 'duplicate')::integer, 0) + coalesce((p_plan ->> 'duplicate')::integer, 0),
        'next', p_plan -> 'next', 'cursor', p_plan #> '{cursor,value}', 'task', nullif(p_task, 0),
        'problems', to_jsonb(errand._source_test_problems(s, p_plan, p_mapped, p_stored)
            || CASE WHEN p_error IS NOT NULL THEN ARRAY[CASE WHEN p_plan IS NULL THEN p_error WHEN p_mapped IS NULL THEN 'transform: ' || p_error ELSE 'store: ' || p_error END] ELSE '{}' END));
END $$;
