-- Pages of tasks, newest first.  A page is found in the tables by C on behalf
-- of the caller (extension/pages.c), and read through the view.

-- Function:   _task_id_at(time)
-- Returns:    about the id at which tasks began to be submitted then; above all
--             if none were since
-- Tables:     reads task, a few rows
CREATE FUNCTION errand._task_id_at(p_time timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
DECLARE
    v_low bigint := coalesce((SELECT min(t.id) FROM errand.task AS t), 0);
    v_high bigint := coalesce((SELECT max(t.id) FROM errand.task AS t), 0) + 1;
    v_middle bigint;
    v_at timestamptz;
BEGIN
    WHILE v_low < v_high LOOP
        v_middle := v_low + (v_high - v_low) / 2;
        SELECT t.submitted_at INTO v_at FROM errand.task AS t WHERE t.id >= v_middle ORDER BY t.id LIMIT 1;
        IF v_at < p_time THEN
            v_low := v_middle + 1;
        ELSE
            v_high := v_middle;
        END IF;
    END LOOP;
    RETURN v_low;
END $$;

-- Function:   _page_find(filter, after, limit, caller, all)
-- The filter, as _page_filter() makes it: states (letters), queue and task (one or several), kind,
-- owner, key, tag, group, q, since, until, min_run_ms; what is not there does
-- not count.  It looks back from the newest (below after) in steps that grow,
-- for a third of a second at most: a page that is not full by then ends where it got.
-- Returns:    the ids, descending; where the next page begins, NULL at the end;
--             about how many there are in all
-- Tables:     reads task, ready, later, suspect, lease, outcome, attempt
CREATE FUNCTION errand._page_find(p_filter jsonb, p_after bigint, p_limit integer, p_caller oid, p_all boolean,
    OUT ids bigint[], OUT next bigint, OUT estimate bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
DECLARE
    c_sources CONSTANT jsonb := '{
        "q": "SELECT r.id FROM errand.ready AS r WHERE", "p": "SELECT r.id FROM errand.suspect AS r WHERE",
        "x": "SELECT r.id FROM errand.runs AS r WHERE",
        "s": "SELECT r.id FROM errand.later AS r WHERE r.state = ''s'' AND", "r": "SELECT r.id FROM errand.later AS r WHERE r.state = ''r'' AND",
        "w": "SELECT r.id FROM errand.later AS r WHERE r.state = ''w'' AND", "S": "SELECT r.id FROM errand.outcome AS r WHERE r.state = ''S'' AND",
        "F": "SELECT r.id FROM errand.outcome AS r WHERE r.state = ''F'' AND", "C": "SELECT r.id FROM errand.outcome AS r WHERE r.state = ''C'' AND",
        "U": "SELECT r.id FROM errand.outcome AS r WHERE r.state = ''U'' AND", "*": "SELECT r.id FROM errand.task AS r WHERE"}';
    c_most CONSTANT integer := 20000;
    v_states text[] := CASE WHEN p_filter ? 'states' THEN ARRAY(SELECT jsonb_array_elements_text(p_filter -> 'states')) ELSE '{*}' END;
    v_until timestamptz := clock_timestamp() + interval '300 ms';
    v_high bigint := coalesce(p_after, 9223372036854775807);
    v_low bigint;
    v_floor bigint := 0;
    v_step integer := greatest(4 * p_limit, 200);
    v_from text;
    v_where text;
    v_bound text;
    v_found bigint[];
    v_plan json;
BEGIN
    IF 'q' = ANY (v_states) THEN
        v_states := v_states || 'p'::text;
    END IF;
    SELECT string_agg((c_sources ->> s.letter) || ' r.id < $1 AND r.id >= $2', ' UNION ALL '),
        string_agg(format('(%s r.id < $1 ORDER BY r.id DESC OFFSET $3 LIMIT 1)', c_sources ->> s.letter), ' UNION ALL ')
    INTO v_from, v_bound FROM unnest(v_states) AS s (letter);
    SELECT coalesce(string_agg(c.condition, '' ORDER BY c.key), '') INTO v_where
    FROM (VALUES ('queue', ' AND t.queue = ANY ($5)'), ('task', ' AND t.type = ANY ($6)'), ('kind', ' AND t.kind = $7'),
        ('owner', ' AND t.owner = $8'), ('key', ' AND t.key = $9'), ('tag', ' AND t.tags @> ARRAY[$10]'),
        ('group', ' AND t.task_group = $11'), ('since', ' AND t.submitted_at >= $12'), ('until', ' AND t.submitted_at < $13'),
        ('min_run_ms', ' AND o.finished_at - o.started_at >= $14 * interval ''1 ms'''),
        ('q', ' AND (t.id::text = $15 OR strpos(lower(t.type), $15) > 0 OR strpos(lower(t.key), $15) > 0 OR strpos(lower(o.error), $15) > 0'
            || ' OR EXISTS (SELECT FROM errand.later AS l JOIN errand.attempt AS a ON a.task_id = l.id AND a.attempt = l.attempt'
            || ' WHERE l.id = t.id AND strpos(lower(a.error), $15) > 0))')) AS c (key, condition)
    WHERE p_filter ? c.key;
    v_from := CASE WHEN p_filter ? 'states' THEN 'SELECT t.id FROM (' || v_from || ') AS s JOIN errand.task AS t ON t.id = s.id'
                   ELSE 'SELECT t.id FROM errand.task AS t' END
        || CASE WHEN p_filter ?| ARRAY['q', 'min_run_ms'] THEN ' LEFT JOIN errand.outcome AS o ON o.id = t.id' ELSE '' END
        || ' WHERE t.id < $1 AND t.id >= $2' || v_where || CASE WHEN p_all THEN '' ELSE ' AND t.owner_oid = $4' END;
    -- Ids ascend with time, but for a moment.
    IF p_filter ? 'until' THEN
        v_high := least(v_high, errand._task_id_at((p_filter ->> 'until')::timestamptz + interval '1 min'));
    END IF;
    IF p_filter ? 'since' THEN
        v_floor := errand._task_id_at((p_filter ->> 'since')::timestamptz - interval '1 min');
    END IF;
    ids := '{}';
    LOOP
        EXECUTE 'SELECT coalesce(max(b.id), 0) FROM (' || v_bound || ') AS b' INTO v_low USING v_high, 0, v_step;
        v_low := greatest(v_low, v_floor);
        EXECUTE 'SELECT array_agg(p.id ORDER BY p.id DESC) FROM (' || v_from || ' ORDER BY t.id DESC LIMIT $3) AS p' INTO v_found
        USING v_high, v_low, p_limit + 1 - cardinality(ids), p_caller, errand._filter_texts(p_filter, 'queue'), errand._filter_texts(p_filter, 'task'), p_filter ->> 'kind',
            p_filter ->> 'owner', p_filter ->> 'key', p_filter ->> 'tag', (p_filter ->> 'group')::bigint,
            (p_filter ->> 'since')::timestamptz, (p_filter ->> 'until')::timestamptz, (p_filter ->> 'min_run_ms')::bigint,
            lower(p_filter ->> 'q');
        ids := ids || coalesce(v_found, '{}');
        v_high := v_low;
        EXIT WHEN cardinality(ids) > p_limit OR v_low <= v_floor OR clock_timestamp() > v_until;
        v_step := least(v_step * 4, c_most);
    END LOOP;
    IF cardinality(ids) > p_limit THEN
        ids := ids[1:p_limit];
        next := ids[p_limit];
    ELSIF v_low > v_floor THEN
        next := v_low;
    ELSIF p_after IS NULL THEN
        estimate := cardinality(ids);
        RETURN;
    END IF;
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || v_from INTO v_plan
    USING 9223372036854775807, 0::bigint, 0, p_caller, errand._filter_texts(p_filter, 'queue'), errand._filter_texts(p_filter, 'task'), p_filter ->> 'kind',
        p_filter ->> 'owner', p_filter ->> 'key', p_filter ->> 'tag', (p_filter ->> 'group')::bigint,
        (p_filter ->> 'since')::timestamptz, (p_filter ->> 'until')::timestamptz, (p_filter ->> 'min_run_ms')::bigint,
        lower(p_filter ->> 'q');
    estimate := greatest((v_plan -> 0 -> 'Plan' ->> 'Plan Rows')::bigint, cardinality(ids) + (next IS NOT NULL)::integer);
END $$;

-- Function:   _page(filter, after, limit)
-- Returns:    what _page_find() finds of the caller's tasks, or of all if it is
--             a monitor
CREATE FUNCTION errand._page(p_filter jsonb, p_after bigint, p_limit integer,
    OUT ids bigint[], OUT next bigint, OUT estimate bigint)
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_page';

-- Function:   _page_filter(args)
-- Returns:    the filter that the parameters of a list of tasks mean
CREATE FUNCTION errand._page_filter(p_args jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_states text[] := errand._arg_states(p_args, 'state');
    v_q text := errand._arg_text(p_args, 'q');
BEGIN
    IF length(v_q) > 200 THEN
        PERFORM errand._arg_bad('"q" is too long', 'It has at most 200 characters.');
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'states', (SELECT jsonb_agg(CASE s.state WHEN 'ready' THEN 'q' WHEN 'running' THEN 'x' WHEN 'scheduled' THEN 's'
                WHEN 'retrying' THEN 'r' WHEN 'waiting' THEN 'w' ELSE upper(left(s.state, 1)) END) FROM unnest(v_states) AS s (state)),
        'queue', errand._arg_texts(p_args, 'queue'), 'task', errand._arg_texts(p_args, 'task'),
        'kind', errand._arg_text(p_args, 'kind'), 'owner', errand._arg_text(p_args, 'owner'),
        'key', errand._arg_text(p_args, 'key'), 'tag', errand._arg_text(p_args, 'tag'),
        'group', errand._arg_int(p_args, 'group', NULL, 1, 999999999999999999), 'q', v_q,
        'since', errand._arg_time(p_args, 'since'), 'until', errand._arg_time(p_args, 'until'),
        'min_run_ms', errand._arg_int(p_args, 'min_run_ms', errand._arg_int(p_args, 'min_run', NULL, 0, 1000000000), 0, 1000000000)));
END $$;

-- Function:   _task_json(task)
-- Returns:    a task as lists show it
CREATE FUNCTION errand._task_json(t errand.tasks)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('id', t.id, 'state', t.state, 'task', t.task, 'kind', t.kind, 'queue', t.queue,
        'priority', t.priority, 'attempt', t.attempt, 'max_attempts', t.max_attempts,
        'submitted_at', errand._iso(t.submitted_at), 'run_at', errand._iso(t.run_at), 'started_at', errand._iso(t.started_at),
        'finished_at', errand._iso(t.finished_at), 'owner', t.owner, 'key', t.key, 'group', t.task_group, 'tags', t.tags,
        'progress', t.progress, 'progress_message', t.progress_message, 'error', errand._mask_text(left(t.error, 2000)));
END $$;

-- Function:   _rows_find(ids, caller, all)
-- Returns:    tasks as the view tasks shows them, of the caller's or of all; the
--             view cannot be asked for many by their ids without reading history
-- Tables:     reads task, outcome, ready, later, suspect, lease, attempt
CREATE FUNCTION errand._rows_find(p_ids bigint[], p_caller oid, p_all boolean)
RETURNS errand.tasks[]
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(t.id, s.state, t.type, t.kind, t.queue, t.priority::integer, coalesce(o.attempt, r.attempt, p.attempt, l.attempt, x.attempt),
            t.max_attempts::integer, t.submitted_at, coalesce(CASE WHEN l.state <> 'w' THEN l.due_at END, t.run_at),
            coalesce(o.started_at, x.claimed_at), o.finished_at, t.owner::name, t.key, t.task_group, t.tags,
            CASE WHEN s.state = 'running' AND t.kind = 'sql' THEN errand._progress(t.id) END,
            CASE WHEN o.state <> 'S' THEN o.error WHEN p.id IS NOT NULL THEN 'in flight when the server crashed, waits to run apart'
                 WHEN l.state = 'r' THEN (SELECT a.error FROM errand.attempt AS a WHERE a.task_id = l.id AND a.attempt = l.attempt) END,
            CASE WHEN s.state = 'running' AND t.kind = 'sql' THEN errand._progress_text(t.id) END)::errand.tasks
        FROM unnest(p_ids) AS u (id) JOIN errand.task AS t ON t.id = u.id LEFT JOIN errand.outcome AS o ON o.id = t.id
        LEFT JOIN errand.ready AS r ON r.id = t.id LEFT JOIN errand.suspect AS p ON p.id = t.id LEFT JOIN errand.later AS l ON l.id = t.id
        LEFT JOIN LATERAL (SELECT y.attempt, y.claimed_at FROM errand.runs AS y
            WHERE o.id IS NULL AND r.id IS NULL AND p.id IS NULL AND l.id IS NULL AND y.id = t.id LIMIT 1) AS x ON true
        CROSS JOIN LATERAL (SELECT CASE o.state WHEN 'S' THEN 'succeeded' WHEN 'F' THEN 'failed' WHEN 'C' THEN 'cancelled'
            WHEN 'U' THEN 'unknown' ELSE CASE WHEN r.id IS NOT NULL OR p.id IS NOT NULL THEN 'ready' WHEN l.state = 's' THEN 'scheduled'
            WHEN l.state = 'r' THEN 'retrying' WHEN l.state = 'w' THEN 'waiting' ELSE 'running' END END AS state) AS s
        WHERE p_all OR t.owner_oid = p_caller ORDER BY t.id DESC);
END $$;

-- Function:   _rows(ids)
-- Returns:    what _rows_find() finds of the caller's tasks, or of all if it is a monitor
CREATE FUNCTION errand._rows(p_ids bigint[])
RETURNS errand.tasks[]
LANGUAGE c STRICT VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_rows';

-- Function:   _tasks_json(ids)
-- Returns:    those that the caller may see, newest first
CREATE FUNCTION errand._tasks_json(p_ids bigint[])
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(errand._task_json(t.*) ORDER BY t.id DESC), '[]') FROM unnest(errand._rows(p_ids)) AS t);
END $$;

-- Function:   _csv(value)
-- Returns:    a field; one that a spreadsheet would take for a formula begins with an apostrophe
CREATE FUNCTION errand._csv(p_value text)
RETURNS text
LANGUAGE plpgsql STRICT IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_value ~ '^[=+@\t\r-]' THEN
        p_value := '''' || p_value;
    END IF;
    RETURN CASE WHEN p_value ~ '[",\r\n]' THEN '"' || replace(p_value, '"', '""') || '"' ELSE p_value END;
END $$;

-- Function:   _tasks_csv(ids)
-- Returns:    those that the caller may see as CSV (RFC 4180), newest first, with a header
CREATE FUNCTION errand._tasks_csv(p_ids bigint[])
RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN 'id,state,task,kind,queue,priority,attempt,max_attempts,submitted_at,run_at,started_at,finished_at,owner,key,group,tags,'
        || E'progress,progress_message,error\r\n' || coalesce((
        SELECT string_agg(array_to_string(ARRAY[t.id::text, t.state, errand._csv(t.task), t.kind, errand._csv(t.queue), t.priority::text,
            t.attempt::text, t.max_attempts::text, errand._iso(t.submitted_at), errand._iso(t.run_at), errand._iso(t.started_at),
            errand._iso(t.finished_at), errand._csv(t.owner), errand._csv(t.key), t.task_group::text, errand._csv(to_jsonb(t.tags)::text),
            t.progress::text, errand._csv(t.progress_message), errand._csv(errand._mask_text(left(t.error, 2000)))], ',', '') || E'\r\n', '' ORDER BY t.id DESC)
        FROM unnest(errand._rows(p_ids)) AS t), '');
END $$;

-- Function:   _api_tasks(args, now)
CREATE FUNCTION errand._api_tasks(p_args jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_format text := errand._arg_text(p_args, 'format');
    v_page record;
BEGIN
    PERFORM errand._arg_known(p_args, 'state', 'queue', 'task', 'kind', 'owner', 'key', 'tag', 'group', 'q', 'since', 'until',
        'min_run', 'min_run_ms', 'after', 'limit', 'format');
    IF v_format NOT IN ('csv', 'json') THEN
        PERFORM errand._arg_bad('"format" is not valid', 'It is csv or json: an export of at most 10000 tasks.');
    END IF;
    SELECT p.* INTO v_page FROM errand._page(errand._page_filter(p_args),
        errand._arg_int(p_args, 'after', NULL, 1, 999999999999999999),
        errand._arg_int(p_args, 'limit', CASE WHEN v_format IS NULL THEN 50 ELSE 10000 END, 1,
            CASE WHEN v_format IS NULL THEN 500 ELSE 10000 END)::integer) AS p;
    IF v_format = 'csv' THEN
        RETURN jsonb_build_object('csv', errand._tasks_csv(v_page.ids));
    END IF;
    RETURN jsonb_build_object('tasks', errand._tasks_json(v_page.ids), 'next', v_page.next::text, 'estimate', v_page.estimate);
END $$;
