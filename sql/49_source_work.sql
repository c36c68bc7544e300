-- What executors do for sources: transform and store.  _source_begin() and
-- _source_end() run as the extension's owner, _source_map() and
-- _source_insert() as the source's owner, since they run what is his.  None is
-- granted to anybody: C calls them, without asking (bgworker/exec/source.c).

-- Function:   _decode(body, type, xml)
-- Returns:    bytes as text: by their byte order mark, the charset of the
--             content type, or what XML says of itself; else UTF-8, and what is
--             not UTF-8 is taken for windows-1252.  Of XML, what no parser needs
--             (its declaration, a DOCTYPE) is taken out, and entities of HTML
--             and lonely ampersands are put right.
-- Raises:     22021 a charset that nobody knows, 2200N XML with entities of its own
CREATE FUNCTION errand._decode(p_body bytea, p_type text, p_xml boolean)
RETURNS text
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'errand_decode';

-- Function:   _source_json(text)
-- Raises:     22P02 with what it begins with
CREATE FUNCTION errand._source_json(p_text text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN p_text::jsonb;
EXCEPTION WHEN untranslatable_character THEN
    -- jsonb holds no NUL: without it the rest is as good as before.
    RETURN replace(p_text, '\u0000', '')::jsonb;
WHEN invalid_text_representation THEN
    RAISE EXCEPTION 'the answer is no JSON: it %', CASE
        WHEN p_text ~ '^\s*$' THEN 'is empty'
        WHEN p_text ~* '^\s*<(!doctype\s+html|html)' THEN 'is an HTML page'
        WHEN p_text ~ '^\s*<' THEN 'looks like XML'
        ELSE format('begins with "%s"', left(regexp_replace(p_text, '\s+', ' ', 'g'), 40)) END USING ERRCODE = '22P02';
END $$;

-- Function:   _source_pick(document, path, pick)
-- Returns:    the cursor that a document holds: of numbers and of times the
--             greatest, else the last; or as pick says: first, last, greatest
CREATE FUNCTION errand._source_pick(p_document jsonb, p_path text, p_pick text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_all jsonb := jsonb_path_query_array(p_document, p_path::jsonpath, '{}', true);
    v_order text;
BEGIN
    SELECT CASE WHEN p_pick IN ('first', 'last') THEN p_pick
                WHEN bool_and(v.value ~ '^-?\d{1,30}(\.\d{1,30})?$') THEN 'number'
                WHEN bool_and(v.value ~ '^\d{4}-\d\d-\d\d') OR p_pick = 'greatest' THEN 'text' ELSE 'last' END
    INTO v_order FROM jsonb_array_elements_text(v_all) AS v WHERE v.value <> '';
    RETURN (
        SELECT jsonb_build_object('value', v.value, 'order', v_order)
        FROM jsonb_array_elements(v_all) WITH ORDINALITY AS v (value, n)
        WHERE v.value #>> '{}' <> '' AND jsonb_typeof(v.value) IN ('string', 'number')
        ORDER BY CASE v_order WHEN 'number' THEN (v.value #>> '{}')::numeric END DESC NULLS LAST,
            CASE v_order WHEN 'text' THEN v.value #>> '{}' END COLLATE "C" DESC NULLS LAST,
            CASE v_order WHEN 'first' THEN - v.n ELSE v.n END DESC
        LIMIT 1);
END $$;

-- Function:   _source_later(old, new)
-- Returns:    of two cursors the one to go on from: the greater, if they can be
--             compared, else that of the later page of the run
CREATE FUNCTION errand._source_later(p_old jsonb, p_new jsonb)
RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_old text := p_old ->> 'value';
    v_new text := p_new ->> 'value';
BEGIN
    IF v_new IS NULL OR v_old IS NULL THEN
        RETURN coalesce(p_new, p_old);
    ELSIF p_new ->> 'order' = 'number' AND p_old ->> 'order' = 'number' THEN
        RETURN CASE WHEN v_new::numeric >= v_old::numeric THEN p_new ELSE p_old END;
    ELSIF p_new ->> 'order' = 'text' AND p_old ->> 'order' = 'text' THEN
        RETURN CASE WHEN v_new COLLATE "C" >= v_old COLLATE "C" THEN p_new ELSE p_old END;
    ELSIF p_old -> 'run' = p_new -> 'run' THEN
        RETURN CASE WHEN ((p_new ->> 'page')::integer >= (p_old ->> 'page')::integer) = (p_new ->> 'order' <> 'first')
                    THEN p_new ELSE p_old END;
    END IF;
    RETURN p_new;
END $$;

-- Function:   _source_items(source, document)
-- Returns:    {items: those that are to be transformed, each key once: its last;
--             duplicate: how many were left out; found: all}
CREATE FUNCTION errand._source_items(p_source errand.source, p_document jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_path text := coalesce(p_source.options ->> 'items', CASE p_source.kind WHEN 'feed' THEN '$.items[*]' ELSE '$[*]' END);
    v_key text := coalesce(p_source.options ->> 'item_key', CASE p_source.kind WHEN 'feed' THEN '$.guid' END);
    v_all jsonb := jsonb_path_query_array(p_document, v_path::jsonpath);
    v_items jsonb := v_all;
BEGIN
    IF v_key IS NOT NULL THEN
        SELECT coalesce(jsonb_agg(k.item ORDER BY k.n), '[]') INTO v_items FROM (
            SELECT DISTINCT ON (coalesce(i.key::text, i.n::text)) i.item, i.n
            FROM (SELECT v.item, v.n, jsonb_path_query_first(v.item, v_key::jsonpath, '{}', true) AS key
                  FROM jsonb_array_elements(v_all) WITH ORDINALITY AS v (item, n)) AS i
            ORDER BY coalesce(i.key::text, i.n::text), i.n DESC) AS k;
    END IF;
    RETURN jsonb_build_object('items', v_items, 'found', jsonb_array_length(v_all),
        'duplicate', jsonb_array_length(v_all) - jsonb_array_length(v_items));
END $$;

-- Function:   _source_plan(source)
-- Returns:    what the functions that run as the source's owner need to know
CREATE FUNCTION errand._source_plan(p_source errand.source, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN jsonb_build_object('source', p_source.name, 'target', p_source.target, 'columns', p_source.options -> 'columns',
        'transform', p_source.options -> 'transform', 'keys', coalesce(p_source.options -> 'keys', '[]'),
        'on_conflict', p_source.options -> 'on_conflict',
        'vars', jsonb_build_object('source', p_source.name, 'fetched_at', p_now, 'url', p_source.url));
END $$;

-- Function:   _source_read(source, body, type)
-- Returns:    what an answer holds: {items, found, duplicate, cursor, ttl,
--             rejects}; or {problem, sqlstate, raw}
CREATE FUNCTION errand._source_read(p_source errand.source, p_body bytea, p_type text)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_text text;
    v_document jsonb;
    v jsonb;
    v_sqlstate text;
BEGIN
    v_text := errand._decode(p_body, p_type, false);
    IF p_source.kind = 'feed' THEN
        v_document := errand._feed_parse(errand._decode(p_body, p_type, true), p_source.url);
    ELSIF v_text ~ '\S' THEN
        v_document := errand._source_json(v_text);
    ELSE
        v_document := '[]';
    END IF;
    v := errand._source_items(p_source, v_document) || jsonb_strip_nulls(jsonb_build_object('ttl', v_document -> 'ttl',
        'rejects', CASE p_source.kind WHEN 'feed' THEN v_document -> 'rejects' END));
    IF v -> 'items' = '[]' AND jsonb_typeof(v_document) = 'object' THEN
        v := v || jsonb_build_object('holds', (SELECT string_agg(k.key, ', ') FROM (
            SELECT x.key FROM jsonb_object_keys(v_document) AS x (key) LIMIT 20) AS k));
    END IF;
    IF p_source.options #>> '{cursor,path}' IS NOT NULL THEN
        v := v || jsonb_build_object('cursor', errand._source_pick(v_document, p_source.options #>> '{cursor,path}',
            p_source.options #>> '{cursor,pick}'));
    END IF;
    RETURN v;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE;
    IF errand._transient(v_sqlstate) THEN
        RAISE;
    END IF;
    RETURN jsonb_build_object('problem', SQLERRM, 'sqlstate', v_sqlstate, 'raw', left(v_text, 1000000));
END $$;

-- Function:   _source_begin(task, now)
-- Returns:    what there is to do for a task of kind source: {stage, items or
--             rows, ...}; NULL if its run is over or its source was dropped
-- Tables:     reads source_piece, source_run, source, outcome
CREATE FUNCTION errand._source_begin(p_task bigint, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p errand.source_piece;
    r errand.source_run;
    s errand.source;
    o errand.outcome;
    v jsonb;
BEGIN
    SELECT x.* INTO p FROM errand.source_piece AS x WHERE x.task = p_task;
    SELECT x.* INTO r FROM errand.source_run AS x WHERE x.id = p.run;
    SELECT x.* INTO s FROM errand.source AS x WHERE x.id = r.source;
    IF s.id IS NULL THEN
        RETURN NULL;
    END IF;
    v := errand._source_plan(s, r.started_at) || jsonb_build_object('stage', errand._source_stage(p.stage));
    IF p.stage = 's' THEN
        RETURN v || jsonb_build_object('rows', p.data);
    ELSIF p.answer IS NULL THEN
        RETURN v || errand._source_items(s, p.data);
    END IF;
    SELECT x.* INTO o FROM errand.outcome AS x WHERE x.id = p.answer;
    IF o.id IS NULL THEN
        RETURN v || jsonb_build_object('problem', format('the answer of task %s was purged', p.answer), 'sqlstate', '55000');
    END IF;
    RETURN v || errand._source_read(s, o.body, o.content_type);
END $$;

-- Function:   _source_map(plan, path)
-- Runs as the source's owner.  An item whose transformation raises an error
-- goes to the rejects; all that has the same cause in the definition fails.
-- Returns:    {rows, rejects}
CREATE FUNCTION errand._source_map(p_plan jsonb, p_path text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_columns text[];
    v_paths jsonpath[];
    v_epochs text[];
    v_values jsonb[];
    v_work jsonb[] := ARRAY[p_plan -> 'items'];
    v_chunk jsonb;
    v_half integer;
    v_part jsonb;
    v_parts jsonb[] := '{}';
    v_rejects jsonb := '[]';
    v_sqlstate text;
BEGIN
    IF jsonb_typeof(p_plan -> 'columns') = 'object' THEN
        SELECT array_agg(c.key), array_agg(coalesce(c.value ->> 'path', CASE jsonb_typeof(c.value) WHEN 'string' THEN c.value #>> '{}' END, '$')::jsonpath),
            array_agg(c.value ->> 'epoch'), array_agg(c.value -> 'value')
        INTO v_columns, v_paths, v_epochs, v_values FROM jsonb_each(p_plan -> 'columns') AS c;
    ELSIF p_plan ->> 'transform' IS NOT NULL THEN
        PERFORM set_config('search_path', p_path, true);
    END IF;
    WHILE cardinality(v_work) > 0 LOOP
        v_chunk := v_work[cardinality(v_work)];
        v_work := trim_array(v_work, 1);
        BEGIN
            IF v_columns IS NOT NULL THEN
                SELECT jsonb_agg(x.mapped ORDER BY x.n) INTO v_part FROM (
                    SELECT i.n, (
                        SELECT coalesce(jsonb_object_agg(c.name, v.val) FILTER (WHERE v.val IS NOT NULL), '{}')
                        FROM unnest(v_columns, v_paths, v_epochs, v_values) AS c (name, path, epoch, val)
                        CROSS JOIN LATERAL (SELECT CASE WHEN c.val IS NOT NULL THEN c.val
                            ELSE jsonb_path_query_first_tz(i.item, c.path, p_plan -> 'vars') END) AS f (found)
                        CROSS JOIN LATERAL (SELECT CASE WHEN c.epoch IS NULL OR jsonb_typeof(f.found) = 'null' THEN f.found
                            ELSE to_jsonb(to_timestamp((f.found #>> '{}')::numeric::double precision
                                / CASE c.epoch WHEN 'ms' THEN 1000 WHEN 'us' THEN 1000000 ELSE 1 END)) END) AS v (val)) AS mapped
                    FROM jsonb_array_elements(v_chunk) WITH ORDINALITY AS i (item, n)) AS x;
            ELSIF p_plan ->> 'transform' IS NOT NULL THEN
                EXECUTE 'SELECT pg_catalog.jsonb_agg(t.item ORDER BY i.n) FROM pg_catalog.jsonb_array_elements($1) WITH ORDINALITY AS i (item, n)'
                    || ' CROSS JOIN LATERAL ' || (p_plan ->> 'transform') || '(i.item) AS t (item) WHERE t.item IS NOT NULL'
                    INTO v_part USING v_chunk;
            ELSE
                v_part := v_chunk;
            END IF;
            v_part := coalesce(v_part, '[]');
            PERFORM FROM jsonb_array_elements(v_part) AS e WHERE jsonb_typeof(e.value) <> 'object';
            IF FOUND THEN
                RAISE EXCEPTION 'the item becomes no row: a row is a JSON object, column by column' USING ERRCODE = '22023';
            END IF;
            v_parts := v_parts || v_part;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE;
            IF left(v_sqlstate, 2) NOT IN ('21', '22', '23', '38', '39', 'P0') THEN
                RAISE;
            END IF;
            v_half := jsonb_array_length(v_chunk) / 2;
            IF v_half = 0 THEN
                v_rejects := v_rejects || jsonb_build_array(jsonb_build_object('sqlstate', v_sqlstate, 'reason', SQLERRM, 'item', v_chunk -> 0));
            ELSE
                v_work := v_work || jsonb_path_query_array(v_chunk, format('$[%s to last]', v_half)::jsonpath)
                    || jsonb_path_query_array(v_chunk, format('$[0 to %s]', v_half - 1)::jsonpath);
            END IF;
        END;
    END LOOP;
    IF cardinality(v_parts) = 1 THEN
        RETURN jsonb_build_object('rejects', v_rejects, 'rows', v_parts[1]);
    END IF;
    RETURN jsonb_build_object('rejects', v_rejects, 'rows', coalesce(
        (SELECT jsonb_agg(e.value ORDER BY p.n, e.n) FROM unnest(v_parts) WITH ORDINALITY AS p (part, n)
         CROSS JOIN LATERAL jsonb_array_elements(p.part) WITH ORDINALITY AS e (value, n)), '[]'));
END $$;

-- Function:   _source_insert(plan, path)
-- Runs as the source's owner.  Rows with values for the same columns are
-- inserted together; what a row has no value for gets the column's default.  A
-- row that the table refuses goes to the rejects.
-- Returns:    {stored, duplicate, rejects, news: rows as they are now, those
--             above 1 kB by their key}
CREATE FUNCTION errand._source_insert(p_plan jsonb, p_path text)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_target text := p_plan ->> 'target';
    v_known text[] := ARRAY(
        SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = to_regclass(v_target) AND a.attnum > 0
          AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a');
    v_how text := p_plan ->> 'on_conflict';
    v_key text[];
    v_list text;
    v_sql text;
    v_groups jsonb[];
    v_group jsonb;
    v_columns text[];
    v_work jsonb[];
    v_chunk jsonb;
    v_half integer;
    v_count bigint;
    v_part jsonb;
    v_stored bigint := 0;
    v_duplicate bigint := 0;
    v_news jsonb := '[]';
    v_rejects jsonb := '[]';
    v_sqlstate text;
BEGIN
    IF cardinality(v_known) = 0 THEN
        RAISE EXCEPTION 'the table % is no more', v_target USING ERRCODE = '42P01', HINT = 'Define the source again with another target.';
    END IF;
    -- Mostly all rows have the same members.
    v_columns := ARRAY(SELECT jsonb_object_keys(CASE jsonb_typeof(p_plan #> '{rows,0}') WHEN 'object' THEN p_plan #> '{rows,0}' ELSE '{}' END));
    IF (SELECT bool_and(r.item ?& v_columns AND r.item - v_columns = '{}') FROM jsonb_array_elements(p_plan -> 'rows') AS r (item)) THEN
        v_groups := ARRAY[jsonb_build_object('rows', p_plan -> 'rows', 'columns',
            (SELECT coalesce(jsonb_agg(x.name ORDER BY x.name), '[]') FROM unnest(v_columns) AS x (name) WHERE x.name = ANY (v_known)))];
    ELSE
        v_groups := ARRAY(
            SELECT jsonb_build_object('columns', k.columns, 'rows', jsonb_agg(r.item ORDER BY r.n))
            FROM jsonb_array_elements(p_plan -> 'rows') WITH ORDINALITY AS r (item, n)
            CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(x.name ORDER BY x.name), '[]') AS columns
                                FROM jsonb_object_keys(r.item) AS x (name) WHERE x.name = ANY (v_known)) AS k
            GROUP BY k.columns);
    END IF;
    PERFORM set_config('search_path', p_path, true);
    FOREACH v_group IN ARRAY v_groups LOOP
        v_columns := ARRAY(SELECT jsonb_array_elements_text(v_group -> 'columns'));
        IF cardinality(v_columns) = 0 THEN
            v_rejects := v_rejects || (SELECT jsonb_agg(jsonb_build_object('sqlstate', '22023', 'reason',
                'it has no value for any column of ' || v_target, 'item', e.value)) FROM jsonb_array_elements(v_group -> 'rows') AS e);
            CONTINUE;
        END IF;
        v_key := (SELECT ARRAY(SELECT jsonb_array_elements_text(k.value)) FROM jsonb_array_elements(p_plan -> 'keys') WITH ORDINALITY AS k (value, n)
                  WHERE (v_group -> 'columns') @> k.value ORDER BY k.n LIMIT 1);
        IF v_how = 'update' AND v_key IS NULL THEN
            v_rejects := v_rejects || (SELECT jsonb_agg(jsonb_build_object('sqlstate', '22023', 'reason',
                'it has no value for a key of ' || v_target, 'item', e.value)) FROM jsonb_array_elements(v_group -> 'rows') AS e);
            CONTINUE;
        END IF;
        SELECT string_agg(format('%I', c.name), ', ') INTO v_list FROM unnest(v_columns) AS c (name);
        v_sql := 'WITH errand_read AS MATERIALIZED (SELECT '
            || CASE WHEN v_how = 'update' THEN (SELECT format('DISTINCT ON (%s, CASE WHEN %s THEN u.n END)',
                    string_agg(format('r.%I', k.name), ', '), string_agg(format('r.%I IS NULL', k.name), ' OR ')) FROM unnest(v_key) AS k (name))
                    ELSE '' END
            || (SELECT string_agg(format(' r.%I', c.name), ',') FROM unnest(v_columns) AS c (name))
            || ' FROM pg_catalog.jsonb_array_elements($1) WITH ORDINALITY AS u (j, n) CROSS JOIN LATERAL pg_catalog.jsonb_populate_record(NULL::'
            || v_target || ', u.j) AS r ORDER BY '
            || CASE WHEN v_how IS NULL OR v_key IS NULL THEN 'u.n' ELSE (SELECT format('%s, CASE WHEN %s THEN u.n END, u.n DESC',
                    string_agg(format('r.%I', k.name), ', '), string_agg(format('r.%I IS NULL', k.name), ' OR ')) FROM unnest(v_key) AS k (name)) END
            || '), errand_stored AS (INSERT INTO ' || v_target || ' AS errand_target (' || v_list || ') SELECT ' || v_list || ' FROM errand_read'
            || CASE v_how WHEN 'ignore' THEN ' ON CONFLICT DO NOTHING'
                    WHEN 'update' THEN (
                        SELECT format(' ON CONFLICT (%s) DO ', (SELECT string_agg(format('%I', k.name), ', ') FROM unnest(v_key) AS k (name)))
                            || coalesce('UPDATE SET ' || string_agg(format('%1$I = excluded.%1$I', c.name), ', ')
                                || format(' WHERE ROW(%s)::text IS DISTINCT FROM ROW(%s)::text', string_agg(format('errand_target.%I', c.name), ', '),
                                    string_agg(format('excluded.%I', c.name), ', ')), 'NOTHING')
                        FROM unnest(v_columns) AS c (name) WHERE c.name <> ALL (v_key))
                    ELSE '' END
            || ' RETURNING errand_target.*) SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(pg_catalog.to_jsonb(errand_stored)) FROM errand_stored';
        v_work := ARRAY[v_group -> 'rows'];
        WHILE cardinality(v_work) > 0 LOOP
            v_chunk := v_work[cardinality(v_work)];
            v_work := trim_array(v_work, 1);
            BEGIN
                EXECUTE v_sql INTO v_count, v_part USING v_chunk;
                SET CONSTRAINTS ALL IMMEDIATE;
                v_stored := v_stored + v_count;
                v_duplicate := v_duplicate + jsonb_array_length(v_chunk) - v_count;
                v_news := v_news || coalesce(v_part, '[]');
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS v_sqlstate = RETURNED_SQLSTATE;
                IF left(v_sqlstate, 2) NOT IN ('21', '22', '23', '38', '39', 'P0', '44') THEN
                    RAISE;
                END IF;
                v_half := jsonb_array_length(v_chunk) / 2;
                IF v_half = 0 THEN
                    v_rejects := v_rejects || jsonb_build_array(jsonb_build_object('sqlstate', v_sqlstate, 'reason', SQLERRM, 'item', v_chunk -> 0));
                ELSE
                    v_work := v_work || jsonb_path_query_array(v_chunk, format('$[%s to last]', v_half)::jsonpath)
                        || jsonb_path_query_array(v_chunk, format('$[0 to %s]', v_half - 1)::jsonpath);
                END IF;
            END;
        END LOOP;
    END LOOP;
    v_key := (SELECT ARRAY(SELECT jsonb_array_elements_text(k.value)) FROM jsonb_array_elements(p_plan -> 'keys') WITH ORDINALITY AS k (value, n) ORDER BY k.n LIMIT 1);
    SELECT coalesce(jsonb_agg(CASE WHEN octet_length(e.value::text) <= 1024 THEN e.value
        ELSE jsonb_build_object('large', true, 'key', (SELECT jsonb_object_agg(k.name, e.value -> k.name) FROM unnest(v_key) AS k (name))) END ORDER BY e.n), '[]')
    INTO v_news FROM jsonb_array_elements(v_news) WITH ORDINALITY AS e (value, n);
    RETURN jsonb_build_object('stored', v_stored, 'duplicate', v_duplicate, 'rejects', v_rejects, 'news', v_news);
END $$;

-- Function:   _source_reject(source, run, stage, rejects, raw, now)
-- Keeps bad items, each once: one that comes again is counted.
-- Tables:     writes reject
CREATE FUNCTION errand._source_reject(p_source errand.source, p_run bigint, p_stage text, p_rejects jsonb, p_raw text, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_key text := coalesce(p_source.options ->> 'item_key', CASE p_source.kind WHEN 'feed' THEN '$.guid' END);
BEGIN
    INSERT INTO errand.reject AS j (source, run, at, last_at, stage, sqlstate, reason, item_key, item, raw, hash)
    SELECT DISTINCT ON (h.hash) p_source.id, p_run, p_now, p_now, p_stage, e.value ->> 'sqlstate', left(e.value ->> 'reason', 2000),
        left(jsonb_path_query_first(e.value -> 'item', v_key::jsonpath, '{}', true) #>> '{}', 1000), e.value -> 'item', p_raw, h.hash
    FROM jsonb_array_elements(p_rejects) AS e
    CROSS JOIN LATERAL (SELECT sha256(convert_to(concat_ws(E'\n', p_stage, e.value ->> 'sqlstate', e.value -> 'item', p_raw), 'UTF8')) AS hash) AS h
    ORDER BY h.hash
    ON CONFLICT (source, hash) DO UPDATE SET run = excluded.run, last_at = excluded.last_at, times = j.times + 1, reason = excluded.reason;
END $$;

-- Function:   _source_transformed(source, run, piece, plan, result, now)
-- Tables:     writes source_piece; updates source_run
CREATE FUNCTION errand._source_transformed(p_source errand.source, p_run errand.source_run, p_piece errand.source_piece, p_plan jsonb,
    p_result jsonb, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_cursor jsonb := nullif(p_plan -> 'cursor', 'null') || jsonb_build_object('run', p_run.id, 'page', p_piece.page);
    v_ttl integer := (p_plan ->> 'ttl')::integer;
    v_most integer := coalesce((p_source.options ->> 'batch_rows')::integer, 500);
    v_chunk jsonb;
BEGIN
    UPDATE errand.source_run AS r SET items = r.items + (p_plan ->> 'found')::bigint, duplicate = r.duplicate + (p_plan ->> 'duplicate')::bigint,
        cursor = errand._source_later(r.cursor, v_cursor),
        wait_until = greatest(r.wait_until, r.started_at + CASE WHEN v_ttl IS NOT NULL THEN least(v_ttl, 1440) * interval '1 min' END)
    WHERE r.id = p_run.id;
    FOR v_chunk IN
        SELECT p_result -> 'rows' WHERE jsonb_array_length(p_result -> 'rows') BETWEEN 1 AND v_most
        UNION ALL
        (SELECT jsonb_agg(e.value ORDER BY e.n) FROM jsonb_array_elements(p_result -> 'rows') WITH ORDINALITY AS e (value, n)
         WHERE jsonb_array_length(p_result -> 'rows') > v_most GROUP BY (e.n - 1) / v_most ORDER BY (e.n - 1) / v_most)
    LOOP
        INSERT INTO errand.source_piece (run, task, page, stage, data)
        VALUES (p_run.id, errand._source_task(p_source, 's', jsonb_build_object('source', p_source.name, 'run', p_run.id,
            'page', p_piece.page), NULL, p_now), p_piece.page, 's', v_chunk);
    END LOOP;
END $$;

-- Function:   _source_stored(source, run, result, now)
-- Tables:     updates source_run; writes source_news
CREATE FUNCTION errand._source_stored(p_source errand.source, p_run errand.source_run, p_result jsonb, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_news bigint;
BEGIN
    UPDATE errand.source_run AS r SET stored = r.stored + (p_result ->> 'stored')::bigint,
        duplicate = r.duplicate + (p_result ->> 'duplicate')::bigint WHERE r.id = p_run.id;
    IF jsonb_array_length(p_result -> 'news') > 0 THEN
        INSERT INTO errand.source_news (source, run, at, items) VALUES (p_source.id, p_run.id, p_now, p_result -> 'news')
        RETURNING source_news.id INTO v_news;
        PERFORM errand._announce_source(p_source.name, 'rows', v_news, p_source.owner_oid);
    END IF;
END $$;

-- Function:   _source_end(task, plan, result, now)
-- What a task of kind source came to: the next pieces, bad items, counts; in
-- the transaction of its outcome, and of the rows that it stored.
-- Returns:    the task's result
-- Tables:     deletes from source_piece; as _source_advance()
CREATE FUNCTION errand._source_end(p_task bigint, p_plan jsonb, p_result jsonb, p_now timestamptz)
RETURNS jsonb
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p errand.source_piece;
    r errand.source_run;
    s errand.source;
    v_rejects jsonb := coalesce(p_plan -> 'rejects', '[]') || coalesce(p_result -> 'rejects', '[]');
BEGIN
    SELECT x.* INTO p FROM errand.source_piece AS x WHERE x.task = p_task;
    SELECT x.* INTO r FROM errand.source_run AS x WHERE x.id = p.run;
    SELECT x.* INTO s FROM errand.source AS x WHERE x.id = r.source;
    IF p_plan ? 'problem' THEN
        v_rejects := jsonb_build_array(jsonb_build_object('sqlstate', p_plan -> 'sqlstate', 'reason', p_plan -> 'problem'));
    END IF;
    IF s.id IS NOT NULL AND jsonb_array_length(v_rejects) > 0 THEN
        PERFORM errand._source_reject(s, r.id, p_plan ->> 'stage', v_rejects, p_plan ->> 'raw', p_now);
    END IF;
    SELECT x.* INTO r FROM errand.source_run AS x WHERE x.id = p.run FOR UPDATE;
    DELETE FROM errand.source_piece AS x WHERE x.id = p.id;
    IF NOT FOUND OR s.id IS NULL THEN
        RETURN '{"over": true}';
    END IF;
    UPDATE errand.source_run AS x SET rejected = x.rejected + jsonb_array_length(v_rejects) WHERE x.id = r.id;
    IF p_plan ? 'problem' THEN
        PERFORM errand._source_fail(r.id, p_plan ->> 'sqlstate', p_plan ->> 'problem');
    ELSIF p.stage = 't' THEN
        PERFORM errand._source_transformed(s, r, p, p_plan, p_result, p_now);
    ELSE
        PERFORM errand._source_stored(s, r, p_result, p_now);
    END IF;
    PERFORM errand._source_advance(r.id, p_now);
    RETURN jsonb_strip_nulls(jsonb_build_object('items', p_plan -> 'found', 'rows', jsonb_array_length(p_result -> 'rows'),
        'stored', p_result -> 'stored', 'duplicate', coalesce(p_result -> 'duplicate', p_plan -> 'duplicate'),
        'rejected', jsonb_array_length(v_rejects), 'problem', p_plan -> 'problem'));
END $$;

-- Function:   _stream_batch(source, items, now)
-- What a stream's process hands over: items are transformed and stored like
-- those of a page.
-- Returns:    how many batches of the source are not stored yet, this one
--             included; NULL if there is no such source
-- Tables:     writes source_run, source_piece; as _submit()
CREATE FUNCTION errand._stream_batch(p_source text, p_items jsonb[], p_now timestamptz)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s errand.source;
    v_run bigint := nextval('errand.task_id');
BEGIN
    SELECT x.* INTO s FROM errand.source AS x WHERE x.name = p_source AND x.kind = 'websocket';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO errand.source_run (id, source, started_at, state, stream) VALUES (v_run, s.id, p_now, 'x', true);
    INSERT INTO errand.source_piece (run, task, page, stage, data)
    VALUES (v_run, errand._source_task(s, 't', jsonb_build_object('source', s.name, 'run', v_run), NULL, p_now), 1, 't', to_jsonb(p_items));
    RETURN (SELECT count(*) FROM errand.source_run AS r WHERE r.source = s.id AND r.finished_at IS NULL);
END $$;
