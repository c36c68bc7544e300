-- Defining and steering sources.  Called by extension/sources.c only, as the
-- extension's owner, for the caller that it names.

-- Function:   _refuse(message, hint, sqlstate)
-- Raises:     that
CREATE FUNCTION errand._refuse(p_message text, p_hint text, p_sqlstate text DEFAULT '22023')
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', p_message USING ERRCODE = p_sqlstate, HINT = p_hint;
END $$;

-- Function:   _source_path(what, path)
-- Raises:     22023 unless it is a jsonpath, or NULL
CREATE FUNCTION errand._source_path(p_what text, p_path text)
RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM p_path::jsonpath;
EXCEPTION WHEN syntax_error OR data_exception OR undefined_object THEN
    PERFORM errand._refuse(format('%s is no jsonpath: "%s"', p_what, left(p_path, 200)), 'A jsonpath begins with $, such as ''$.data.items[*]''.');
END $$;

-- Function:   _source_check_times(def)
-- Raises:     22023
CREATE FUNCTION errand._source_check_times(p_def jsonb, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_every interval := p_def ->> 'every';
    v_name text;
BEGIN
    IF v_every IS NOT NULL AND p_def ? 'cron' THEN
        PERFORM errand._refuse('a source has either "every" or "cron"', 'Leave one of them out.');
    ELSIF v_every < interval '1 s' OR v_every > interval '366 days' THEN
        PERFORM errand._refuse(format('"every" is out of range: %s', v_every), 'It lies between 1 second and 366 days.');
    ELSIF p_def ? 'cron' AND errand._next_run(p_def ->> 'cron', coalesce(p_def ->> 'timezone', 'UTC'), p_now) IS NULL THEN
        PERFORM errand._refuse(format('"%s" is never due', p_def ->> 'cron'), 'No month has such a day.');
    END IF;
    FOREACH v_name IN ARRAY ARRAY['fetch_workers', 'transform_workers', 'store_workers'] LOOP
        IF (p_def ->> v_name)::integer NOT BETWEEN 1 AND 100 THEN
            PERFORM errand._refuse(format('"%s" is out of range: %s', v_name, p_def ->> v_name), 'It lies between 1 and 100.');
        END IF;
    END LOOP;
    IF (p_def ->> 'batch_rows')::integer NOT BETWEEN 1 AND 10000 THEN
        PERFORM errand._refuse(format('"batch_rows" is out of range: %s', p_def ->> 'batch_rows'), 'It lies between 1 and 10000.');
    END IF;
END $$;

-- Function:   _source_check_stream(def)
-- What only streams have, and what they cannot have.
-- Raises:     22023
CREATE FUNCTION errand._source_check_stream(p_def jsonb)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_stream CONSTANT text[] := ARRAY['subscribe', 'sequence', 'ping_interval', 'idle_timeout', 'batch_interval'];
    c_fetch CONSTANT text[] := ARRAY['every', 'cron', 'paginate', 'cursor', 'method', 'body', 'params', 'max_bytes'];
    v_stream boolean := p_def ->> 'kind' = 'websocket';
    v_name text;
BEGIN
    SELECT u.name INTO v_name FROM unnest(CASE WHEN v_stream THEN c_fetch ELSE c_stream END) AS u (name) WHERE p_def ? u.name LIMIT 1;
    IF v_name IS NOT NULL THEN
        PERFORM errand._refuse(format('a source of kind %s has no "%s"', p_def ->> 'kind', v_name),
            CASE WHEN v_stream THEN 'A stream is always on: it has subscribe, sequence, ping_interval, idle_timeout, batch_rows and batch_interval.'
                 ELSE format('Only sources of kind websocket have %s.', array_to_string(c_stream, ', ')) END);
    ELSIF p_def ->> 'kind' = 'feed' AND p_def ?| ARRAY['paginate', 'body'] THEN
        PERFORM errand._refuse('a feed is one page, and is fetched with GET', 'Leave paginate and body out.');
    END IF;
    FOREACH v_name IN ARRAY ARRAY['ping_interval', 'idle_timeout', 'batch_interval'] LOOP
        IF (p_def ->> v_name)::interval < interval '10 ms' OR (p_def ->> v_name)::interval > interval '1 h' THEN
            PERFORM errand._refuse(format('"%s" is out of range: %s', v_name, p_def ->> v_name), 'It lies between 10 ms and 1 h.');
        END IF;
    END LOOP;
END $$;

-- Function:   _source_check_cursor(cursor, request, paginate)
-- Raises:     22023
CREATE FUNCTION errand._source_check_cursor(p_cursor jsonb, p_request jsonb)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c_hint CONSTANT text := 'Such as {"path": "$.items[*].id", "param": "since_id"}; pick ("first", "last", "greatest") and start are optional.';
    v_key text := (SELECT k.key FROM jsonb_object_keys(CASE jsonb_typeof(p_cursor) WHEN 'object' THEN p_cursor END) AS k (key)
                   WHERE k.key NOT IN ('path', 'param', 'pick', 'start') LIMIT 1);
BEGIN
    IF jsonb_typeof(p_cursor) <> 'object' OR v_key IS NOT NULL THEN
        PERFORM errand._refuse(coalesce(format('"cursor" has no "%s"', v_key), '"cursor" must be an object'), c_hint);
    ELSIF p_cursor IS NOT NULL AND NOT coalesce(jsonb_typeof(p_cursor -> 'path') = 'string' AND jsonb_typeof(p_cursor -> 'param') = 'string', false) THEN
        PERFORM errand._refuse('"cursor" needs "path" and "param"', c_hint);
    ELSIF p_cursor ->> 'pick' NOT IN ('first', 'last', 'greatest') OR jsonb_typeof(p_cursor -> 'start') NOT IN ('string', 'number') THEN
        PERFORM errand._refuse('"pick" or "start" of "cursor" is not valid', c_hint);
    END IF;
    PERFORM errand._source_path('"path" of "cursor"', p_cursor ->> 'path');
    IF p_request #>> '{paginate,mode}' IN ('link', 'next_url') AND concat(p_request -> 'url', p_request -> 'params') LIKE '%secret://%' THEN
        PERFORM errand._refuse('a secret in the URL or in params would be kept in the addresses of further pages',
            'Send it in headers or auth, or paginate by cursor, page or offset.');
    END IF;
END $$;

-- Function:   _source_transform(oid, owner)
-- Returns:    the function's name as it is called
-- Raises:     22023, 42501
CREATE FUNCTION errand._source_transform(p_function oid, p_owner oid)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p pg_proc;
    v_name text;
BEGIN
    SELECT x.* INTO p FROM pg_proc AS x WHERE x.oid = p_function;
    IF NOT FOUND THEN
        PERFORM errand._refuse(format('there is no function %s', p_function), 'Give its signature, such as ''public.rows_of(jsonb)''.', '42883');
    END IF;
    v_name := (SELECT format('%I.%I', n.nspname, p.proname) FROM pg_namespace AS n WHERE n.oid = p.pronamespace);
    IF p.prokind <> 'f' OR p.pronargs <> 1 OR p.proargtypes[0] <> 'jsonb'::regtype OR p.prorettype <> 'jsonb'::regtype THEN
        PERFORM errand._refuse(format('%s cannot transform items', p.oid::regprocedure),
            'It must be a function f(item jsonb) that returns SETOF jsonb, each a row as an object, column by column.');
    ELSIF NOT has_function_privilege(p_owner, p_function, 'EXECUTE') OR NOT has_schema_privilege(p_owner, p.pronamespace, 'USAGE') THEN
        PERFORM errand._refuse(format('permission denied for function %s', v_name),
            format('GRANT EXECUTE ON FUNCTION %s(jsonb) TO %s, and USAGE on its schema.', v_name, p_owner::regrole), '42501');
    END IF;
    RETURN v_name;
END $$;

-- Function:   _source_target(oid, owner, update)
-- Returns:    the table's name as it is written
-- Raises:     22023, 42501
CREATE FUNCTION errand._source_target(p_target oid, p_owner oid, p_update boolean)
RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c pg_class;
    v_name text;
    v_missing text;
BEGIN
    IF p_target IS NULL THEN
        PERFORM errand._refuse('a source needs a target', 'CREATE TABLE items (id bigint PRIMARY KEY, name text), then target => ''items''.');
    END IF;
    SELECT x.* INTO c FROM pg_class AS x WHERE x.oid = p_target;
    v_name := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_namespace AS n WHERE n.oid = c.relnamespace);
    IF c.oid IS NULL OR c.relkind NOT IN ('r', 'p', 'v', 'f') OR c.relpersistence = 't' THEN
        PERFORM errand._refuse(format('%s cannot be a target', coalesce(v_name, p_target::text)), 'It must be a table, and no temporary one.');
    ELSIF c.relnamespace = 'errand'::regnamespace OR c.relnamespace = 'pg_catalog'::regnamespace THEN
        PERFORM errand._refuse(format('%s cannot be a target', v_name), 'Choose a table of your own.');
    END IF;
    v_missing := (SELECT string_agg(x.right_, ', ') FROM unnest(ARRAY['INSERT', 'SELECT'] || CASE WHEN p_update THEN ARRAY['UPDATE'] ELSE '{}' END) AS x (right_)
                  WHERE NOT has_table_privilege(p_owner, p_target, x.right_));
    IF v_missing IS NOT NULL OR NOT has_schema_privilege(p_owner, c.relnamespace, 'USAGE') THEN
        PERFORM errand._refuse(format('permission denied for table %s', v_name),
            format('GRANT %s ON %s TO %s, and USAGE on its schema.', coalesce(v_missing, 'INSERT, SELECT'), v_name, p_owner::regrole), '42501');
    END IF;
    RETURN v_name;
END $$;

-- Function:   _source_columns(columns, target)
-- Raises:     22023, 42703
CREATE FUNCTION errand._source_columns(p_columns jsonb, p_target oid)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c record;
    v_missing text;
BEGIN
    IF p_columns IS NULL THEN
        RETURN;
    ELSIF jsonb_typeof(p_columns) <> 'object' OR p_columns = '{}' THEN
        PERFORM errand._refuse('"columns" must be an object', 'Column by column a jsonpath into the item: {"id": "$.id", "name": "$.user.name"}.');
    END IF;
    FOR c IN SELECT k.key, k.value, a.attgenerated, a.attidentity, a.attname, a.atttypid FROM jsonb_each(p_columns) AS k
        LEFT JOIN pg_attribute AS a ON a.attrelid = p_target AND a.attname = k.key AND a.attnum > 0 AND NOT a.attisdropped
    LOOP
        IF c.attname IS NULL THEN
            PERFORM errand._refuse(format('table %s has no column "%s"', p_target::regclass, c.key), format('It has %s.',
                (SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a WHERE a.attrelid = p_target AND a.attnum > 0 AND NOT a.attisdropped)), '42703');
        ELSIF c.attgenerated <> '' OR c.attidentity = 'a' THEN
            PERFORM errand._refuse(format('column "%s" is generated', c.key), 'Leave it out of "columns".');
        ELSIF jsonb_typeof(c.value) = 'object' THEN
            IF EXISTS (SELECT FROM jsonb_object_keys(c.value) AS k (key) WHERE k.key NOT IN ('path', 'epoch', 'value'))
                OR (c.value ? 'value') = (c.value ? 'path') OR c.value ->> 'epoch' NOT IN ('s', 'ms', 'us') THEN
                PERFORM errand._refuse(format('column "%s" of "columns" is not valid', c.key),
                    'A jsonpath, {"path": jsonpath, "epoch": "s" or "ms"} for seconds since 1970, or {"value": what all rows have}.');
            ELSIF c.value ? 'epoch' AND c.atttypid NOT IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'text'::regtype) THEN
                PERFORM errand._refuse(format('column "%s" of type %s holds no time', c.key, format_type(c.atttypid, NULL)), 'Leave "epoch" out.');
            END IF;
            PERFORM errand._source_path(format('column "%s"', c.key), c.value ->> 'path');
        ELSIF jsonb_typeof(c.value) = 'string' THEN
            PERFORM errand._source_path(format('column "%s"', c.key), c.value #>> '{}');
        ELSE
            PERFORM errand._refuse(format('column "%s" of "columns" is no jsonpath', c.key), 'Such as "$.price"; a constant is {"value": 1}.');
        END IF;
    END LOOP;
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO v_missing FROM pg_attribute AS a
    WHERE a.attrelid = p_target AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND NOT p_columns ? a.attname;
    IF v_missing IS NOT NULL THEN
        PERFORM errand._refuse(format('"columns" has no value for %s, which may not be NULL', v_missing), 'Add it, or give the column a default.');
    END IF;
END $$;

-- Function:   _source_keys(target, columns, item_key)
-- Returns:    the keys that on_conflict can use, the best one first: of those
--             whose columns all have values the one that item_key feeds, then
--             the primary key
CREATE FUNCTION errand._source_keys(p_target oid, p_columns jsonb, p_item_key text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT jsonb_agg(k.names ORDER BY k.fed DESC, k.indisprimary DESC, k.indexrelid)
        FROM (SELECT i.indexrelid, i.indisprimary, jsonb_agg(a.attname ORDER BY u.n) AS names,
                  bool_or(coalesce(p_columns ->> a.attname::text = p_item_key, a.attname = substring(p_item_key FROM '^\$\."?([^."\[]+)"?$'), false)) AS fed
              FROM pg_index AS i CROSS JOIN LATERAL unnest(i.indkey::smallint[]) WITH ORDINALITY AS u (attnum, n)
              JOIN pg_attribute AS a ON a.attrelid = p_target AND a.attnum = u.attnum
              WHERE i.indrelid = p_target AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
                AND i.indimmediate AND u.n <= i.indnkeyatts
              GROUP BY i.indexrelid, i.indisprimary) AS k
        WHERE p_columns IS NULL OR p_columns ?& ARRAY(SELECT jsonb_array_elements_text(k.names)));
END $$;

-- Function:   _source_check_conflict(def, keys)
-- Raises:     22023
CREATE FUNCTION errand._source_check_conflict(p_how text, p_keys jsonb, p_target oid)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_how NOT IN ('ignore', 'update') THEN
        PERFORM errand._refuse(format('"on_conflict" is not valid: "%s"', p_how), 'It is ''ignore'' or ''update''; leave it out and every row is inserted.');
    ELSIF p_how IS NOT NULL AND p_keys IS NULL THEN
        PERFORM errand._refuse(format('table %s has no primary or unique key of columns that have values', p_target::regclass),
            'on_conflict goes by such a key: ALTER TABLE ... ADD PRIMARY KEY (...), and give its columns values.');
    END IF;
END $$;

-- Function:   _source_define(owner, name, kind, def, request, now)
-- Redefining replaces; what ran, the cursor, and whether it is started stay.
-- Tables:     writes source, source_state, queue
-- Raises:     22023, 42501, 42703, 42883
CREATE FUNCTION errand._source_define(p_owner oid, p_owner_name text, p_def jsonb, p_request jsonb, p_timeout_ms bigint, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_name text := p_def ->> 'name';
    v_kind text := p_def ->> 'kind';
    v_target oid := (p_def ->> 'target')::oid;
    v_keys jsonb;
    v_options jsonb;
    v_id bigint;
    v_stage text;
BEGIN
    PERFORM errand._source_check_times(p_def, p_now);
    PERFORM errand._source_check_stream(p_def);
    PERFORM errand._source_path('"items"', p_def ->> 'items');
    PERFORM errand._source_path('"item_key"', p_def ->> 'item_key');
    PERFORM errand._source_path('"sequence"', p_def ->> 'sequence');
    PERFORM errand._source_check_cursor(p_def -> 'cursor', p_request);
    IF p_def ? 'columns' AND p_def ? 'transform' THEN
        PERFORM errand._refuse('a source has either "columns" or "transform"', 'Leave one of them out.');
    END IF;
    v_keys := errand._source_keys(v_target, p_def -> 'columns', p_def ->> 'item_key');
    v_options := jsonb_strip_nulls(jsonb_build_object('target', errand._source_target(v_target, p_owner, p_def ->> 'on_conflict' = 'update'),
        'transform', CASE WHEN p_def ? 'transform' THEN errand._source_transform((p_def ->> 'transform')::oid, p_owner) END,
        'items', p_def -> 'items', 'item_key', p_def -> 'item_key', 'on_conflict', p_def -> 'on_conflict', 'keys', v_keys,
        'paginate', p_def -> 'paginate', 'cursor', p_def -> 'cursor', 'subscribe', p_def -> 'subscribe', 'sequence', p_def -> 'sequence',
        'ping_interval', p_def -> 'ping_interval', 'idle_timeout', p_def -> 'idle_timeout', 'batch_rows', p_def -> 'batch_rows',
        'batch_interval', p_def -> 'batch_interval'))
        || CASE WHEN p_def ? 'columns' THEN jsonb_build_object('columns', p_def -> 'columns') ELSE '{}' END;
    PERFORM errand._source_columns(p_def -> 'columns', v_target);
    PERFORM errand._source_check_conflict(p_def ->> 'on_conflict', v_keys, v_target);
    INSERT INTO errand.source AS s (name, owner_oid, owner, kind, defined_at, url, every, cron, timezone, target, fetch_workers,
        transform_workers, store_workers, timeout_ms, request, options, description)
    VALUES (v_name, p_owner, p_owner_name, v_kind, p_now, p_def ->> 'url',
        CASE WHEN v_kind = 'websocket' OR p_def ? 'cron' THEN NULL ELSE coalesce((p_def ->> 'every')::interval, interval '5 min') END,
        p_def ->> 'cron', coalesce(p_def ->> 'timezone', 'UTC'), v_options ->> 'target', coalesce((p_def ->> 'fetch_workers')::integer, 3),
        coalesce((p_def ->> 'transform_workers')::integer, 3), coalesce((p_def ->> 'store_workers')::integer, 3), p_timeout_ms,
        p_request, v_options - 'target', p_def ->> 'description')
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, kind = excluded.kind, defined_at = excluded.defined_at, url = excluded.url,
        every = excluded.every, cron = excluded.cron, timezone = excluded.timezone, target = excluded.target,
        fetch_workers = excluded.fetch_workers, transform_workers = excluded.transform_workers, store_workers = excluded.store_workers,
        timeout_ms = excluded.timeout_ms, request = excluded.request, options = excluded.options, description = excluded.description
    WHERE s.owner_oid = excluded.owner_oid
    RETURNING s.id INTO v_id;
    IF v_id IS NULL THEN
        PERFORM errand._refuse(format('source "%s" belongs to another role', v_name), 'Choose another name, or let its owner or an admin errand.drop_source() it.', '42501');
    END IF;
    INSERT INTO errand.source_state (source) VALUES (v_id) ON CONFLICT (source) DO NOTHING;
    FOREACH v_stage IN ARRAY ARRAY['fetch', 'transform', 'store'] LOOP
        INSERT INTO errand.queue AS q (name, max_running, description)
        VALUES (errand._source_queue(v_name, v_stage), coalesce((p_def ->> (v_stage || '_workers'))::integer, 3), format('stage of source %s', v_name))
        ON CONFLICT (name) DO UPDATE SET max_running = excluded.max_running, description = excluded.description;
    END LOOP;
END $$;

-- Function:   _source_find(name, caller, all)
-- Returns:    the source
-- Raises:     42704 if there is none that the caller may touch
CREATE FUNCTION errand._source_find(p_name text, p_caller oid, p_all boolean)
RETURNS errand.source
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source;
BEGIN
    SELECT x.* INTO s FROM errand.source AS x WHERE x.name = p_name AND (p_all OR x.owner_oid = p_caller);
    IF NOT FOUND THEN
        PERFORM errand._refuse(format('there is no source "%s"', p_name), 'SELECT * FROM errand.sources lists yours; errand.define_source() makes one.', '42704');
    END IF;
    RETURN s;
END $$;

-- Function:   _source_set(name, caller, all, enabled, now)
-- Starts or stops; what is under way when it is stopped ends by itself.
-- Tables:     updates source
CREATE FUNCTION errand._source_set(p_name text, p_caller oid, p_all boolean, p_enabled boolean, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source := errand._source_find(p_name, p_caller, p_all);
BEGIN
    UPDATE errand.source AS x SET enabled = p_enabled, enabled_at = CASE WHEN p_enabled THEN p_now ELSE x.enabled_at END
    WHERE x.id = s.id AND x.enabled <> p_enabled;
    IF FOUND THEN
        PERFORM errand._announce_source(s.name, CASE WHEN p_enabled THEN 'idle' ELSE 'stopped' END, s.id, s.owner_oid);
    END IF;
END $$;

-- Function:   _source_drop(name, caller, all)
-- What it left behind is cleared away by the leader: rows of an open run are
-- never locked here.
-- Returns:    whether there was one
-- Tables:     deletes from source, queue
CREATE FUNCTION errand._source_drop(p_name text, p_caller oid, p_all boolean)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_owner oid;
BEGIN
    DELETE FROM errand.source AS s WHERE s.name = p_name AND (p_all OR s.owner_oid = p_caller) RETURNING s.owner_oid INTO v_owner;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM errand.queue AS q WHERE q.name IN (SELECT errand._source_queue(p_name, u.stage) FROM unnest(ARRAY['fetch', 'transform', 'store']) AS u (stage));
    PERFORM errand._announce_source(p_name, 'dropped', 0, v_owner);
    RETURN true;
END $$;

-- Function:   _source_run_now(name, caller, all, now)
-- Returns:    the id of the run that begins, or is open already
-- Raises:     42704, 55000 of a stream
-- Tables:     as _source_run_begin()
CREATE FUNCTION errand._source_run_now(p_name text, p_caller oid, p_all boolean, p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source := errand._source_find(p_name, p_caller, p_all);
    v_state errand.source_state;
    v_run bigint;
BEGIN
    IF s.kind = 'websocket' THEN
        PERFORM errand._refuse(format('source "%s" is a stream', p_name), 'It runs as long as it is started: errand.start_source().', '55000');
    END IF;
    -- First without a lock: the engine must never wait for us to end an open run.
    SELECT r.id INTO v_run FROM errand.source_run AS r WHERE r.source = s.id AND r.finished_at IS NULL AND NOT r.stream;
    IF NOT FOUND THEN
        SELECT x.* INTO v_state FROM errand.source_state AS x WHERE x.source = s.id FOR UPDATE;
        SELECT r.id INTO v_run FROM errand.source_run AS r WHERE r.source = s.id AND r.finished_at IS NULL AND NOT r.stream;
    END IF;
    RETURN coalesce(v_run, errand._source_run_begin(s, v_state, p_now));
END $$;
